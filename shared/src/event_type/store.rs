//! P28: types of events. A change is written on the version it was made from, or not at all.

use std::collections::HashMap;

use super::model::RegisteredType;
use crate::id::OrgId;
use crate::table::{StoreError, Table, Transaction, keys, number};
use crate::webhook::EventType;

impl Table {
    /// P28: a type that an organisation has written down.
    pub async fn event_type(
        &self,
        org: OrgId,
        name: &EventType,
    ) -> Result<Option<RegisteredType>, StoreError> {
        self.get(&keys::event_type(org, name.as_str())).await
    }

    /// P28: a page of the types of an organisation, in the order of their names.
    pub async fn event_types(
        &self,
        org: OrgId,
        after: Option<&EventType>,
        limit: u16,
    ) -> Result<Vec<RegisteredType>, StoreError> {
        let after = after.map(|name| keys::event_type(org, name.as_str()));
        self.oldest(&keys::event_types(org), after.as_ref(), limit).await
    }

    /// P28: how many types an organisation has ([`RegisteredType::PER_ORGANIZATION_MAX`] bounds them).
    pub async fn count_event_types(&self, org: OrgId) -> Result<usize, StoreError> {
        #[derive(serde::Deserialize)]
        struct Counted {}
        let found: Vec<Counted> = self.all(&keys::event_types(org)).await?;
        Ok(found.len())
    }

    /// P28: takes a type of an organisation that is gone away.
    pub async fn forget_event_type(&self, registered: &RegisteredType) -> Result<(), StoreError> {
        self.delete_item(&keys::event_type(registered.org, registered.name.as_str())).await
    }
}

impl Transaction<'_> {
    /// P28: a new type (1 write); refused when it is written down already.
    pub fn put_event_type(self, registered: &RegisteredType) -> Result<Self, StoreError> {
        self.put_new(&keys::event_type(registered.org, registered.name.as_str()), registered, None)
    }

    /// P28: a changed type, whose version counts up (1 write). The change was made from the one before.
    pub fn update_event_type(self, registered: &RegisteredType) -> Result<Self, StoreError> {
        let from = HashMap::from([(":from".to_owned(), number(registered.version.saturating_sub(1)))]);
        let key = keys::event_type(registered.org, registered.name.as_str());
        self.put_if(&key, registered, None, "version = :from", from)
    }

    /// P28: takes a type away (1 write); refused when there is none.
    pub fn delete_event_type(self, org: OrgId, name: &EventType) -> Result<Self, StoreError> {
        self.delete(&keys::event_type(org, name.as_str()))
    }
}
