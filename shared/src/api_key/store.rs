//! P7 and P8: a key stands twice. Once under its own id, with the digest, where one read
//! authenticates; once under its organisation, without it, where it is listed and where its last use is.
//! A change is written to both, on the version it was made from, or to none.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{ApiKey, LastUse, Secret, StoredKey};
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, OrgId};
use crate::table::{StoreError, Table, Transaction, keys, number};

/// A key as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// When it was last used.
    #[serde(flatten)]
    pub last_use: LastUse,
}

/// What a change may take away: these are removed where the new key has none.
const OPTIONAL: &[&str] = &["expires_at", "allowed_cidrs", "rate_limit", "quota", "previous_expires_at"];

impl Table {
    /// P7: the key that a text names, in one consistent read.
    pub async fn stored_key(&self, id: ApiKeyId) -> Result<Option<StoredKey>, StoreError> {
        self.get(&keys::api_key(id)).await
    }

    /// P8: a key of an organisation.
    pub async fn api_key(&self, org: OrgId, id: ApiKeyId) -> Result<Option<ListedKey>, StoreError> {
        self.get(&keys::api_key_of(org, id)).await
    }

    /// P8: a page of an organisation's keys, the newest first.
    pub async fn api_keys(
        &self,
        org: OrgId,
        after: Option<ApiKeyId>,
        limit: u16,
    ) -> Result<Vec<ListedKey>, StoreError> {
        let after = after.map(|id| keys::api_key_of(org, id));
        self.page(&keys::api_keys_of(org), after.as_ref(), limit).await
    }

    /// P8: the key was used at `now`; nothing when it is on record that it was less than `apart` ago.
    pub async fn note_use(
        &self,
        key: &ApiKey,
        secret: Secret,
        now: Timestamp,
        apart: Duration,
    ) -> Result<(), StoreError> {
        let attribute = match secret {
            Secret::Current => "last_used_at",
            Secret::Previous => "previous_last_used_at",
        };
        let values = HashMap::from([
            (":now".to_owned(), number(now.millis())),
            (":before".to_owned(), number(now.minus(apart).millis())),
        ]);
        let change = format!("SET {attribute} = :now");
        let condition =
            format!("attribute_exists(pk) AND (attribute_not_exists({attribute}) OR {attribute} <= :before)");
        self.update_item(&keys::api_key_of(key.org, key.id), &change, Some(&condition), values).await?;
        Ok(())
    }

    /// P7 and P8: takes away what is left of a key of an organisation that is gone.
    pub async fn forget_api_key(&self, org: OrgId, id: ApiKeyId) -> Result<(), StoreError> {
        self.delete_item(&keys::api_key(id)).await?;
        self.delete_item(&keys::api_key_of(org, id)).await
    }
}

impl Transaction<'_> {
    /// P7 and P8: a new key (2 writes).
    pub fn put_api_key(self, stored: &StoredKey) -> Result<Self, StoreError> {
        let key = &stored.key;
        self.put_new(&keys::api_key(key.id), stored, None)?.put_new(
            &keys::api_key_of(key.org, key.id),
            key,
            None,
        )
    }

    /// P7 and P8: a changed key, one version later than what it was made from (2 writes). Refused when it
    /// is not that version any more, or was taken away.
    pub fn change_api_key(self, new: &StoredKey) -> Result<Self, StoreError> {
        self.write_api_key(new, OPTIONAL)
    }

    /// The same for a key that has another secret: with the one before it was not used since.
    pub fn rotate_api_key(self, new: &StoredKey) -> Result<Self, StoreError> {
        self.write_api_key(new, &[OPTIONAL, &["previous_last_used_at"]].concat())
    }

    fn write_api_key(self, new: &StoredKey, optional: &[&str]) -> Result<Self, StoreError> {
        let from = || HashMap::from([(":from".to_owned(), number(new.key.version.saturating_sub(1)))]);
        let listed = keys::api_key_of(new.key.org, new.key.id);
        // When the key was last used stays as it is: whoever uses it writes that meanwhile.
        self.put_if(&keys::api_key(new.key.id), new, None, SAME_VERSION, from())?.change(
            &listed,
            &new.key,
            optional,
            SAME_VERSION,
            from(),
        )
    }

    /// P7 and P8: from now on the key is not accepted (2 writes). Refused when it is not there or was
    /// revoked before.
    pub fn revoke_api_key(self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<Self, StoreError> {
        self.mark_api_key(org, id, "revoked_at", "attribute_not_exists(revoked_at)", now)
    }

    /// P7 and P8: from now on the key is not accepted, since somebody has it who should not (2 writes).
    /// Refused when it is not there, or was revoked or reported before.
    pub fn mark_api_key_leaked(self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<Self, StoreError> {
        let live = "attribute_not_exists(revoked_at) AND attribute_not_exists(leaked_at)";
        self.mark_api_key(org, id, "leaked_at", live, now)
    }

    fn mark_api_key(
        self,
        org: OrgId,
        id: ApiKeyId,
        attribute: &str,
        live: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        // A key of the first schema has no version: its first change makes it the second.
        let change = format!("SET {attribute} = :now, version = if_not_exists(version, :one) + :one");
        let condition = format!("attribute_exists(pk) AND {live}");
        let values: HashMap<String, AttributeValue> =
            HashMap::from([(":now".to_owned(), number(now.millis())), (":one".to_owned(), number(1))]);
        self.update(&keys::api_key_of(org, id), &change, &condition, &[], values.clone())?.update(
            &keys::api_key(id),
            &change,
            &condition,
            &[],
            values,
        )
    }
}

/// Keys of early days have no version.
const SAME_VERSION: &str = "attribute_exists(pk) AND (version = :from OR attribute_not_exists(version))";
