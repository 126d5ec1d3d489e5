//! The life of a delivery.
//!
//! There is no item before the first attempt ends: a delivery of an event that has none is
//! pending. That is what makes a delivery that succeeds at once cost one write.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{DeliveryId, ReplayId};
use crate::webhook::EventType;

use super::outcome::Outcome;

/// How long an attempt may wait in the queue; one that is due later waits in the table (P23). As long as
/// SQS delays a message.
pub const QUEUED_WITHIN: Duration = Duration::from_mins(15);

/// One HTTP call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u16,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: u32,
    /// The first bytes of the answer.
    pub response_body: Option<String>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Another attempt is due.
    Pending {
        /// When.
        due: Timestamp,
    },
    /// The receiver fails: it waits, in the order of the events, until the receiver does not.
    Parked,
    /// The receiver has it.
    Delivered,
    /// It was tried as often as the schedule says, or the receiver is gone.
    Exhausted,
    /// The webhook was off.
    Skipped,
    /// We failed on it, again and again: it was a dead letter.
    FailedInternally,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it arrived.
    Done,
    /// Another attempt.
    Retry {
        /// When.
        due: Timestamp,
    },
    /// It stays in the backlog: this was the trial of a receiver that fails.
    Park,
    /// Nothing: no attempt is left.
    GiveUp,
    /// Nothing, and the webhook is switched off: the receiver answered 410.
    SwitchOff,
}

/// One event for one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which event, which webhook.
    pub id: DeliveryId,
    /// The type of the event.
    pub event_type: EventType,
    /// Where it stands.
    pub state: State,
    /// How many attempts there were.
    pub attempts: u16,
    /// The last of them.
    pub last_attempt: Option<Attempt>,
    /// The replay that sent it last.
    pub replay: Option<ReplayId>,
    /// How many of the attempts were trials of a receiver that fails: the schedule does not count those.
    pub trials: u16,
}

/// What was to be recorded comes too late: the delivery has gone on or ended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the delivery is past this attempt")]
pub struct AlreadyDecided;

impl Delivery {
    /// A delivery that has not been tried.
    pub fn untried(id: DeliveryId, event_type: EventType) -> Self {
        let state = State::Pending { due: id.event.made_at() };
        Self { id, event_type, state, attempts: 0, last_attempt: None, replay: None, trials: 0 }
    }

    /// Whether attempt `number` is the one that is due.
    pub fn awaits(&self, number: u16) -> bool {
        matches!(self.state, State::Pending { .. }) && self.attempts.checked_add(1) == Some(number)
    }

    /// Whether the attempt that is due then was put into the table when the one before it was recorded.
    pub fn waits_in_the_table(&self, due: Timestamp) -> bool {
        self.last_attempt.as_ref().is_some_and(|last| due.since(last.at) > QUEUED_WITHIN)
    }

    /// The delivery after its next attempt.
    pub fn after(self, attempt: Attempt, next: Next) -> Result<Self, AlreadyDecided> {
        if !self.awaits(attempt.number) {
            return Err(AlreadyDecided);
        }
        let state = match next {
            Next::Done => State::Delivered,
            Next::Retry { due } => State::Pending { due },
            Next::Park => State::Parked,
            Next::GiveUp | Next::SwitchOff => State::Exhausted,
        };
        let trials = self.trials.saturating_add(u16::from(next == Next::Park));
        Ok(Self { state, attempts: attempt.number, last_attempt: Some(attempt), trials, ..self })
    }

    /// The delivery while its receiver fails.
    pub fn parked(self) -> Result<Self, AlreadyDecided> {
        match self.state {
            State::Pending { .. } => Ok(Self { state: State::Parked, ..self }),
            State::Parked
            | State::Delivered
            | State::Exhausted
            | State::Skipped
            | State::FailedInternally => Err(AlreadyDecided),
        }
    }

    /// The delivery that was parked, or was about to be, when its turn comes.
    pub fn unparked(self, now: Timestamp) -> Result<Self, AlreadyDecided> {
        match self.state {
            State::Parked => Ok(Self { state: State::Pending { due: now }, ..self }),
            State::Pending { due } if due <= now => Ok(self),
            State::Pending { .. }
            | State::Delivered
            | State::Exhausted
            | State::Skipped
            | State::FailedInternally => Err(AlreadyDecided),
        }
    }

    /// The delivery when its webhook is off.
    pub fn skipped(self) -> Result<Self, AlreadyDecided> {
        match self.state {
            State::Pending { .. } | State::Parked => Ok(Self { state: State::Skipped, ..self }),
            State::Delivered | State::Exhausted | State::Skipped | State::FailedInternally => {
                Err(AlreadyDecided)
            }
        }
    }

    /// The delivery that has ended, with another attempt that is due now.
    pub fn again(self, now: Timestamp) -> Result<Self, AlreadyDecided> {
        match self.state {
            State::Pending { .. } | State::Parked => Err(AlreadyDecided),
            State::Delivered | State::Exhausted | State::Skipped | State::FailedInternally => {
                Ok(Self { state: State::Pending { due: now }, ..self })
            }
        }
    }

    /// The delivery that a replay sends at `due`: one that has ended or, where it is not `there` yet, a new one.
    pub fn replayed(self, replay: ReplayId, due: Timestamp, there: bool) -> Result<Self, AlreadyDecided> {
        let again = if there { self.again(due)? } else { Self { state: State::Pending { due }, ..self } };
        Ok(Self { replay: Some(replay), ..again })
    }

    /// The delivery after we failed on attempt `number` until nobody tried any more.
    pub fn failed_internally(self, number: u16) -> Result<Self, AlreadyDecided> {
        if self.awaits(number) {
            Ok(Self { state: State::FailedInternally, ..self })
        } else {
            Err(AlreadyDecided)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::id::{EventId, WebhookId};

    fn untried() -> Delivery {
        let (at, entropy) = (Timestamp::from_seconds(9), Entropy::system());
        let id = DeliveryId {
            event: EventId::new(at, &entropy).unwrap(),
            webhook: WebhookId::new(at, &entropy).unwrap(),
        };
        Delivery::untried(id, "a.b".parse().unwrap())
    }

    fn attempt(number: u16) -> Attempt {
        let outcome = Outcome::Rejected { status: 500, retry_after: None };
        Attempt { number, at: Timestamp::from_seconds(10), outcome, duration_ms: 1, response_body: None }
    }

    #[test]
    fn attempts_are_recorded_in_order_and_once() {
        let retry = Next::Retry { due: Timestamp::from_seconds(15) };
        let once = untried().after(attempt(1), retry).unwrap();
        assert_eq!((once.attempts, once.state), (1, State::Pending { due: Timestamp::from_seconds(15) }));
        assert_eq!(once.clone().after(attempt(1), retry), Err(AlreadyDecided));
        assert_eq!(once.clone().after(attempt(3), retry), Err(AlreadyDecided));
        assert_eq!(once.after(attempt(2), Next::GiveUp).unwrap().state, State::Exhausted);
    }

    #[test]
    fn what_has_ended_stays_so() {
        for next in [Next::Done, Next::GiveUp, Next::SwitchOff] {
            let ended = untried().after(attempt(1), next).unwrap();
            assert_eq!(ended.clone().after(attempt(2), Next::Done), Err(AlreadyDecided));
            assert_eq!(ended.skipped(), Err(AlreadyDecided));
        }
    }
}
