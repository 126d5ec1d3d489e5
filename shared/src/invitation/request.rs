//! P22: somebody whose address is at a domain of an organisation asks to join it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, UserId};
use crate::table::{StoreError, Table, Transaction, keys};

/// How long a request waits for an answer.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// A request to join an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Which.
    pub org: OrgId,
    /// Who.
    pub user: UserId,
    /// Since when.
    #[serde(with = "millis")]
    pub requested_at: Timestamp,
}

impl JoinRequest {
    /// Whether its time is not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.requested_at.plus(KEPT)
    }
}

impl Table {
    /// P22: a request.
    pub async fn join_request(&self, org: OrgId, user: UserId) -> Result<Option<JoinRequest>, StoreError> {
        self.get(&keys::join_request(org, user)).await
    }

    /// P22: a page of requests, those whose accounts are the youngest first.
    pub async fn join_requests(
        &self,
        org: OrgId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<JoinRequest>, StoreError> {
        let after = after.map(|user| keys::join_request(org, user));
        self.page(&keys::join_requests(org), after.as_ref(), limit).await
    }
}

impl Transaction<'_> {
    /// P22: a new request (1 write).
    pub fn put_join_request(self, request: &JoinRequest) -> Result<Self, StoreError> {
        let key = keys::join_request(request.org, request.user);
        self.put_new(&key, request, Some(request.requested_at.plus(KEPT)))
    }

    /// P22: a request was answered (1 write); refused when it was before.
    pub fn delete_join_request(self, org: OrgId, user: UserId) -> Result<Self, StoreError> {
        self.delete(&keys::join_request(org, user))
    }
}
