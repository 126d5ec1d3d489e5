//! P7 and P8: a key stands twice. Once under its own id, with the digest, where one read
//! authenticates; once under its organisation, without it, where it is listed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::model::ApiKey;
use crate::clock::{Timestamp, millis};
use crate::id::{ApiKeyId, OrgId, UserId};
use crate::name::{Metadata, Name};
use crate::scope::Scopes;
use crate::table::{StoreError, Table, Transaction, keys, number};
use crate::token::{Environment, KeyDigest};

/// A key and what its text is compared with.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// Of its text.
    pub digest: KeyDigest,
}

#[derive(Serialize, Deserialize)]
struct ApiKeyItem {
    key: ApiKeyId,
    org: OrgId,
    name: Name,
    scopes: Scopes,
    environment: Environment,
    hint: String,
    created_by: UserId,
    #[serde(with = "millis")]
    created_at: Timestamp,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<KeyDigest>,
}

impl ApiKeyItem {
    fn new(key: &ApiKey, digest: Option<KeyDigest>) -> Self {
        let ApiKey {
            id,
            org,
            name,
            scopes,
            environment,
            hint,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            metadata,
        } = key.clone();
        Self {
            key: id,
            org,
            name,
            scopes,
            environment,
            hint,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            metadata,
            digest,
        }
    }
}

impl From<ApiKeyItem> for ApiKey {
    fn from(item: ApiKeyItem) -> Self {
        let ApiKeyItem {
            key,
            org,
            name,
            scopes,
            environment,
            hint,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            metadata,
            digest: _,
        } = item;
        Self {
            id: key,
            org,
            name,
            scopes,
            environment,
            hint,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            metadata,
        }
    }
}

impl Table {
    /// P7: the key that a text names, in one consistent read.
    pub async fn stored_key(&self, id: ApiKeyId) -> Result<Option<StoredKey>, StoreError> {
        let Some(mut item) = self.get::<ApiKeyItem>(&keys::api_key(id)).await? else { return Ok(None) };
        let digest = item.digest.take().ok_or_else(|| StoreError::Corrupt(format!("{id} has no digest")))?;
        Ok(Some(StoredKey { key: item.into(), digest }))
    }

    /// P8: a key of an organisation.
    pub async fn api_key(&self, org: OrgId, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let item: Option<ApiKeyItem> = self.get(&keys::api_key_of(org, id)).await?;
        Ok(item.map(Into::into))
    }

    /// P8: a page of an organisation's keys, the newest first.
    pub async fn api_keys(
        &self,
        org: OrgId,
        after: Option<ApiKeyId>,
        limit: u16,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let after = after.map(|id| keys::api_key_of(org, id));
        let items: Vec<ApiKeyItem> = self.page(&keys::api_keys_of(org), after.as_ref(), limit).await?;
        Ok(items.into_iter().map(Into::into).collect())
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
        let StoredKey { key, digest } = stored;
        self.put_new(&keys::api_key(key.id), &ApiKeyItem::new(key, Some(digest.clone())), None)?.put_new(
            &keys::api_key_of(key.org, key.id),
            &ApiKeyItem::new(key, None),
            None,
        )
    }

    /// P7 and P8: from now on the key is not accepted (2 writes). Refused when it is not there or was
    /// revoked before.
    pub fn revoke_api_key(self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<Self, StoreError> {
        let change = "SET revoked_at = :now";
        let unrevoked = "attribute_exists(pk) AND attribute_not_exists(revoked_at)";
        let values = HashMap::from([(":now".to_owned(), number(now.millis()))]);
        self.update(&keys::api_key_of(org, id), change, unrevoked, &[], values.clone())?.update(
            &keys::api_key(id),
            change,
            unrevoked,
            &[],
            values,
        )
    }
}
