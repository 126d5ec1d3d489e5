//! Failures in a row, and how long the next attempt has to wait.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::window::seconds_until;
use super::{Limiter, keys, refused};
use crate::clock::Timestamp;
use crate::problem::Problem;
use crate::table::{StoreError, number};

/// How attempts that fail are slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Names it in keys and headers.
    pub name: &'static str,
    /// So many failures cost no wait.
    pub free: u32,
    /// The wait after the last of them; each further failure doubles it.
    pub wait_seconds: u64,
    /// The longest wait.
    pub wait_seconds_max: u64,
    /// After so many in a row only [`Limiter::forgive`], or silence, opens it again.
    pub in_a_row_max: u32,
    /// After so much silence the failures are forgotten.
    pub forgotten_after: Duration,
}

impl Guard {
    /// Passwords of one account, which need not exist: 1 s after the fifth failure, 15 min at the most.
    pub const PASSWORDS: Self = Self {
        name: "passwords",
        free: 5,
        wait_seconds: 1,
        wait_seconds_max: 900,
        in_a_row_max: 100,
        forgotten_after: Duration::from_hours(24),
    };
    /// Second factors of one person, of whatever kind: 15 min after the tenth failure in a row.
    pub const FACTORS: Self = Self {
        name: "factors",
        free: 10,
        wait_seconds: 900,
        wait_seconds_max: 900,
        in_a_row_max: 100,
        forgotten_after: Duration::from_hours(24),
    };
    /// Tries of one challenge, which is over after ten minutes.
    pub const CHALLENGE: Self = Self {
        name: "challenge",
        free: 5,
        wait_seconds: 900,
        wait_seconds_max: 900,
        in_a_row_max: 5,
        forgotten_after: Duration::from_hours(1),
    };

    /// How long after the last of `failures` the next attempt has to wait.
    fn wait(self, failures: u32) -> Duration {
        if failures < self.free {
            return Duration::ZERO;
        }
        if failures >= self.in_a_row_max {
            return self.forgotten_after;
        }
        let doublings = (failures - self.free).min(30);
        Duration::from_secs((self.wait_seconds << doublings).min(self.wait_seconds_max))
    }

    fn opens_at(self, state: State) -> Timestamp {
        state.last_at.plus(self.wait(state.failures))
    }

    fn is_forgotten(self, state: State, now: Timestamp) -> bool {
        now >= state.last_at.plus(self.forgotten_after)
    }
}

/// What the counter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    failures: u32,
    last_at: Timestamp,
}

impl State {
    fn of(item: &HashMap<String, AttributeValue>) -> Result<Self, StoreError> {
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<i64>().ok();
        let state = number("failures").zip(number("last_at"));
        let (failures, last_at) =
            state.ok_or_else(|| StoreError::Corrupt("a counter of failures has none".to_owned()))?;
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        Ok(Self { failures, last_at: Timestamp::from_millis(last_at) })
    }
}

/// An attempt that was counted as a failure until [`Limiter::succeeded`] says that it was none.
#[derive(Debug)]
pub struct Ticket {
    guard: Guard,
    subject: String,
    state: State,
}

/// Whether an attempt may be made.
#[derive(Debug)]
pub enum Attempt {
    /// It may, and is counted.
    Allowed(Ticket),
    /// It may not, and is not counted: whoever hammers does not make the wait longer.
    Locked {
        /// What guards it.
        guard: Guard,
        /// Whole seconds until the next attempt may be made.
        wait_seconds: u64,
    },
}

impl Attempt {
    /// Refuses an attempt that may not be made.
    pub fn or_refuse(self) -> Result<Ticket, Problem> {
        match self {
            Self::Allowed(ticket) => Ok(ticket),
            Self::Locked { guard, wait_seconds } => {
                Err(refused(guard.name, guard.free, guard.wait_seconds_max, wait_seconds))
            }
        }
    }
}

impl Limiter {
    /// Counts an attempt as failed before it is made. One write in most cases, two after failures that
    /// cost a wait, none when this process knows that it has to wait.
    pub async fn attempt(&self, guard: Guard, subject: &str, now: Timestamp) -> Result<Attempt, StoreError> {
        /// A lock can end early: somebody chooses another password by a link, and logs in elsewhere.
        const REMEMBERED: Duration = Duration::from_secs(5);
        if let Some(until) = self.refusals.until_within(REMEMBERED, guard.name, subject, now) {
            return Ok(Attempt::Locked { guard, wait_seconds: seconds_until(until, now) });
        }
        let free = "attribute_not_exists(failures) OR failures < :bound";
        let found = match self.count(guard, subject, now, free, Some(number(guard.free)), None).await? {
            Ok(ticket) => return Ok(Attempt::Allowed(ticket)),
            Err(found) => found,
        };
        let from = if guard.is_forgotten(found, now) {
            0
        } else if now < guard.opens_at(found) {
            return Ok(self.locked(guard, subject, found, now));
        } else {
            found.failures
        };
        // The attempt belongs to whoever moves the counter on from what was found: of many at once, one.
        match self.count(guard, subject, now, "failures = :found", None, Some((found, from))).await? {
            Ok(ticket) => Ok(Attempt::Allowed(ticket)),
            Err(found) => Ok(self.locked(guard, subject, found, now)),
        }
    }

    fn locked(&self, guard: Guard, subject: &str, state: State, now: Timestamp) -> Attempt {
        let until = guard.opens_at(state);
        self.refusals.keep(guard.name, subject, now, until);
        Attempt::Locked { guard, wait_seconds: seconds_until(until, now) }
    }

    /// One conditional write. `Err` is what the counter says when the condition is not met.
    async fn count(
        &self,
        guard: Guard,
        subject: &str,
        now: Timestamp,
        condition: &str,
        bound: Option<AttributeValue>,
        exact: Option<(State, u32)>,
    ) -> Result<Result<Ticket, State>, StoreError> {
        let expires = now.plus(guard.forgotten_after).seconds() + 60;
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::counter(guard.name, subject, "row")))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":expires", number(expires))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match exact {
            None => update
                .update_expression("ADD failures :one SET last_at = :now, expires = :expires")
                .expression_attribute_values(":one", number(1)),
            Some((found, from)) => update
                .update_expression("SET failures = :next, last_at = :now, expires = :expires")
                .expression_attribute_values(":next", number(from + 1))
                .expression_attribute_values(":found", number(found.failures))
                .expression_attribute_values(":found_at", number(found.last_at.millis())),
        };
        let condition = match exact {
            None => condition.to_owned(),
            Some(_) => format!("{condition} AND last_at = :found_at"),
        };
        if let Some(bound) = bound {
            update = update.expression_attribute_values(":bound", bound);
        }
        let answer = update.condition_expression(condition).send().await;
        let error = match answer {
            Ok(answer) => {
                let state = State::of(&answer.attributes.unwrap_or_default())?;
                return Ok(Ok(Ticket { guard, subject: subject.to_owned(), state }));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Err(State::of(&refused.item.clone().unwrap_or_default())?))
            }
            _ => Err(error.into()),
        }
    }

    /// The attempt did not fail: the failures before it are forgotten, unless somebody else has failed
    /// since it was counted.
    pub async fn succeeded(&self, ticket: Ticket) -> Result<(), StoreError> {
        let Ticket { guard, subject, state } = ticket;
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(keys::counter(guard.name, &subject, "row")))
            .condition_expression("failures = :failures AND last_at = :last_at")
            .expression_attribute_values(":failures", number(state.failures))
            .expression_attribute_values(":last_at", number(state.last_at.millis()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// Forgets every failure: whoever the account belongs to has shown it in another way.
    pub async fn forgive(&self, guard: Guard, subject: &str) -> Result<(), StoreError> {
        let key = keys::counter(guard.name, subject, "row");
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await?;
        self.refusals.forget(guard.name, subject);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_beyond_the_free_ones_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let waits = [0, 4, 5, 6, 7, 14, 15, 16, 50, 99].map(|n| Guard::PASSWORDS.wait(n).as_secs());
        assert_eq!(waits, [0, 0, 1, 2, 4, 512, 900, 900, 900, 900]);
        assert_eq!(Guard::PASSWORDS.wait(100), Duration::from_hours(24));
    }

    #[test]
    fn ten_wrong_factors_lock_for_a_quarter_of_an_hour() {
        let waits = [9, 10, 11, 99].map(|n| Guard::FACTORS.wait(n).as_secs());
        assert_eq!(waits, [0, 900, 900, 900]);
    }

    #[test]
    fn a_challenge_has_five_tries() {
        assert_eq!([4, 5].map(|n| Guard::CHALLENGE.wait(n).as_secs()), [0, 3600]);
    }
}
