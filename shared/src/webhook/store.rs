//! P9: webhooks. A change is written on the version it was made from, or not at all.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::header::SealedHeaders;
use super::model::{Disabled, RetrySchedule, SealedSecret, Status, Webhook};
use super::subscription::Subscription;
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
    #[serde(flatten)]
    subscription: Subscription,
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

/// What publishing needs of a webhook's item.
#[derive(Deserialize)]
struct SubscriptionItem {
    webhook: WebhookId,
    #[serde(flatten)]
    subscription: Subscription,
}

impl SubscriptionItem {
    /// A step of the schema that makes one of them from another attribute needs that one here.
    const ATTRIBUTES: [&str; 4] = ["webhook", "event_types", "channels", "filter"];
}

#[derive(Serialize, Deserialize)]
struct RevisionItem {
    changes: u64,
    #[serde(with = "millis")]
    changed_at: Timestamp,
}

/// How often the webhooks of an organisation have been made, changed and deleted by somebody: as long as it is the
/// same, so is what they want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    changes: u64,
    changed_at: Option<Timestamp>,
}

impl Revision {
    /// A change is written together with its webhook, but not seen together: who reads this may read what the
    /// webhook was before, for a moment. By then that is over, whatever clock wrote it.
    const UNSETTLED: Duration = Duration::from_mins(1);

    /// Whether what is read of the webhooks from `now` on is what they are in this revision, or a later one. Where
    /// no change was ever counted, nobody knows.
    pub fn is_settled_at(self, now: Timestamp) -> bool {
        self.changed_at.is_some_and(|at| at.plus(Self::UNSETTLED) <= now)
    }
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
            subscription: item.subscription,
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
            subscription: webhook.subscription,
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
        self.get_item(&keys::webhook(org, id)).await?.map(webhook_of).transpose()
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

    /// P9: what all webhooks of an organisation want ([`WEBHOOKS_MAX`] bounds them), the oldest first. The read
    /// is consistent: a webhook made before a publish is matched.
    pub async fn subscriptions(&self, org: OrgId) -> Result<Vec<(WebhookId, Subscription)>, StoreError> {
        let items: Vec<SubscriptionItem> =
            self.all_with(&keys::webhooks(org), &SubscriptionItem::ATTRIBUTES).await?;
        Ok(items.into_iter().map(|item| (item.webhook, item.subscription)).collect())
    }

    /// P9: how many webhooks an organisation has.
    pub async fn count_webhooks(&self, org: OrgId) -> Result<usize, StoreError> {
        self.count(&keys::webhooks(org), WEBHOOKS_MAX).await
    }

    /// P34: the state that the webhooks of an organisation are in. To be read before they are.
    pub async fn webhooks_revision(&self, org: OrgId) -> Result<Revision, StoreError> {
        let item: Option<RevisionItem> = self.get(&keys::webhooks_revision(org)).await?;
        Ok(item.map_or_else(Revision::default, |item| Revision {
            changes: item.changes,
            changed_at: Some(item.changed_at),
        }))
    }

    /// P34: takes it away with its organisation.
    pub async fn forget_webhooks_revision(&self, org: OrgId) -> Result<(), StoreError> {
        self.delete_item(&keys::webhooks_revision(org)).await
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

    /// P9: takes a webhook away with its organisation, in which nobody publishes any more.
    pub async fn forget_webhook(&self, org: OrgId, id: WebhookId) -> Result<(), StoreError> {
        self.delete_item(&keys::webhook(org, id)).await
    }
}

impl Transaction<'_> {
    /// P9 and P34: a new webhook (2 writes).
    pub fn put_webhook(self, webhook: &Webhook) -> Result<Self, StoreError> {
        self.put_new(&keys::webhook(webhook.org, webhook.id), &WebhookItem::from(webhook), None)?
            .count_webhook_change(webhook.org, webhook.updated_at)
    }

    /// P9 and P34: takes a webhook away (2 writes); refused when there is none.
    pub fn delete_webhook(self, org: OrgId, id: WebhookId, now: Timestamp) -> Result<Self, StoreError> {
        self.delete(&keys::webhook(org, id))?.count_webhook_change(org, now)
    }

    fn count_webhook_change(self, org: OrgId, now: Timestamp) -> Result<Self, StoreError> {
        let values =
            HashMap::from([(":at".to_owned(), number(now.millis())), (":one".to_owned(), number(1))]);
        let change = "SET changed_at = :at ADD changes :one";
        self.update_always(&keys::webhooks_revision(org), change, values)
    }

    /// P9 and P34: a changed webhook, whose version counts up (2 writes). The change was made from the one before.
    pub fn update_webhook(self, webhook: &Webhook) -> Result<Self, StoreError> {
        let (condition, from) = unchanged(webhook.version.saturating_sub(1), webhook.seals);
        let key = keys::webhook(webhook.org, webhook.id);
        self.put_if(&key, &WebhookItem::from(webhook), None, condition, from)?
            .count_webhook_change(webhook.org, webhook.updated_at)
    }

    /// P9: switches a webhook off because of its receiver at `url` (1 write): what it wants stays as it is.
    /// Refused when the webhook was deleted, is off already, or points elsewhere by now.
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
