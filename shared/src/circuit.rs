//! The circuit breaker in front of an AWS service (M. Nygard, *Release It!*, 2007). A service that is away
//! takes seconds to say nothing, each call anew: callers would wait for all of them, hold every function that
//! may run at once, and keep the service from coming back.
//!
//! After [`FAILURES`] attempts in a row that got no answer, calls fail at once for [`REST`]; then one goes
//! through, and decides. Since the first operation that failed, calls are tried once and not three times.
//! Everything else is an answer: a condition that is not met, and throttling too, which is of one key or one table
//! and which the SDK's own budget of retries bounds.
//!
//! It belongs to one client of one process, as everything that a function knows: the sandboxes of a function find
//! out by themselves.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;

use crate::clock::{Clock, Timestamp};

/// So many attempts in a row have to get no answer: one operation, which is three, and two more.
const FAILURES: u32 = 5;
/// For how long calls fail at once. It is what `Retry-After` tells callers of a 503.
const REST: Duration = Duration::from_secs(1);

/// Stands in front of one service: an interceptor of its client.
pub struct Circuit {
    service: &'static str,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Attempts without an answer since the last that got one.
    failures: u32,
    /// When the last of them ended, or the call that is to decide began.
    since: Option<Timestamp>,
}

/// How a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// As often as the client tries.
    Freely,
    Once,
    Not,
}

impl Storable for Passage {
    type Storer = StoreReplace<Self>;
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
#[error("{0} did not answer a moment ago")]
pub struct Rests(&'static str);

impl Rests {
    /// Whether an error of the SDK is one of these.
    pub fn is_cause_of(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<Self>)
    }
}

impl Circuit {
    /// A closed one. `service` is its name in errors and logs.
    pub fn new(service: &'static str, clock: Clock) -> Self {
        Self { service, clock, state: Mutex::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn admit(&self) -> Passage {
        let now = self.clock.now();
        self.with(|state| match state {
            State { failures: 0, .. } => Passage::Freely,
            State { failures, .. } if *failures < FAILURES => Passage::Once,
            // A clock that was turned back must not keep it open.
            State { since: Some(since), .. } if *since <= now && now.since(*since) < REST => Passage::Not,
            State { since, .. } => {
                // The others wait for what comes of it; were it never to end, the next would be in a while.
                *since = Some(now);
                Passage::Once
            }
        })
    }

    fn answered(&self) {
        let before = self.with(std::mem::take);
        if before.failures >= FAILURES {
            tracing::info!(service = self.service, "the service answers again");
        }
    }

    fn failed(&self, attempts: u32) {
        let now = self.clock.now();
        let opens = self.with(|state| {
            let before = state.failures;
            *state = State { failures: before.saturating_add(attempts), since: Some(now) };
            before < FAILURES && state.failures >= FAILURES
        });
        if opens {
            tracing::warn!(service = self.service, "the service does not answer; calls to it fail at once");
        }
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Intercept for Circuit {
    fn name(&self) -> &'static str {
        "Circuit"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let passage = self.admit();
        config.interceptor_state().store_put(passage);
        if passage == Passage::Not { Err(Rests(self.service).into()) } else { Ok(()) }
    }

    fn modify_before_retry_loop(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<Passage>() == Some(&Passage::Once) {
            config.interceptor_state().store_put(RetryConfig::disabled());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let in_trouble = || context.response().is_some_and(|answer| answer.status().is_server_error());
        let silent = match context.output_or_error() {
            Some(Ok(_)) => false,
            Some(Err(error)) if error.is_operation_error() => in_trouble(),
            Some(Err(error)) => {
                if !(error.is_timeout_error() || error.is_connector_error() || error.is_response_error()) {
                    // It was never sent, which says nothing of the service.
                    return Ok(());
                }
                true
            }
            None => return Ok(()),
        };
        if silent {
            self.failed(config.load::<RequestAttempts>().map_or(1, |made| made.attempts().max(1)));
        } else {
            self.answered();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_2026() -> (Circuit, crate::clock::Hands) {
        let (clock, hands) = Clock::standing_at(Timestamp::from_seconds(1_767_225_600));
        (Circuit::new("DynamoDB", clock), hands)
    }

    #[test]
    fn one_operation_that_fails_makes_the_next_be_tried_once_and_five_attempts_open_it() {
        let (circuit, _) = at_2026();
        assert_eq!(circuit.admit(), Passage::Freely);
        circuit.failed(3);
        assert_eq!(circuit.admit(), Passage::Once);
        circuit.failed(1);
        assert_eq!(circuit.admit(), Passage::Once);
        circuit.failed(1);
        assert_eq!(circuit.admit(), Passage::Not);
    }

    #[test]
    fn after_its_rest_one_call_decides_while_the_others_still_fail() {
        let (circuit, hands) = at_2026();
        circuit.failed(FAILURES);
        hands.advance(REST);
        assert_eq!([circuit.admit(), circuit.admit()], [Passage::Once, Passage::Not]);
        circuit.failed(1);
        assert_eq!(circuit.admit(), Passage::Not);
        hands.advance(REST);
        assert_eq!(circuit.admit(), Passage::Once);
        circuit.answered();
        assert_eq!([circuit.admit(), circuit.admit()], [Passage::Freely; 2]);
    }

    #[test]
    fn a_call_that_never_ends_is_followed_by_another() {
        let (circuit, hands) = at_2026();
        circuit.failed(FAILURES);
        hands.advance(REST);
        assert_eq!(circuit.admit(), Passage::Once);
        hands.advance(REST);
        assert_eq!(circuit.admit(), Passage::Once);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_keep_it_open() {
        let (circuit, hands) = at_2026();
        circuit.failed(FAILURES);
        hands.turn_back(Duration::from_hours(1));
        assert_eq!(circuit.admit(), Passage::Once);
    }

    #[test]
    fn one_answer_is_enough() {
        let (circuit, _) = at_2026();
        circuit.failed(FAILURES - 1);
        circuit.answered();
        circuit.failed(FAILURES - 1);
        assert_eq!(circuit.admit(), Passage::Once);
    }
}
