//! Chance comes in through the door, as time does: a test that needs the same bytes twice says so.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// The operating system gave no random bytes. Nothing secret can be made then.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoEntropy;

type Fill = dyn Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync;

/// Where random bytes come from.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

impl Entropy {
    /// The generator of aws-lc, seeded by the kernel.
    pub fn system() -> Self {
        let random = SystemRandom::new();
        Self(Arc::new(move |bytes| random.fill(bytes).map_err(|_| NoEntropy)))
    }

    /// A source of the caller's own: a test that wants a known value or a failing source.
    pub fn from_fn(fill: impl Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        (self.0)(&mut bytes)?;
        Ok(bytes)
    }

    /// A number in `-1.0..=1.0` for jitter: evenly spread, not secret.
    pub fn jitter(&self) -> Result<f64, NoEntropy> {
        let drawn = u32::from_le_bytes(self.bytes()?);
        Ok(f64::from(drawn) / f64::from(u32::MAX) * 2.0 - 1.0)
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
