//! P19 and P20: links, and the newest registration of an address that waits for its link.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Link, LinkPurpose};
use crate::clock::{Timestamp, millis};
use crate::id::LinkId;
use crate::table::{StoreError, Table, Transaction, from_item, keys, number};
use crate::user::Email;

/// SQS keeps what it could not hand over for up to 14 days.
const USED_KEPT: Duration = Duration::from_hours(15 * 24);

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
        let item = self.get_item(&keys::link(id)).await?;
        let unused = item.filter(|item| !item.contains_key("used_at"));
        let link = unused.map(from_item::<LinkItem>).transpose()?.map(Link::from);
        Ok(link.filter(|link| link.is_live(now)))
    }

    /// P19: a new link. Made twice under one identifier it is made once; `false` when that one cannot be
    /// used any more.
    pub async fn put_link(&self, link: &Link, now: Timestamp) -> Result<bool, StoreError> {
        let item = LinkItem::from(link);
        let new = self.put_new(&keys::link(link.id), &item, Some(link.expires_at)).await?;
        Ok(new || self.link(link.id, now).await?.is_some())
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
    /// P19: uses a link up (1 write): refused when it was used or its time is over. What it stood for is
    /// forgotten; that it was used is remembered for longer than a queue hands out the task that makes it.
    pub fn use_link(self, id: LinkId, now: Timestamp) -> Result<Self, StoreError> {
        let values = HashMap::from([
            (":now".to_owned(), number(now.millis())),
            (":expires".to_owned(), number(now.plus(USED_KEPT).seconds())),
        ]);
        let change = "SET used_at = :now, expires = :expires \
                      REMOVE purpose, email, password_hash, way, epoch, #name, #user, #old, #new";
        self.update(
            &keys::link(id),
            change,
            "expires_at > :now AND attribute_not_exists(used_at)",
            &[("#name", "name"), ("#user", "user"), ("#old", "old"), ("#new", "new")],
            values,
        )
    }
}
