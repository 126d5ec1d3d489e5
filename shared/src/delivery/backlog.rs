//! P27: the deliveries that are parked while the breaker of their webhook is open, the oldest event first.

use serde::{Deserialize, Serialize};

use super::model::Delivery;
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::table::{StoreError, Table, keys, readable};

#[derive(Serialize, Deserialize)]
struct ParkedItem {
    event: EventId,
}

impl Table {
    /// P27 and P12: parks a delivery (2 writes). The place in the backlog comes first: one without the other
    /// is taken as it is found, and nothing is parked of which the backlog does not know.
    pub async fn park(&self, org: OrgId, parked: &Delivery) -> Result<(), StoreError> {
        let item = ParkedItem { event: parked.id.event };
        let expires = Some(super::store::expires(parked));
        self.put_new(&keys::parked(org, parked.id), &item, expires).await?;
        self.record_untried(org, parked).await.map(drop)
    }

    /// P27: the oldest of the backlog, at most `limit`. One that cannot be read holds up no other.
    pub async fn oldest_parked(
        &self,
        org: OrgId,
        webhook: WebhookId,
        limit: u16,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let items = self.oldest(&keys::backlog(org, webhook), None, limit).await?;
        let parked = readable::<ParkedItem>(items);
        Ok(parked.map(|item| DeliveryId { event: item.event, webhook }).collect())
    }

    /// P27: how many there are, as far as `limit`.
    pub async fn count_parked(
        &self,
        org: OrgId,
        webhook: WebhookId,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.count(&keys::backlog(org, webhook), limit).await
    }

    /// P27: takes a delivery out of the backlog.
    pub async fn unpark(&self, org: OrgId, id: DeliveryId) -> Result<(), StoreError> {
        self.delete_item(&keys::parked(org, id)).await
    }
}
