//! P26: what is known of a receiver. Failures are counted by updates that never wait for each other; what
//! decides who takes the next turn of a backlog is written where the turn is as it was read.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::Deserialize;

use super::model::{Breaker, Health, Pace, Streak};
use crate::clock::{Timestamp, millis};
use crate::event::Event;
use crate::id::{EventId, OrgId, WebhookId};
use crate::lane::Lane;
use crate::table::{Item, StoreError, Table, from_item, keys, number};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Draining,
}

#[derive(Deserialize)]
struct HealthItem {
    #[serde(with = "millis::optional", default)]
    since: Option<Timestamp>,
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    events: Vec<EventId>,
    #[serde(with = "millis::optional", default)]
    last_at: Option<Timestamp>,
    #[serde(default)]
    last_error: String,
    #[serde(with = "millis::optional", default)]
    warned_at: Option<Timestamp>,
    #[serde(default)]
    breaker: Option<State>,
    #[serde(with = "millis::optional", default)]
    opened_at: Option<Timestamp>,
    #[serde(default)]
    step: u16,
    #[serde(with = "millis::optional", default)]
    due: Option<Timestamp>,
    #[serde(default)]
    paced: bool,
    #[serde(default)]
    turn: u64,
    #[serde(default)]
    pace: Option<u32>,
    #[serde(with = "millis::optional", default)]
    paced_at: Option<Timestamp>,
}

impl From<HealthItem> for Health {
    fn from(item: HealthItem) -> Self {
        let streak = item.since.map(|since| Streak {
            since,
            failures: item.failures,
            events: item.events,
            last_at: item.last_at.unwrap_or(since),
            last_error: item.last_error,
            warned_at: item.warned_at,
        });
        let zero = Timestamp::from_seconds(0);
        let (since, due) = (item.opened_at.unwrap_or(zero), item.due.unwrap_or(zero));
        let breaker = match item.breaker {
            None => Breaker::Closed,
            Some(State::Open) => Breaker::Open { since, probes: item.step, due },
            Some(State::Draining) => Breaker::Draining { since, page: item.step, due, paced: item.paced },
        };
        let pace = item.pace.map(|per_1000_s| Pace { per_1000_s, since: item.paced_at.unwrap_or(zero) });
        Self { streak, breaker, turn: item.turn, pace }
    }
}

/// Of an item that was read with others.
pub(crate) fn health_of(item: Option<Item>) -> Result<Health, StoreError> {
    item.map_or(Ok(Health::UNKNOWN), |item| from_item::<HealthItem>(item).map(Into::into))
}

const STREAK: &str = "since, failures, events, last_at, last_error, warned_at";

fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn values<const N: usize>(given: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// With the turn that ends, unless none has been, and the one that follows.
fn numbered<const N: usize>(
    turn: u64,
    given: [(&str, AttributeValue); N],
) -> HashMap<String, AttributeValue> {
    let mut given = values(given);
    given.insert(":next".to_owned(), counted(turn + 1));
    if turn > 0 {
        given.insert(":turn".to_owned(), counted(turn));
    }
    given
}

fn counted(turn: u64) -> AttributeValue {
    AttributeValue::N(turn.to_string())
}

impl Table {
    /// P26: what is known of a receiver.
    pub async fn health(&self, org: OrgId, webhook: WebhookId) -> Result<Health, StoreError> {
        health_of(self.get_item(&keys::health(org, webhook)).await?)
    }

    /// P26: one more failure in a row (1 write): what is known then.
    pub async fn note_failure(
        &self,
        (org, webhook): (OrgId, WebhookId),
        event: EventId,
        at: Timestamp,
        error: &str,
        known: &Health,
    ) -> Result<Health, StoreError> {
        let events = known.streak.as_ref().map_or(&[][..], |streak| &streak.events);
        let more = events.len() < Streak::EVENTS && !events.contains(&event);
        let set =
            "SET since = if_not_exists(since, :at), last_at = :at, last_error = :error ADD failures :one";
        let mut update = self
            .client()
            .update_item()
            .table_name(self.name())
            .set_key(Some(keys::health(org, webhook).attributes()))
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":error", text(error))
            .expression_attribute_values(":one", number(1));
        update = if more {
            update
                .update_expression(format!("{set}, events :event"))
                .expression_attribute_values(":event", AttributeValue::Ss(vec![event.to_string()]))
        } else {
            update.update_expression(set)
        };
        health_of(update.return_values(ReturnValue::AllNew).send().await?.attributes)
    }

    /// P26: a success ends a row of failures (1 write).
    pub async fn note_success(&self, org: OrgId, webhook: WebhookId) -> Result<(), StoreError> {
        let key = keys::health(org, webhook);
        let there = Some("attribute_exists(since)");
        self.update_item(&key, &format!("REMOVE {STREAK}"), there, HashMap::new()).await.map(drop)
    }

    /// P26: another pace, or none of its own (1 write). Of two at once, one counts.
    pub async fn set_pace(
        &self,
        (org, webhook): (OrgId, WebhookId),
        before: Option<Pace>,
        after: Option<Pace>,
    ) -> Result<(), StoreError> {
        let mut given = HashMap::new();
        let change = match after {
            Some(pace) => {
                given = values([
                    (":pace", number(i64::from(pace.per_1000_s))),
                    (":at", number(pace.since.millis())),
                ]);
                "SET pace = :pace, paced_at = :at"
            }
            None => "REMOVE pace, paced_at",
        };
        let unchanged = match before {
            Some(pace) => {
                given.insert(":before".to_owned(), number(pace.since.millis()));
                "paced_at = :before"
            }
            None => "attribute_not_exists(paced_at)",
        };
        self.update_item(&keys::health(org, webhook), change, Some(unchanged), given).await.map(drop)
    }

    /// P26 and P9: on record that the administrators are warned, once (1 write, or 2).
    pub async fn note_warned(
        &self,
        (org, webhook): (OrgId, WebhookId),
        at: Timestamp,
        told: Option<&Event>,
    ) -> Result<bool, StoreError> {
        let key = keys::health(org, webhook);
        let once = "attribute_exists(since) AND attribute_not_exists(warned_at)";
        let at = values([(":at", number(at.millis()))]);
        let transaction = self.transaction().update(&key, "SET warned_at = :at", once, &[], at)?;
        Ok(transaction.tell(told)?.commit().await?.is_ok())
    }

    /// P26: takes the turn that was read, alone until `until` (1 write); `false` where somebody has it.
    pub async fn claim_turn(
        &self,
        (org, webhook): (OrgId, WebhookId),
        turn: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let free = "turn = :turn AND (attribute_not_exists(claimed_until) OR claimed_until < :now)";
        let given = values([
            (":turn", counted(turn)),
            (":now", number(now.millis())),
            (":until", number(until.millis())),
        ]);
        let key = keys::health(org, webhook);
        self.update_item(&key, "SET claimed_until = :until", Some(free), given).await
    }

    /// P26, P23 and P9: what follows `turn`, with the next turn in the table (2 writes, or 3); `false` where
    /// the turn is over already. A breaker that closes needs no other turn.
    pub async fn end_turn(
        &self,
        (org, webhook): (OrgId, WebhookId),
        turn: u64,
        next: Breaker,
        now: Timestamp,
        told: Option<&Event>,
    ) -> Result<bool, StoreError> {
        let key = keys::health(org, webhook);
        let unchanged = match turn {
            0 => "attribute_not_exists(turn)",
            _ => "turn = :turn",
        };
        let (state, since, step, due, paced) = match next {
            Breaker::Closed => {
                let change = "SET turn = :next REMOVE breaker, opened_at, step, due, paced, claimed_until";
                let given = numbered(turn, []);
                let closed = self.transaction().update(&key, change, unchanged, &[], given)?;
                return Ok(closed.tell(told)?.commit().await?.is_ok());
            }
            Breaker::Open { since, probes, due } => ("open", since, probes, due, false),
            Breaker::Draining { since, page, due, paced } => ("draining", since, page, due, paced),
        };
        let change = "SET turn = :next, breaker = :state, opened_at = :since, step = :step, due = :due, \
                      paced = :paced REMOVE claimed_until";
        let given = numbered(
            turn,
            [
                (":state", text(state)),
                (":since", number(since.millis())),
                (":step", number(i64::from(step))),
                (":due", number(due.millis())),
                (":paced", AttributeValue::Bool(paced)),
            ],
        );
        let ended = self.transaction().update(&key, change, unchanged, &[], given)?;
        let ended = ended.put_due_turn(org, Lane::Backlog(webhook), (turn + 1, due), now)?;
        Ok(ended.tell(told)?.commit().await?.is_ok())
    }
}
