//! P17 and P18: the domains of an organisation, and which organisation has a domain.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Domain, JoinMode};
use super::name::DomainName;
use crate::clock::Timestamp;
use crate::id::OrgId;
use crate::table::{StoreError, Table, Transaction, keys, number};

/// The organisation that has a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Which.
    pub org: OrgId,
    /// How one gets in.
    pub join: JoinMode,
}

impl Table {
    /// P17: a domain of an organisation.
    pub async fn domain(&self, org: OrgId, domain: &DomainName) -> Result<Option<Domain>, StoreError> {
        self.get(&keys::domain(org, domain.as_str())).await
    }

    /// P17: every domain of an organisation.
    pub async fn domains(&self, org: OrgId) -> Result<Vec<Domain>, StoreError> {
        self.all(&keys::domains(org)).await
    }

    /// P18: the organisation that has proved a domain.
    pub async fn home_of_domain(&self, domain: &DomainName) -> Result<Option<Home>, StoreError> {
        self.get(&keys::home_of_domain(domain.as_str())).await
    }
}

impl Transaction<'_> {
    /// P17: a domain that is named (1 write); refused when it was before.
    pub fn put_domain(self, domain: &Domain) -> Result<Self, StoreError> {
        self.put_new(&keys::domain(domain.org, domain.domain.as_str()), domain, None)
    }

    /// P18 and P17: a domain is shown to be the organisation's (2 writes). The first is refused when
    /// another has it, the second when this one has given it up or shown it before.
    pub fn verify_domain(self, domain: &Domain, now: Timestamp) -> Result<Self, StoreError> {
        let home = Home { org: domain.org, join: domain.join };
        let values = HashMap::from([
            (":now".to_owned(), number(now.millis())),
            (":pending".to_owned(), number(0)),
            (":token".to_owned(), AttributeValue::S(domain.token.clone())),
        ]);
        self.put_new(&keys::home_of_domain(domain.domain.as_str()), &home, None)?.update(
            &keys::domain(domain.org, domain.domain.as_str()),
            "SET #status = :now",
            "#status = :pending AND #token = :token",
            &[("#status", "status"), ("#token", "token")],
            values,
        )
    }

    /// P17 and, where it was shown, P18: a domain is given up (1 or 2 writes).
    pub fn delete_domain(self, domain: &Domain, verified: bool) -> Result<Self, StoreError> {
        let name = domain.domain.as_str();
        let transaction = self.delete(&keys::domain(domain.org, name))?;
        if !verified {
            return Ok(transaction);
        }
        let ours = HashMap::from([(":org".to_owned(), AttributeValue::S(domain.org.to_string()))]);
        transaction.delete_if(&keys::home_of_domain(name), "org = :org", &[], ours)
    }
}
