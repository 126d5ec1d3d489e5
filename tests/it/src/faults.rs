//! Faults between the product and AWS: a call fails before it is made, or after it has taken effect; or the
//! function dies there, and nothing that it would have done afterwards is done.
//!
//! Each call has two points, one before it and one after. Which of them are struck, a [`Plan`] says: by
//! chance, where the same seed means the same draws, or one point by its number.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use tokio::sync::watch;

/// What happens at a point that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The call fails, and the function goes on with that.
    Fails,
    /// The function ends, as a process does that is killed.
    Dies,
}

/// Which points are struck.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// None.
    Nowhere,
    /// So many of a thousand calls, half of them before they take effect; drawn by the seed.
    ByChance {
        /// Of the draws.
        seed: u64,
        /// How many.
        per_mille: u64,
        /// What happens there.
        harm: Harm,
    },
    /// The point of this number, and no other.
    At(usize, Harm),
}

/// What fails, for the clients that it was given to.
#[derive(Clone, Debug)]
pub struct Faults {
    inside: Arc<Mutex<Inside>>,
    dead: watch::Sender<bool>,
}

#[derive(Debug)]
struct Inside {
    plan: Plan,
    on: bool,
    draws: u64,
    passed: usize,
    made: usize,
}

impl Default for Faults {
    fn default() -> Self {
        let inside = Inside { plan: Plan::Nowhere, on: false, draws: 0, passed: 0, made: 0 };
        Self { inside: Arc::new(Mutex::new(inside)), dead: watch::Sender::new(false) }
    }
}

impl Faults {
    /// From now on the plan holds, whose points are counted from here.
    pub fn begin(&self, plan: Plan) {
        let draws = match plan {
            Plan::ByChance { seed, .. } => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            Plan::Nowhere | Plan::At(..) => 0,
        };
        *self.inside() = Inside { plan, on: true, draws, passed: 0, made: 0 };
    }

    /// Nothing is struck, or counted, until [`Self::go_on`].
    pub fn pause(&self) {
        self.inside().on = false;
    }

    /// The plan goes on where it stopped.
    pub fn go_on(&self) {
        self.inside().on = true;
    }

    /// How many points were struck.
    pub fn made(&self) -> usize {
        self.inside().made
    }

    /// How many points were passed.
    pub fn passed(&self) -> usize {
        self.inside().passed
    }

    /// What an invocation answers; `None` if it died.
    pub async fn survived<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        self.dead.send_replace(false);
        let mut dead = self.dead.subscribe();
        let answer = tokio::select! {
            biased;
            _ = dead.wait_for(|dead| *dead) => None,
            answer = invocation => Some(answer),
        };
        // It may have answered before it was looked at.
        let died = self.dead.send_replace(false);
        answer.filter(|_| !died)
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn point(&self, place: &'static str) -> Result<(), BoxError> {
        // Whoever is dead calls nobody.
        if *self.dead.borrow() {
            return Err("the function is dead".into());
        }
        let harm = self.inside().pass();
        match harm {
            None => Ok(()),
            Some(Harm::Fails) => Err(place.into()),
            Some(Harm::Dies) => {
                self.dead.send_replace(true);
                Err(place.into())
            }
        }
    }
}

impl Inside {
    fn pass(&mut self) -> Option<Harm> {
        if !self.on {
            return None;
        }
        let point = self.passed;
        self.passed += 1;
        let struck = match self.plan {
            Plan::Nowhere => None,
            Plan::At(this, harm) => (point == this).then_some(harm),
            Plan::ByChance { per_mille, harm, .. } => (self.draw() % 2000 < per_mille).then_some(harm),
        };
        self.made += usize::from(struck.is_some());
        struck
    }

    /// Xorshift: chance enough for a test.
    fn draw(&mut self) -> u64 {
        self.draws ^= self.draws << 13;
        self.draws ^= self.draws >> 7;
        self.draws ^= self.draws << 17;
        self.draws
    }
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "Faults"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.point("a fault before the call")
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.point("a fault after the call")
    }
}
