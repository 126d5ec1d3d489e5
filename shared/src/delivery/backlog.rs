//! P27: the deliveries that are parked while the breaker of their webhook is open, the oldest event first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::model::Delivery;
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::table::{StoreError, Table, keys, number};

#[derive(Serialize)]
struct ParkedItem {
    event: EventId,
    /// How often the delivery was tried when it was parked: it can be parked again.
    attempts: u16,
}

#[derive(Deserialize)]
struct ParkedKey {
    sk: EventId,
}

impl Table {
    /// P27 and P12: parks a delivery (2 writes). The place in the backlog comes first: one without the other
    /// is taken as it is found, and nothing is parked of which the backlog does not know.
    pub async fn park(&self, org: OrgId, parked: &Delivery) -> Result<(), StoreError> {
        let item = ParkedItem { event: parked.id.event, attempts: parked.attempts };
        let (key, expires) = (keys::parked(org, parked.id), Some(super::store::expires(parked)));
        let older = HashMap::from([(":attempts".to_owned(), number(parked.attempts))]);
        let newer = "attribute_not_exists(pk) OR attempts <= :attempts";
        self.put_if(&key, &item, expires, newer, older).await?;
        self.record_untried(org, parked).await.map(drop)
    }

    /// P27: the oldest of the backlog, at most `limit`. Their keys say which they are.
    pub async fn oldest_parked(
        &self,
        org: OrgId,
        webhook: WebhookId,
        limit: u16,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let items: Vec<ParkedKey> = self.oldest(&keys::backlog(org, webhook), None, limit).await?;
        Ok(items.into_iter().map(|item| DeliveryId { event: item.sk, webhook }).collect())
    }

    /// P27: the newest of the backlog.
    pub async fn newest_parked(
        &self,
        org: OrgId,
        webhook: WebhookId,
    ) -> Result<Option<DeliveryId>, StoreError> {
        let items: Vec<ParkedKey> = self.page(&keys::backlog(org, webhook), None, 1).await?;
        Ok(items.into_iter().next().map(|item| DeliveryId { event: item.sk, webhook }))
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

    /// P27: takes a delivery out of the backlog that was tried so often when it was found there. One that was
    /// parked again since stays.
    pub async fn unpark(&self, org: OrgId, id: DeliveryId, attempts: u16) -> Result<(), StoreError> {
        let found = HashMap::from([(":attempts".to_owned(), number(attempts))]);
        let transaction = self.transaction();
        let same = "attribute_not_exists(pk) OR attempts <= :attempts";
        // Refused where it was parked again.
        transaction.delete_if(&keys::parked(org, id), same, &[], found)?.commit().await.map(drop)
    }

    /// P27: the same, of one that is not kept any more or cannot be read.
    pub async fn forget_parked(&self, org: OrgId, id: DeliveryId) -> Result<(), StoreError> {
        self.delete_item(&keys::parked(org, id)).await
    }
}
