//! P14. A code is used up by the write that accepts it, so that of many at once one is accepted.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Factor, FactorState};
use crate::clock::{Timestamp, millis};
use crate::id::UserId;
use crate::secret::Sealed;
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys, number};

#[derive(Serialize, Deserialize)]
struct FactorItem {
    user: UserId,
    secret: Sealed,
    #[serde(with = "millis")]
    since: Timestamp,
    confirmed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_step: Option<i64>,
    /// A set of DynamoDB's, from which one write takes one. It has no empty form: then it is absent.
    #[serde(default, skip_serializing)]
    recovery_codes: HashSet<String>,
}

impl From<FactorItem> for Factor {
    fn from(item: FactorItem) -> Self {
        let since = item.since;
        Self {
            user: item.user,
            secret: item.secret,
            state: if item.confirmed {
                FactorState::Confirmed { since }
            } else {
                FactorState::Pending { since }
            },
            last_step: item.last_step,
            recovery_codes_left: item.recovery_codes.len(),
        }
    }
}

/// Of an item that was read with others.
pub(crate) fn factor_of(item: Item) -> Result<Factor, StoreError> {
    from_item::<FactorItem>(item).map(Into::into)
}

fn values<const N: usize>(values: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

const CONFIRMED: &str = "confirmed = :yes";

fn yes() -> AttributeValue {
    AttributeValue::Bool(true)
}

impl Table {
    /// P14: the second factor of a person, whether or not it counts.
    pub async fn factor(&self, user: UserId) -> Result<Option<Factor>, StoreError> {
        self.get_item(&keys::factor(user)).await?.map(factor_of).transpose()
    }

    /// P14: begins a factor, in the place of one that was begun before; `false` when one counts already.
    pub async fn put_pending_factor(&self, factor: &Factor) -> Result<bool, StoreError> {
        let item = FactorItem {
            user: factor.user,
            secret: factor.secret.clone(),
            since: match factor.state {
                FactorState::Pending { since } | FactorState::Confirmed { since } => since,
            },
            confirmed: false,
            last_step: None,
            recovery_codes: HashSet::new(),
        };
        let none_counts = "attribute_not_exists(pk) OR confirmed <> :yes";
        self.put_if(&keys::factor(factor.user), &item, None, none_counts, values([(":yes", yes())])).await
    }

    /// P14: the secret, sealed anew, in the place of `before`; `false` when it is another by now, or gone.
    pub async fn put_resealed_factor(&self, factor: &Factor, before: &Sealed) -> Result<bool, StoreError> {
        let values = values([
            (":before", serde_dynamo::to_attribute_value(before)?),
            (":after", serde_dynamo::to_attribute_value(&factor.secret)?),
        ]);
        let (change, condition) = ("SET #secret = :after", "#secret = :before");
        let names = [("#secret", "secret")];
        self.update_named(&keys::factor(factor.user), change, Some(condition), &names, values).await
    }

    /// P14: accepts a code of `step`; `false` when one of it or of a later step was accepted before.
    pub async fn use_step(&self, user: UserId, step: i64) -> Result<bool, StoreError> {
        let values = values([(":yes", yes()), (":step", number(step))]);
        let condition = "confirmed = :yes AND (attribute_not_exists(last_step) OR last_step < :step)";
        self.update_item(&keys::factor(user), "SET last_step = :step", Some(condition), values).await
    }

    /// P14: accepts a recovery code by its digest; `false` when it is none of the person's, or used.
    pub async fn use_recovery_code(&self, user: UserId, digest: &str) -> Result<bool, StoreError> {
        let values = values([
            (":yes", yes()),
            (":code", AttributeValue::S(digest.to_owned())),
            (":codes", AttributeValue::Ss(vec![digest.to_owned()])),
        ]);
        let condition = "confirmed = :yes AND contains(recovery_codes, :code)";
        self.update_item(&keys::factor(user), "DELETE recovery_codes :codes", Some(condition), values).await
    }
}

impl Transaction<'_> {
    /// P14: the factor counts from now on (1 write); refused when another was begun since it was read.
    pub fn confirm_factor(
        self,
        factor: &Factor,
        step: i64,
        recovery_codes: &[String],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let secret: AttributeValue = serde_dynamo::to_attribute_value(&factor.secret)?;
        let values = values([
            (":yes", yes()),
            (":no", AttributeValue::Bool(false)),
            (":secret", secret),
            (":step", number(step)),
            (":codes", AttributeValue::Ss(recovery_codes.to_vec())),
            (":now", number(now.millis())),
        ]);
        self.update(
            &keys::factor(factor.user),
            "SET confirmed = :yes, last_step = :step, recovery_codes = :codes, #since = :now",
            "#secret = :secret AND confirmed = :no",
            &[("#secret", "secret"), ("#since", "since")],
            values,
        )
    }

    /// P14: other recovery codes (1 write); refused when no factor counts.
    pub fn replace_recovery_codes(self, user: UserId, digests: &[String]) -> Result<Self, StoreError> {
        let values = values([(":yes", yes()), (":codes", AttributeValue::Ss(digests.to_vec()))]);
        self.update(&keys::factor(user), "SET recovery_codes = :codes", CONFIRMED, &[], values)
    }

    /// P14: the factor is gone (1 write); refused when there is none.
    pub fn delete_factor(self, user: UserId) -> Result<Self, StoreError> {
        self.delete(&keys::factor(user))
    }
}
