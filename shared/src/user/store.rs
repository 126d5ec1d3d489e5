//! P1 and P2: the claim on an e-mail address, which is also what logs a person in, and the person.
//!
//! Both hold the person's epoch: it is raised in both at once, so that a log-in that read the old
//! password makes a session of the old epoch, which is dead.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Email, User, UserStatus};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys, number};

/// What logs a person in.
#[derive(Clone)]
pub struct Login {
    /// Who has the address.
    pub user: UserId,
    /// PHC string of their password.
    pub password_hash: String,
    /// The organisation that a new session names, as long as they are in it.
    pub organization: Option<OrgId>,
    /// The person's epoch.
    pub epoch: u32,
}

#[derive(Serialize, Deserialize)]
struct ClaimItem {
    user: UserId,
    password_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<OrgId>,
    #[serde(default)]
    epoch: u32,
}

impl From<ClaimItem> for Login {
    fn from(ClaimItem { user, password_hash, organization, epoch }: ClaimItem) -> Self {
        Self { user, password_hash, organization, epoch }
    }
}

impl From<Login> for ClaimItem {
    fn from(Login { user, password_hash, organization, epoch }: Login) -> Self {
        Self { user, password_hash, organization, epoch }
    }
}

#[derive(Serialize, Deserialize)]
struct UserItem {
    user: UserId,
    email: Email,
    #[serde(default)]
    email_verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(default)]
    status: UserStatus,
    #[serde(default)]
    mfa_enabled: bool,
    #[serde(default)]
    epoch: u32,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(with = "millis")]
    created_at: Timestamp,
}

impl From<UserItem> for User {
    fn from(item: UserItem) -> Self {
        let UserItem { user, email, email_verified, name, status, mfa_enabled, epoch, devices, created_at } =
            item;
        Self { id: user, email, email_verified, name, status, mfa_enabled, epoch, devices, created_at }
    }
}

impl From<&User> for UserItem {
    fn from(user: &User) -> Self {
        let User { id, email, email_verified, name, status, mfa_enabled, epoch, devices, created_at } =
            user.clone();
        Self { user: id, email, email_verified, name, status, mfa_enabled, epoch, devices, created_at }
    }
}

/// What is left of a person who was deleted: the identifier, which is never given again, being random.
#[derive(Serialize)]
struct Tombstone {
    user: UserId,
    #[serde(with = "millis")]
    deleted_at: Timestamp,
}

impl Tombstone {
    /// Longer than anything that was handed out to the person: sessions, links, invitations.
    const KEPT: Duration = Duration::from_hours(90 * 24);
}

/// Of an item that was read with others; `None` for what is left of one who was deleted.
pub(crate) fn user_of(item: Item) -> Result<Option<User>, StoreError> {
    if item.contains_key("deleted_at") {
        return Ok(None);
    }
    from_item::<UserItem>(item).map(|item| Some(item.into()))
}

fn values<const N: usize>(values: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

impl Table {
    /// P1: who has an address, in one read.
    pub async fn login(&self, email: &Email) -> Result<Option<Login>, StoreError> {
        self.login_by_digest(&email.digest()).await
    }

    /// P1: who has the address of this [`Email::digest`], in one read.
    pub async fn login_by_digest(&self, digest: &str) -> Result<Option<Login>, StoreError> {
        let item: Option<ClaimItem> = self.get(&keys::email(digest)).await?;
        Ok(item.map(Into::into))
    }

    /// P2: a person.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.get_item(&keys::user(id)).await?.map(user_of).transpose().map(Option::flatten)
    }

    /// P2: several persons, in the order of `ids`.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<Option<User>>, StoreError> {
        let keys: Vec<_> = ids.iter().copied().map(keys::user).collect();
        let items = self.get_many(&keys).await?;
        items.into_iter().map(|item| item.map(user_of).transpose().map(Option::flatten)).collect()
    }

    /// P1: another hash of the same password. `false` when the password was changed meanwhile.
    pub async fn rewrite_password_hash(
        &self,
        email: &Email,
        old: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        let values = values([(":old", text(old)), (":new", text(new))]);
        let key = keys::email(&email.digest());
        self.update_item(&key, "SET password_hash = :new", Some("password_hash = :old"), values).await
    }

    /// P2: what a person is called; `false` when there is no such person.
    pub async fn rename_user(&self, id: UserId, name: Option<&Name>) -> Result<bool, StoreError> {
        let there = Some("attribute_exists(pk) AND attribute_not_exists(deleted_at)");
        let (change, values) = match name {
            Some(name) => ("SET #name = :name", values([(":name", text(name.as_str()))])),
            None => ("REMOVE #name", HashMap::new()),
        };
        self.update_named(&keys::user(id), change, there, &[("#name", "name")], values).await
    }
}

impl Transaction<'_> {
    /// P1 and P2: a new person. The first write is the claim on the address; it is refused when
    /// the address is taken.
    pub fn put_user(self, user: &User, login: Login) -> Result<Self, StoreError> {
        self.put_new(&keys::email(&user.email.digest()), &ClaimItem::from(login), None)?.put_new(
            &keys::user(user.id),
            &UserItem::from(user),
            None,
        )
    }

    /// P1 and P2: another password, and with it another epoch (2 writes). Refused when the person's
    /// password or epoch is not what `old` says any more.
    pub fn change_password(self, user: &User, old: &Login, hash: &str) -> Result<Self, StoreError> {
        self.replace_password(user, old, hash)?.raise_epoch_of_user(user.id, old.epoch, false)
    }

    /// The same by a link that was sent to the address, which is shown to be theirs by that.
    pub fn reset_password(self, user: &User, old: &Login, hash: &str) -> Result<Self, StoreError> {
        self.replace_password(user, old, hash)?.raise_epoch_of_user(user.id, old.epoch, true)
    }

    fn replace_password(self, user: &User, old: &Login, hash: &str) -> Result<Self, StoreError> {
        let claim = values([
            (":old", text(&old.password_hash)),
            (":new", text(hash)),
            (":epoch", number(old.epoch)),
            (":next", number(old.epoch + 1)),
        ]);
        let same = "password_hash = :old AND (epoch = :epoch OR attribute_not_exists(epoch))";
        self.update(
            &keys::email(&user.email.digest()),
            "SET password_hash = :new, epoch = :next",
            same,
            &[],
            claim,
        )
    }

    /// P1 and P2: another epoch (2 writes): whatever was handed out before is dead.
    pub fn raise_epoch(self, user: &User) -> Result<Self, StoreError> {
        let claim = values([(":epoch", number(user.epoch)), (":next", number(user.epoch + 1))]);
        let same = "attribute_exists(pk) AND (epoch = :epoch OR attribute_not_exists(epoch))";
        let key = keys::email(&user.email.digest());
        self.update(&key, "SET epoch = :next", same, &[], claim)?
            .raise_epoch_of_user(user.id, user.epoch, false)
    }

    fn raise_epoch_of_user(self, id: UserId, epoch: u32, verified: bool) -> Result<Self, StoreError> {
        let mut values = values([(":epoch", number(epoch)), (":next", number(epoch + 1))]);
        let change = if verified {
            values.insert(":yes".to_owned(), AttributeValue::Bool(true));
            "SET epoch = :next, email_verified = :yes"
        } else {
            "SET epoch = :next"
        };
        let same = "attribute_exists(pk) AND attribute_not_exists(deleted_at) \
                    AND (epoch = :epoch OR attribute_not_exists(epoch))";
        self.update(&keys::user(id), change, same, &[], values)
    }

    /// P2: the person has shown that `email` is theirs; refused when it is not theirs any more.
    pub fn verify_email(self, id: UserId, email: &Email) -> Result<Self, StoreError> {
        let values = values([(":email", text(email.as_str())), (":yes", AttributeValue::Bool(true))]);
        self.update(&keys::user(id), "SET email_verified = :yes", "email = :email", &[], values)
    }

    /// P2: whether logging in takes a second factor.
    pub fn set_mfa(self, id: UserId, enabled: bool) -> Result<Self, StoreError> {
        let values = values([(":enabled", AttributeValue::Bool(enabled))]);
        let there = "attribute_exists(pk) AND attribute_not_exists(deleted_at)";
        self.update(&keys::user(id), "SET mfa_enabled = :enabled", there, &[], values)
    }

    /// P2: a device that they signed in on. `devices` are those that are known.
    pub fn remember_device(self, id: UserId, devices: &[String], new: &str) -> Result<Self, StoreError> {
        let there = "attribute_exists(pk) AND attribute_not_exists(deleted_at)";
        let one = AttributeValue::L(vec![text(new)]);
        if devices.is_empty() || devices.len() >= User::DEVICES_MAX {
            let values = values([(":one", one)]);
            return self.update(&keys::user(id), "SET devices = :one", there, &[], values);
        }
        let change = "SET devices = list_append(devices, :one)";
        self.update(&keys::user(id), change, there, &[], values([(":one", one)]))
    }

    /// P1 and P2: another address (3 writes). The first is the claim on it, refused when it is taken;
    /// then the old claim goes, and the person has the new address, which they have shown is theirs.
    pub fn change_email(self, user: &User, login: Login, new: &Email) -> Result<Self, StoreError> {
        let epoch = login.epoch;
        let old = values([(":hash", text(&login.password_hash)), (":user", text(user.id))]);
        let person = values([
            (":old", text(user.email.as_str())),
            (":new", text(new.as_str())),
            (":epoch", number(epoch)),
            (":yes", AttributeValue::Bool(true)),
        ]);
        self.put_new(&keys::email(&new.digest()), &ClaimItem::from(login), None)?
            .delete_if(
                &keys::email(&user.email.digest()),
                "#user = :user AND password_hash = :hash",
                &[("#user", "user")],
                old,
            )?
            .update(
                &keys::user(user.id),
                "SET email = :new, email_verified = :yes",
                "email = :old AND (epoch = :epoch OR attribute_not_exists(epoch))",
                &[],
                person,
            )
    }

    /// P1 and P2: the person goes (2 writes). Of them the identifier stays for 90 days, until
    /// DynamoDB cleans it up; the address is free.
    pub fn delete_user(self, user: &User, now: Timestamp) -> Result<Self, StoreError> {
        let claim = values([(":user", text(user.id))]);
        let tombstone = Tombstone { user: user.id, deleted_at: now };
        let same = values([(":epoch", number(user.epoch)), (":email", text(user.email.as_str()))]);
        self.delete_if(&keys::email(&user.email.digest()), "#user = :user", &[("#user", "user")], claim)?
            .put_if(
                &keys::user(user.id),
                &tombstone,
                Some(now.plus(Tombstone::KEPT)),
                "email = :email AND (epoch = :epoch OR attribute_not_exists(epoch))",
                same,
            )
    }
}
