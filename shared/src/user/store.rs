//! P1 and P2: the claim on an e-mail address, which is also what logs a person in, and the person.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::model::{Email, User};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, UserId};
use crate::name::Name;
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys};

/// What logs a person in.
#[derive(Clone)]
pub struct Login {
    /// Who has the address.
    pub user: UserId,
    /// PHC string of their password.
    pub password_hash: String,
    /// The organisation that a new session names.
    pub organization: OrgId,
}

#[derive(Serialize, Deserialize)]
struct ClaimItem {
    user: UserId,
    password_hash: String,
    organization: OrgId,
}

#[derive(Serialize, Deserialize)]
struct UserItem {
    user: UserId,
    email: Email,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    #[serde(with = "millis")]
    created_at: Timestamp,
}

impl From<UserItem> for User {
    fn from(UserItem { user, email, name, created_at }: UserItem) -> Self {
        Self { id: user, email, name, created_at }
    }
}

/// Of an item that was read with others.
pub(crate) fn user_of(item: Item) -> Result<User, StoreError> {
    from_item::<UserItem>(item).map(Into::into)
}

impl Table {
    /// P1: who has an address, in one read.
    pub async fn login(&self, email: &Email) -> Result<Option<Login>, StoreError> {
        let item: Option<ClaimItem> = self.get(&keys::email(&email.digest())).await?;
        Ok(item.map(|ClaimItem { user, password_hash, organization }| Login {
            user,
            password_hash,
            organization,
        }))
    }

    /// P2: a person.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let item: Option<UserItem> = self.get(&keys::user(id)).await?;
        Ok(item.map(Into::into))
    }

    /// P1: another hash of the same password. `false` when the password was changed meanwhile.
    pub async fn rewrite_password_hash(
        &self,
        email: &Email,
        old: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        let values = HashMap::from([
            (":old".to_owned(), AttributeValue::S(old.to_owned())),
            (":new".to_owned(), AttributeValue::S(new.to_owned())),
        ]);
        let key = keys::email(&email.digest());
        self.update_item(&key, "SET password_hash = :new", Some("password_hash = :old"), values).await
    }
}

impl Transaction<'_> {
    /// P1 and P2: a new person. The first write is the claim on the address; it is refused when
    /// the address is taken.
    pub fn put_user(self, user: &User, login: Login) -> Result<Self, StoreError> {
        let Login { password_hash, organization, .. } = login;
        let claim = ClaimItem { user: user.id, password_hash, organization };
        let item = UserItem {
            user: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            created_at: user.created_at,
        };
        self.put_new(&keys::email(&user.email.digest()), &claim, None)?.put_new(
            &keys::user(user.id),
            &item,
            None,
        )
    }
}
