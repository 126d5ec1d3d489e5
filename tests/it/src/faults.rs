//! Faults between the product and AWS: a call fails before it is made, or after it has taken effect; the service
//! throttles it, however often it is tried; or the function dies there, and nothing that it would have done
//! afterwards is done.
//!
//! Each call has two points, one before it and one after. What is throttled has not taken effect: that strikes only
//! before. Which of them are struck, a [`Plan`] says: by
//! chance, where the same seed means the same draws, or one point by its number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use axum::Router;
use http::StatusCode;
use tokio::sync::watch;

/// What happens at a point that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The call fails, and the function goes on with that.
    Fails,
    /// The service refuses it and each repetition of it, because there are too many; the function goes on with that.
    Throttled,
    /// The function ends, as a process does that is killed.
    Dies,
}

/// Which points are struck.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// None.
    Nowhere,
    /// So many of a thousand calls, half of them before they take effect, or all where they are throttled; drawn by
    /// the seed.
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

    fn point(&self, place: Place) -> Result<Option<Throttled>, BoxError> {
        // Whoever is dead calls nobody.
        if *self.dead.borrow() {
            return Err("the function is dead".into());
        }
        let harm = self.inside().pass(place);
        match harm {
            None => Ok(None),
            Some(Harm::Throttled) => Ok(Some(Throttled)),
            Some(Harm::Fails) => Err(place.said().into()),
            Some(Harm::Dies) => {
                self.dead.send_replace(true);
                Err(place.said().into())
            }
        }
    }
}

impl Inside {
    fn pass(&mut self, place: Place) -> Option<Harm> {
        if !self.on {
            return None;
        }
        let point = self.passed;
        self.passed += 1;
        let struck = match self.plan {
            Plan::Nowhere => None,
            Plan::At(this, harm) => (point == this).then_some(harm),
            Plan::ByChance { per_mille, harm, .. } => {
                let of = if harm == Harm::Throttled { 1000 } else { 2000 };
                (self.draw() % of < per_mille).then_some(harm)
            }
        };
        let struck = struck.filter(|harm| place == Place::Before || *harm != Harm::Throttled);
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    After,
}

impl Place {
    const fn said(self) -> &'static str {
        match self {
            Self::Before => "a fault before the call",
            Self::After => "a fault after the call",
        }
    }
}

/// Marks an operation all of whose attempts are refused.
#[derive(Debug)]
struct Throttled;

impl Storable for Throttled {
    type Storer = StoreReplace<Self>;
}

/// Requests that were answered so.
static THROTTLED: AtomicUsize = AtomicUsize::new(0);

/// How many requests were throttled in this process, in all runs.
pub fn throttled() -> usize {
    THROTTLED.load(Ordering::Relaxed)
}

/// Where a service answers whatever it is asked as DynamoDB and SQS do when they are asked too much.
static THROTTLING: LazyLock<String> = LazyLock::new(|| {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let json = [("content-type", "application/x-amz-json-1.0")];
            let body = r#"{"__type":"com.amazonaws#ThrottlingException","message":"Rate exceeded"}"#;
            let answer = move || async move {
                THROTTLED.fetch_add(1, Ordering::Relaxed);
                (StatusCode::BAD_REQUEST, json, body)
            };
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
    });
    url
});

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "Faults"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<Throttled>().is_none() {
            let Some(throttled) = self.point(Place::Before)? else { return Ok(()) };
            config.interceptor_state().store_put(throttled);
        }
        Ok(context.request_mut().set_uri(THROTTLING.as_str())?)
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<Throttled>().is_none() { self.point(Place::After).map(drop) } else { Ok(()) }
    }
}
