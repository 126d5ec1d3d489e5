//! What a replay is, and which deliveries it wants. Pure.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::delivery::{Delivery, State};
use crate::event::Event;
use crate::id::{EventId, OrgId, ReplayId, WebhookId};
use crate::problem::Violation;
use crate::webhook::{EventData, EventPattern, EventType, Webhook};

/// Which deliveries are sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Those that were tried and given up.
    Failed,
    /// What the webhook should have and has not: given up, skipped, or published when it was not there or did
    /// not subscribe to it.
    Missing,
    /// Everything that it subscribes to, delivered or not.
    All,
}

impl FromStr for What {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "failed" => Ok(Self::Failed),
            "missing" => Ok(Self::Missing),
            "all" => Ok(Self::All),
            _ => Err(Violation::new("unknown_value", "expected `failed`, `missing` or `all`")),
        }
    }
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on, at that time.
    Running {
        /// When.
        due: Timestamp,
    },
    /// It has come to its end.
    Done {
        /// When.
        at: Timestamp,
    },
    /// Somebody cancelled it, or its webhook does not receive any more.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// A replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Which.
    pub id: ReplayId,
    /// Whose.
    pub org: OrgId,
    /// Where to.
    pub webhook: WebhookId,
    /// Which deliveries.
    pub what: What,
    /// Of events that were published from then on.
    pub since: Timestamp,
    /// And before that.
    pub until: Timestamp,
    /// Of these types; empty means all.
    pub types: Vec<EventPattern>,
    /// Whether it only counts.
    pub dry_run: bool,
    /// How many are sent in a second, at the most.
    pub rate: u32,
    /// How far it is.
    pub progress: Progress,
    /// The turn that comes next.
    pub turn: u64,
    /// The last event that was looked at.
    pub after: Option<EventId>,
    /// How many events or deliveries were looked at.
    pub examined: u64,
    /// How many of them it wants: those that were sent, unless it only counts.
    pub matched: u64,
}

/// What a replay wants of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That it is sent.
    Yes,
    /// Nothing: it was sent by a turn of this replay that was not finished.
    Already,
    /// Nothing.
    No,
}

impl Replay {
    /// How many are sent in a second if nothing else is asked for.
    pub const RATE: u32 = 10;
    /// The most that can be asked for.
    pub const RATE_MAX: u32 = 100;
    /// How many types can be named.
    pub const TYPES_MAX: usize = 50;
    /// How long a replay is kept.
    pub const KEPT: Duration = Event::KEPT;

    fn names(&self, kind: &EventType) -> bool {
        self.types.is_empty() || self.types.iter().any(|pattern| pattern.matches(kind))
    }

    /// Whether it wants a delivery that there is.
    pub fn wants(&self, delivery: &Delivery) -> Wanted {
        if delivery.replay == Some(self.id) {
            return Wanted::Already;
        }
        let wanted = match (self.what, delivery.state) {
            (_, State::Exhausted | State::FailedInternally)
            | (What::Missing | What::All, State::Skipped)
            | (What::All, State::Delivered) => true,
            (_, State::Pending { .. } | State::Parked)
            | (What::Failed, State::Skipped)
            | (What::Failed | What::Missing, State::Delivered) => false,
        };
        if wanted && self.names(&delivery.event_type) { Wanted::Yes } else { Wanted::No }
    }

    /// Whether it wants an event of which `webhook` has no delivery. One that it was matched by has one as
    /// soon as it is tried.
    pub fn wants_untried(&self, event: &Event, webhook: &Webhook) -> bool {
        // Data that cannot be read fulfils no condition.
        let data = event.data().ok();
        let is_for_it = data.is_some_and(|data| {
            webhook.subscription.receives(&event.kind, &event.channels, &EventData::of(&data))
        });
        let was_matched = event.matched.contains(&webhook.id);
        self.what != What::Failed
            && !event.operational
            && !was_matched
            && is_for_it
            && self.names(&event.kind)
    }

    /// How long after `count` were sent the next ones are.
    pub fn pause_after(&self, count: usize) -> Duration {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Duration::from_millis(count.saturating_mul(1000) / u64::from(self.rate.max(1)))
            .max(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::id::DeliveryId;

    #[test]
    fn what_is_wanted_depends_on_how_a_delivery_stands() {
        let (at, entropy) = (Timestamp::from_seconds(9), Entropy::system());
        let webhook = WebhookId::new(at, &entropy).unwrap();
        let replay = |what, types: &[&str]| Replay {
            id: ReplayId::new(at, &entropy).unwrap(),
            org: OrgId::new(at, &entropy).unwrap(),
            webhook,
            what,
            since: at,
            until: at,
            types: types.iter().map(|kind| kind.parse().unwrap()).collect(),
            dry_run: false,
            rate: 10,
            progress: Progress::Running { due: at },
            turn: 0,
            after: None,
            examined: 0,
            matched: 0,
        };
        let event = EventId::new(at, &entropy).unwrap();
        let delivery = Delivery::untried(DeliveryId { event, webhook }, "a.b".parse().unwrap());
        let states = [
            State::Pending { due: at },
            State::Parked,
            State::Delivered,
            State::Exhausted,
            State::Skipped,
            State::FailedInternally,
        ];
        let wanted = |what| {
            let replay = replay(what, &[]);
            states.map(|state| replay.wants(&Delivery { state, ..delivery.clone() }) == Wanted::Yes)
        };
        assert_eq!(wanted(What::Failed), [false, false, false, true, false, true]);
        assert_eq!(wanted(What::Missing), [false, false, false, true, true, true]);
        assert_eq!(wanted(What::All), [false, false, true, true, true, true]);
        let exhausted = Delivery { state: State::Exhausted, ..delivery };
        assert_eq!(replay(What::All, &["a.*"]).wants(&exhausted), Wanted::Yes);
        assert_eq!(replay(What::All, &["b.*"]).wants(&exhausted), Wanted::No);
        let replay = replay(What::All, &[]);
        let sent = Delivery { replay: Some(replay.id), ..exhausted };
        assert_eq!(replay.wants(&sent), Wanted::Already);
    }
}
