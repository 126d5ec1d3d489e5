//! What travels through the queue.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::delivery::Due;
use crate::event::Event;
use crate::id::{DeliveryId, EventId, OrgId, WebhookId};
use crate::lane::Lane;

/// The form of every task.
const VERSION: u8 = 1;

/// One attempt to make: what travels through the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryTask {
    /// Of this form.
    version: u8,
    /// Whose.
    pub organization: OrgId,
    /// What.
    pub event: EventId,
    /// Where to.
    pub webhook: WebhookId,
    /// Which attempt, 1 for the first.
    pub attempt: u16,
    /// Not earlier than this: SQS delays by 15 minutes at the most.
    pub not_before: Timestamp,
    /// Whether `not_before` is the slot that the webhook's pace gave it: it needs no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paced: bool,
}

impl Event {
    /// How many webhooks get their tasks from whoever publishes; more are the dispatcher's to fan out.
    pub const TASKS_AT_ONCE: usize = 10;

    /// What puts all of its deliveries into the queue: their first tasks or, of many, one that fans them out.
    pub fn tasks(&self, now: Timestamp) -> Vec<Task> {
        if self.matched.len() > Self::TASKS_AT_ONCE {
            return vec![FanOutTask::new(self.org, self.id, 0, now).into()];
        }
        self.first_tasks(now).map(Task::from).collect()
    }

    /// The first task of each of its deliveries.
    pub fn first_tasks(&self, now: Timestamp) -> impl Iterator<Item = DeliveryTask> {
        let task = move |webhook| DeliveryTask::new(self.org, DeliveryId { event: self.id, webhook }, 1, now);
        self.matched.iter().copied().map(task)
    }
}

/// A message that is no task of ours.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Not the fields of a task.
    #[error("not a task: {0}")]
    Form(#[from] serde_json::Error),
    /// Of a form that this code does not know.
    #[error("a task of version {0}")]
    Version(u8),
    /// Attempts count from 1.
    #[error("a delivery task for attempt 0")]
    Attempt,
}

impl DeliveryTask {
    /// The task of one attempt.
    pub fn new(organization: OrgId, delivery: DeliveryId, attempt: u16, not_before: Timestamp) -> Self {
        let DeliveryId { event, webhook } = delivery;
        Self { version: VERSION, organization, event, webhook, attempt, not_before, paced: false }
    }

    /// The same attempt in the slot that its webhook's pace gives it.
    #[must_use]
    pub fn in_slot(self, slot: Timestamp) -> Self {
        Self { not_before: slot, paced: true, ..self }
    }

    /// The same attempt later, which asks for a slot then.
    #[must_use]
    pub fn later(self, not_before: Timestamp) -> Self {
        Self { not_before, paced: false, ..self }
    }

    /// Of what it is an attempt.
    pub fn delivery(&self) -> DeliveryId {
        DeliveryId { event: self.event, webhook: self.webhook }
    }
}

/// One turn of a lane. Turns are counted, and one that is not the next is dropped: whoever finishes a turn
/// writes down the number of the one that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnTask {
    /// Of this form.
    version: u8,
    /// Whose.
    pub organization: OrgId,
    /// Of what.
    pub lane: Lane,
    /// Which.
    pub turn: u64,
    /// Not earlier than this.
    pub not_before: Timestamp,
}

impl TurnTask {
    /// The task of one turn.
    pub fn new(organization: OrgId, lane: Lane, turn: u64, not_before: Timestamp) -> Self {
        Self { version: VERSION, organization, lane, turn, not_before }
    }
}

/// The first tasks of an event with many webhooks, from the webhook at the place `from` on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FanOutTask {
    /// Of this form.
    version: u8,
    /// Whose.
    pub organization: OrgId,
    /// What.
    pub event: EventId,
    /// How many of its webhooks have their tasks.
    pub from: usize,
    /// Not earlier than this.
    pub not_before: Timestamp,
}

impl FanOutTask {
    /// The task of all webhooks from a place on.
    pub fn new(organization: OrgId, event: EventId, from: usize, not_before: Timestamp) -> Self {
        Self { version: VERSION, organization, event, from, not_before }
    }
}

/// Whatever travels through the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// One attempt.
    Delivery(DeliveryTask),
    /// One turn.
    Turn(TurnTask),
    /// The attempts of an event.
    FanOut(FanOutTask),
}

impl Task {
    /// From the body of a message: every field, and none else.
    pub fn parse(body: &str) -> Result<Self, TaskError> {
        let json: Value = serde_json::from_str(body)?;
        let task = if json.get("lane").is_some() {
            Self::Turn(serde_json::from_value(json)?)
        } else if json.get("from").is_some() {
            Self::FanOut(serde_json::from_value(json)?)
        } else {
            Self::Delivery(serde_json::from_value(json)?)
        };
        match task {
            Self::Delivery(DeliveryTask { version, .. })
            | Self::Turn(TurnTask { version, .. })
            | Self::FanOut(FanOutTask { version, .. })
                if version != VERSION =>
            {
                Err(TaskError::Version(version))
            }
            Self::Delivery(DeliveryTask { attempt: 0, .. }) => Err(TaskError::Attempt),
            task => Ok(task),
        }
    }

    /// The task of what waited in the table.
    pub fn of_due(due: Due) -> Self {
        match due {
            Due::Attempt { org, delivery, attempt, at } => {
                Self::Delivery(DeliveryTask::new(org, delivery, attempt, at))
            }
            Due::Turn { org, lane, turn, at } => Self::Turn(TurnTask::new(org, lane, turn, at)),
        }
    }

    /// Not earlier than this.
    pub fn not_before(&self) -> Timestamp {
        match self {
            Self::Delivery(task) => task.not_before,
            Self::Turn(task) => task.not_before,
            Self::FanOut(task) => task.not_before,
        }
    }

    /// What shares the queue fairly with others: a webhook, a replay, an event that is fanned out.
    pub(super) fn group(&self) -> String {
        match self {
            Self::Delivery(task) => task.webhook.to_string(),
            Self::Turn(task) => task.lane.to_string(),
            Self::FanOut(task) => task.event.to_string(),
        }
    }
}

impl Serialize for Task {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Delivery(task) => task.serialize(serializer),
            Self::Turn(task) => task.serialize(serializer),
            Self::FanOut(task) => task.serialize(serializer),
        }
    }
}

impl From<DeliveryTask> for Task {
    fn from(task: DeliveryTask) -> Self {
        Self::Delivery(task)
    }
}

impl From<TurnTask> for Task {
    fn from(task: TurnTask) -> Self {
        Self::Turn(task)
    }
}

impl From<FanOutTask> for Task {
    fn from(task: FanOutTask) -> Self {
        Self::FanOut(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::id::ReplayId;
    use serde_json::json;

    fn task() -> serde_json::Value {
        let (at, entropy) = (Timestamp::from_seconds(9), Entropy::system());
        let delivery = DeliveryId {
            event: EventId::new(at, &entropy).unwrap(),
            webhook: WebhookId::new(at, &entropy).unwrap(),
        };
        serde_json::to_value(DeliveryTask::new(OrgId::new(at, &entropy).unwrap(), delivery, 1, at)).unwrap()
    }

    #[test]
    fn a_task_comes_back_from_its_message() {
        let text = task().to_string();
        assert_eq!(serde_json::to_value(Task::parse(&text).unwrap()).unwrap(), task_of(&text));
    }

    fn task_of(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn other_messages_are_refused() {
        for (name, value) in [
            ("version", json!(2)),
            ("version", json!(null)),
            ("organization", json!("usr_01kdvhq4000w3gf1r70w3gf1r7")),
            ("event", json!("")),
            ("attempt", json!(0)),
            ("attempt", json!(-1)),
            ("attempt", json!(65536)),
            ("not_before", json!(0)),
            ("extra", json!(1)),
        ] {
            let mut wrong = task();
            wrong[name] = value;
            assert!(Task::parse(&wrong.to_string()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn turns_and_fan_outs_come_back_from_their_messages() {
        let (at, entropy) = (Timestamp::from_seconds(9), Entropy::system());
        let org = OrgId::new(at, &entropy).unwrap();
        let backlog = Lane::Backlog(WebhookId::new(at, &entropy).unwrap());
        let replay = Lane::Replay(ReplayId::new(at, &entropy).unwrap());
        for task in [
            Task::from(TurnTask::new(org, backlog, 7, at)),
            Task::from(TurnTask::new(org, replay, 0, at)),
            Task::from(FanOutTask::new(org, EventId::new(at, &entropy).unwrap(), 100, at)),
        ] {
            let mut json = serde_json::to_value(&task).unwrap();
            assert_eq!(Task::parse(&json.to_string()).unwrap(), task);
            json["version"] = json!(2);
            assert!(matches!(Task::parse(&json.to_string()), Err(TaskError::Version(2))));
        }
    }
}
