//! P19 and P20: links, and the newest registration of an address that waits for its link.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::model::{Link, LinkPurpose};
use crate::clock::{Timestamp, millis};
use crate::id::LinkId;
use crate::table::{StoreError, Table, Transaction, keys, number};
use crate::user::Email;

#[derive(Serialize, Deserialize)]
struct LinkItem {
    link: LinkId,
    #[serde(flatten)]
    purpose: LinkPurpose,
    #[serde(with = "millis")]
    expires_at: Timestamp,
}

impl From<LinkItem> for Link {
    fn from(LinkItem { link, purpose, expires_at }: LinkItem) -> Self {
        Self { id: link, purpose, expires_at }
    }
}

impl From<&Link> for LinkItem {
    fn from(Link { id, purpose, expires_at }: &Link) -> Self {
        Self { link: *id, purpose: purpose.clone(), expires_at: *expires_at }
    }
}

#[derive(Serialize, Deserialize)]
struct PendingItem {
    link: LinkId,
}

impl Table {
    /// P19: what stands behind a link, if it can still be used.
    pub async fn link(&self, id: LinkId, now: Timestamp) -> Result<Option<Link>, StoreError> {
        let item: Option<LinkItem> = self.get(&keys::link(id)).await?;
        Ok(item.map(Link::from).filter(|link| link.is_live(now)))
    }

    /// P19: a new link. Made twice under one identifier it is made once.
    pub async fn put_link(&self, link: &Link) -> Result<(), StoreError> {
        let item = LinkItem::from(link);
        self.put_new(&keys::link(link.id), &item, Some(link.expires_at)).await.map(|_| ())
    }

    /// P19 and P20: a registration waits for its link; it is the newest of its address.
    pub async fn put_registration(&self, link: &Link, email: &Email) -> Result<(), StoreError> {
        let pending = PendingItem { link: link.id };
        let always = "attribute_exists(pk) OR attribute_not_exists(pk)";
        let key = keys::pending_registration(&email.digest());
        let written = self
            .transaction()
            .put_new(&keys::link(link.id), &LinkItem::from(link), Some(link.expires_at))?
            .put_if(&key, &pending, Some(link.expires_at), always, HashMap::new())?
            .commit()
            .await?;
        // A new identifier: nobody can have it but a repetition of our own call.
        written.or(Ok(()))
    }

    /// P20, then P19: the newest registration of an address that waits for its link.
    pub async fn pending_registration(
        &self,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Link>, StoreError> {
        let pending: Option<PendingItem> = self.get(&keys::pending_registration(digest)).await?;
        match pending {
            Some(PendingItem { link }) => self.link(link, now).await,
            None => Ok(None),
        }
    }
}

impl Transaction<'_> {
    /// P19: uses a link up (1 write): refused when it was used or its time is over.
    pub fn use_link(self, id: LinkId, now: Timestamp) -> Result<Self, StoreError> {
        let now = HashMap::from([(":now".to_owned(), number(now.millis()))]);
        self.delete_if(&keys::link(id), "expires_at > :now", &[], now)
    }
}
