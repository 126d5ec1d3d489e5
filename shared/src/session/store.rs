//! P3: sessions. A refresh is one conditional update, and its refusal brings the item along, so
//! that the verdict needs no second read.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use super::model::{Device, Session};
use crate::clock::{Timestamp, millis};
use crate::id::{OrgId, SessionId, UserId};
use crate::table::{Item, StoreError, Table, Transaction, from_item, keys, number};

#[derive(Serialize, Deserialize)]
struct SessionItem {
    session: SessionId,
    user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    org: Option<OrgId>,
    #[serde(default)]
    epoch: u32,
    counter: u32,
    #[serde(default = "yes")]
    graced: bool,
    #[serde(default)]
    device: Device,
    #[serde(with = "millis")]
    created_at: Timestamp,
    #[serde(with = "millis")]
    refreshed_at: Timestamp,
    #[serde(default, with = "millis::optional", skip_serializing_if = "Option::is_none")]
    moved_at: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

impl From<SessionItem> for Session {
    fn from(item: SessionItem) -> Self {
        Self {
            id: item.session,
            user: item.user,
            org: item.org,
            epoch: item.epoch,
            counter: item.counter,
            graced: item.graced,
            device: item.device,
            created_at: item.created_at,
            refreshed_at: item.refreshed_at,
            moved_at: item.moved_at,
        }
    }
}

impl From<&Session> for SessionItem {
    fn from(session: &Session) -> Self {
        Self {
            session: session.id,
            user: session.user,
            org: session.org,
            epoch: session.epoch,
            counter: session.counter,
            graced: session.graced,
            device: session.device.clone(),
            created_at: session.created_at,
            refreshed_at: session.refreshed_at,
            moved_at: session.moved_at,
        }
    }
}

/// Of an item that was read with others.
pub(crate) fn session_of(item: Item) -> Result<Session, StoreError> {
    from_item::<SessionItem>(item).map(Into::into)
}

impl Table {
    /// P3: a session, whether or not its time is over.
    pub async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let item: Option<SessionItem> = self.get(&keys::session(user, id)).await?;
        Ok(item.map(Into::into))
    }

    /// P3: a new session.
    pub async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let key = keys::session(session.user, session.id);
        // Refused only by a repetition of our own call: nobody else has this identifier.
        self.put_new(&key, &SessionItem::from(session), Some(session.absolute_end())).await.map(|_| ())
    }

    /// P3: counts a refresh if `counter` is the current one and the session lives. `Err` holds the
    /// session as it was, if there is one.
    pub async fn refresh_session(
        &self,
        user: UserId,
        id: SessionId,
        counter: u32,
        now: Timestamp,
    ) -> Result<Result<Session, Option<Session>>, StoreError> {
        let answer = self
            .client()
            .update_item()
            .table_name(self.name())
            .set_key(Some(keys::session(user, id).attributes()))
            .update_expression("SET #counter = #counter + :one, refreshed_at = :now, graced = :yes")
            .condition_expression(
                "#counter = :counter AND refreshed_at > :idle AND created_at > :begun \
                 AND (attribute_not_exists(moved_at) OR moved_at < :held)",
            )
            .expression_attribute_names("#counter", "counter")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":counter", number(counter))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":idle", number(now.minus(Session::IDLE).millis()))
            .expression_attribute_values(":begun", number(now.minus(Session::LIFE).millis()))
            .expression_attribute_values(":held", number(now.minus(Session::GRACE).millis()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                let item: SessionItem = from_item(answer.attributes.unwrap_or_default())?;
                return Ok(Ok(item.into()));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(
                aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    refused,
                ),
            ) => {
                let item: Option<SessionItem> = refused.item.clone().map(from_item).transpose()?;
                Ok(Err(item.map(Into::into)))
            }
            _ => Err(error.into()),
        }
    }

    /// P3: the session as `moved` has it, where it still is as `session` was read. Only the organisation
    /// and the count of refreshes may differ.
    pub async fn move_session(&self, session: &Session, moved: &Session) -> Result<bool, StoreError> {
        let mut values = HashMap::from([
            (":counter".to_owned(), number(session.counter)),
            (":next".to_owned(), number(moved.counter)),
            (":now".to_owned(), number(moved.refreshed_at.millis())),
            (":graced".to_owned(), AttributeValue::Bool(moved.graced)),
        ]);
        let mut counts = "SET #counter = :next, refreshed_at = :now, graced = :graced".to_owned();
        if let Some(moved_at) = moved.moved_at {
            values.insert(":moved".to_owned(), number(moved_at.millis()));
            counts.push_str(", moved_at = :moved");
        }
        let change = match moved.org {
            Some(org) => {
                values.insert(":org".to_owned(), text(org));
                format!("{counts}, org = :org")
            }
            None => format!("{counts} REMOVE org"),
        };
        let same = match session.org {
            Some(old) => {
                values.insert(":old".to_owned(), text(old));
                "#counter = :counter AND org = :old"
            }
            None => "#counter = :counter AND attribute_not_exists(org)",
        };
        let key = keys::session(session.user, session.id);
        self.update_named(&key, &change, Some(same), &[("#counter", "counter")], values).await
    }

    /// P3: ends sessions of a person, the newest first, several at once. Those that are gone already
    /// stay gone.
    pub async fn delete_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<(), StoreError> {
        const AT_ONCE: usize = 16;
        let mut ids = ids.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let deletions =
            ids.into_iter().map(|id| async move { self.delete_item(&keys::session(user, id)).await });
        futures_util::stream::iter(deletions).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    /// P3: every session of a person, the oldest first.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let items: Vec<SessionItem> = self.all(&keys::sessions(user)).await?;
        Ok(items.into_iter().map(Into::into).collect())
    }
}

impl Transaction<'_> {
    /// P3: a new session, with other new things.
    pub fn put_session(self, session: &Session) -> Result<Self, StoreError> {
        let key = keys::session(session.user, session.id);
        self.put_new(&key, &SessionItem::from(session), Some(session.absolute_end()))
    }

    /// P3: ends a session (1 write); refused when there is none.
    pub fn end_session(self, user: UserId, id: SessionId) -> Result<Self, StoreError> {
        self.delete(&keys::session(user, id))
    }

    /// P3: a session goes on in another epoch, with the next counter and nothing graced: it is the one in
    /// which the person changed their password. Refused when it was refreshed meanwhile, or has ended.
    pub fn carry_session(self, session: &Session, now: Timestamp) -> Result<Self, StoreError> {
        let values = HashMap::from([
            (":counter".to_owned(), number(session.counter)),
            (":next".to_owned(), number(session.counter + 1)),
            (":epoch".to_owned(), number(session.epoch + 1)),
            (":now".to_owned(), number(now.millis())),
            (":no".to_owned(), AttributeValue::Bool(false)),
        ]);
        self.update(
            &keys::session(session.user, session.id),
            "SET #counter = :next, epoch = :epoch, refreshed_at = :now, graced = :no",
            "#counter = :counter",
            &[("#counter", "counter")],
            values,
        )
    }
}

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}
