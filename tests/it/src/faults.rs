//! Faults between the product and AWS: a call that fails before it is made, or after it has taken effect.
//! Which ones, a seed decides: the same seed, the same draws.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// What fails, for the clients that it was given to.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    state: u64,
    per_mille: u64,
    made: usize,
}

impl Faults {
    /// From now on so many of a thousand calls fail, half of them after they have taken effect.
    pub fn begin(&self, seed: u64, per_mille: u64) {
        let state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        *self.0.lock().unwrap() = Plan { state, per_mille, made: 0 };
    }

    /// Nothing fails any more; how many calls did.
    pub fn end(&self) -> usize {
        let mut plan = self.0.lock().unwrap();
        plan.per_mille = 0;
        plan.made
    }

    /// Xorshift: chance enough for a test.
    fn strikes(&self) -> bool {
        let mut plan = self.0.lock().unwrap();
        if plan.per_mille == 0 {
            return false;
        }
        plan.state ^= plan.state << 13;
        plan.state ^= plan.state >> 7;
        plan.state ^= plan.state << 17;
        let strikes = plan.state % 2000 < plan.per_mille;
        plan.made += usize::from(strikes);
        strikes
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
        if self.strikes() { Err("a fault before the call".into()) } else { Ok(()) }
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.strikes() { Err("a fault after the call".into()) } else { Ok(()) }
    }
}
