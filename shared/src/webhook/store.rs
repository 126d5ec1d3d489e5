//! P9: webhooks. A change is written on the version it was made from, or not at all.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::condition::{self, Condition};
use super::header::SealedHeaders;
use super::model::{Channel, Disabled, EventPattern, RetrySchedule, SealedSecret, Status, Webhook};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, WebhookId};
use crate::name::{Description, Metadata};
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys, number};

/// How many webhooks an organisation can have.
pub const WEBHOOKS_MAX: usize = 1000;

#[derive(Serialize, Deserialize)]
struct WebhookItem {
    webhook: WebhookId,
    org: OrgId,
    url: String,
    event_types: Vec<EventPattern>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<Channel>,
    #[serde(with = "condition::text", default, skip_serializing_if = "Vec::is_empty")]
    filter: Vec<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(default, skip_serializing_if = "SealedHeaders::is_empty")]
    headers: SealedHeaders,
    #[serde(default)]
    metadata: Metadata,
    timeout_seconds: u32,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<Timestamp>,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    failing_at: Option<Timestamp>,
    #[serde(with = "millis::optional", default, skip_serializing_if = "Option::is_none")]
    paused_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_per_second: Option<u32>,
    /// Absent on webhooks that follow the default, also when that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_schedule: Option<RetrySchedule>,
    secrets: Vec<SealedSecret>,
    #[serde(with = "millis")]
    created_at: Timestamp,
    #[serde(with = "millis")]
    updated_at: Timestamp,
    version: u32,
    /// Absent on webhooks that were never sealed anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    seals: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// That a webhook is as it was read: neither changed nor sealed anew since.
fn unchanged(version: u32, seals: u32) -> (&'static str, HashMap<String, AttributeValue>) {
    let mut values = HashMap::from([(":from".to_owned(), number(version))]);
    if seals == 0 {
        return ("version = :from AND attribute_not_exists(seals)", values);
    }
    values.insert(":seals".to_owned(), number(seals));
    ("version = :from AND seals = :seals", values)
}

impl From<WebhookItem> for Webhook {
    fn from(item: WebhookItem) -> Self {
        Self {
            id: item.webhook,
            org: item.org,
            url: item.url,
            event_types: item.event_types,
            channels: item.channels,
            filter: item.filter,
            description: item.description,
            headers: item.headers,
            metadata: item.metadata,
            timeout_seconds: item.timeout_seconds,
            retry_schedule: item.retry_schedule.unwrap_or_default(),
            max_per_second: item.max_per_second,
            status: match (item.gone_at, item.failing_at, item.paused_at) {
                (Some(at), _, _) => Status::Disabled(Disabled::Gone { at }),
                (None, Some(at), _) => Status::Disabled(Disabled::Failing { at }),
                (None, None, Some(at)) => Status::Paused { at },
                (None, None, None) => Status::Active,
            },
            secrets: item.secrets,
            created_at: item.created_at,
            updated_at: item.updated_at,
            version: item.version,
            seals: item.seals,
        }
    }
}

impl From<&Webhook> for WebhookItem {
    fn from(webhook: &Webhook) -> Self {
        let webhook = webhook.clone();
        Self {
            webhook: webhook.id,
            org: webhook.org,
            url: webhook.url,
            event_types: webhook.event_types,
            channels: webhook.channels,
            filter: webhook.filter,
            description: webhook.description,
            headers: webhook.headers,
            metadata: webhook.metadata,
            timeout_seconds: webhook.timeout_seconds,
            gone_at: match webhook.status {
                Status::Disabled(Disabled::Gone { at }) => Some(at),
                Status::Active | Status::Paused { .. } | Status::Disabled(Disabled::Failing { .. }) => None,
            },
            failing_at: match webhook.status {
                Status::Disabled(Disabled::Failing { at }) => Some(at),
                Status::Active | Status::Paused { .. } | Status::Disabled(Disabled::Gone { .. }) => None,
            },
            max_per_second: webhook.max_per_second,
            paused_at: match webhook.status {
                Status::Paused { at } => Some(at),
                Status::Active | Status::Disabled(_) => None,
            },
            retry_schedule: Some(webhook.retry_schedule)
                .filter(|schedule| *schedule != RetrySchedule::default()),
            secrets: webhook.secrets,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            version: webhook.version,
            seals: webhook.seals,
        }
    }
}

/// Of an item that was read with others.
pub(crate) fn webhook_of(item: Item) -> Result<Webhook, StoreError> {
    from_item::<WebhookItem>(item).map(Into::into)
}

impl Table {
    /// P9: a webhook.
    pub async fn webhook(&self, org: OrgId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let item: Option<WebhookItem> = self.get(&keys::webhook(org, id)).await?;
        Ok(item.map(Into::into))
    }

    /// P9: a page of an organisation's webhooks, the newest first.
    pub async fn webhooks(
        &self,
        org: OrgId,
        after: Option<WebhookId>,
        limit: u16,
    ) -> Result<Vec<Webhook>, StoreError> {
        let after = after.map(|id| keys::webhook(org, id));
        let items: Vec<WebhookItem> = self.page(&keys::webhooks(org), after.as_ref(), limit).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P9: all webhooks of an organisation ([`WEBHOOKS_MAX`] bounds them), the oldest first. The
    /// read is consistent: a webhook made before a publish is matched.
    pub async fn all_webhooks(&self, org: OrgId) -> Result<Vec<Webhook>, StoreError> {
        let items: Vec<WebhookItem> = self.all(&keys::webhooks(org)).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }

    /// P9: a webhook whose secrets were sealed anew, and which is otherwise as it was read; `false` when it has
    /// changed since, or is gone. Its version stays: nobody sees a change.
    pub async fn put_resealed_webhook(&self, webhook: &Webhook) -> Result<bool, StoreError> {
        let (condition, mut values) = unchanged(webhook.version, webhook.seals);
        values.insert(":next".to_owned(), number(webhook.seals + 1));
        values.insert(":secrets".to_owned(), serde_dynamo::to_attribute_value(&webhook.secrets)?);
        let mut change = "SET secrets = :secrets, seals = :next".to_owned();
        if !webhook.headers.is_empty() {
            values.insert(":headers".to_owned(), serde_dynamo::to_attribute_value(&webhook.headers)?);
            change.push_str(", headers = :headers");
        }
        self.update_item(&keys::webhook(webhook.org, webhook.id), &change, Some(condition), values).await
    }

    /// P9: deletes a webhook; `false` when there is none.
    pub async fn delete_webhook(&self, org: OrgId, id: WebhookId) -> Result<bool, StoreError> {
        Ok(self.transaction().delete_webhook(org, id)?.commit().await?.is_ok())
    }
}

impl Transaction<'_> {
    /// P9: a new webhook (1 write).
    pub fn put_webhook(self, webhook: &Webhook) -> Result<Self, StoreError> {
        self.put_new(&keys::webhook(webhook.org, webhook.id), &WebhookItem::from(webhook), None)
    }

    /// P9: takes a webhook away (1 write); refused when there is none.
    pub fn delete_webhook(self, org: OrgId, id: WebhookId) -> Result<Self, StoreError> {
        self.delete(&keys::webhook(org, id))
    }

    /// P9: a changed webhook, whose version counts up. The change was made from the one before.
    pub fn update_webhook(self, webhook: &Webhook) -> Result<Self, StoreError> {
        let (condition, from) = unchanged(webhook.version.saturating_sub(1), webhook.seals);
        let key = keys::webhook(webhook.org, webhook.id);
        self.put_if(&key, &WebhookItem::from(webhook), None, condition, from)
    }

    /// P9: switches a webhook off because of its receiver at `url`. Refused when the webhook was deleted, is
    /// off already, or points elsewhere by now.
    pub fn disable_webhook(self, webhook: &Webhook, why: Disabled) -> Result<Self, StoreError> {
        let (attribute, at) = match why {
            Disabled::Gone { at } => ("gone_at", at),
            Disabled::Failing { at } => ("failing_at", at),
        };
        let change = format!("SET {attribute} = :at, updated_at = :at, version = version + :one");
        let values = HashMap::from([
            (":at".to_owned(), number(at.millis())),
            (":one".to_owned(), number(1)),
            (":url".to_owned(), AttributeValue::S(webhook.url.clone())),
        ]);
        let condition = "attribute_not_exists(gone_at) AND attribute_not_exists(failing_at) AND #url = :url";
        self.update(&keys::webhook(webhook.org, webhook.id), &change, condition, &[("#url", "url")], values)
    }
}
