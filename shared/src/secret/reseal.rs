//! Sealing anew: what is under an older key, under the current one.

use super::ring::{KeyRing, Purpose};
use super::seal::Sealed;
use crate::entropy::{Entropy, NoEntropy};

/// Goes through the sealed values of a thing, and counts.
pub struct Resealing<'a> {
    ring: &'a KeyRing,
    entropy: &'a Entropy,
    /// The keys, other than the current one, that values were found under: one for each value.
    pub found: Vec<String>,
    /// How many values are under the current key now and were not.
    pub changed: u64,
    /// How many do not open: they stay as they are.
    pub failed: u64,
}

impl<'a> Resealing<'a> {
    /// Nothing was found yet.
    pub fn new(ring: &'a KeyRing, entropy: &'a Entropy) -> Self {
        Self { ring, entropy, found: Vec::new(), changed: 0, failed: 0 }
    }

    /// Seals one value anew, if it is under another key than the current one, and opens.
    pub fn value(&mut self, sealed: &mut Sealed, purpose: Purpose, owner: &str) -> Result<(), NoEntropy> {
        let kid = sealed.kid().unwrap_or_default();
        if kid == self.ring.current().kid() {
            return Ok(());
        }
        self.found.push(kid.to_owned());
        match sealed.open(self.ring, purpose, owner) {
            Ok(plain) => {
                *sealed = Sealed::seal(self.ring, purpose, owner, &plain, self.entropy)?;
                self.changed += 1;
            }
            Err(error) => {
                tracing::error!(%error, ?purpose, owner, "a sealed value is left as it is");
                self.failed += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(kids: &[&str]) -> KeyRing {
        let key = |kid: &&str| format!(r#"{{"kid":"{kid}","key":"0123456789abcdefghijklmnopqrstuv{kid}"}}"#);
        let (newest, previous) = kids.split_first().unwrap();
        let previous: Vec<_> = previous.iter().map(key).collect();
        let newest = key(newest);
        KeyRing::parse(&newest.replacen('{', &format!(r#"{{"previous":[{}],"#, previous.join(",")), 1))
            .unwrap()
    }

    fn sealed(kid: &str) -> Sealed {
        Sealed::seal(&ring(&[kid]), Purpose::FactorSecret, "a", b"s", &Entropy::system()).unwrap()
    }

    #[test]
    fn a_value_is_sealed_under_the_current_key_once() {
        let (two, entropy) = (ring(&["k2", "k1"]), Entropy::system());
        let mut value = sealed("k1");
        let mut resealing = Resealing::new(&two, &entropy);
        resealing.value(&mut value, Purpose::FactorSecret, "a").unwrap();
        resealing.value(&mut value, Purpose::FactorSecret, "a").unwrap();
        assert_eq!((resealing.found, resealing.changed, resealing.failed), (vec!["k1".to_owned()], 1, 0));
        assert_eq!(
            (value.kid(), value.open(&two, Purpose::FactorSecret, "a")),
            (Some("k2"), Ok(b"s".to_vec()))
        );
    }

    #[test]
    fn what_does_not_open_stays_as_it_is_and_is_counted() {
        let (two, entropy) = (ring(&["k2", "k1"]), Entropy::system());
        for (kid, purpose, owner) in [
            ("k1", Purpose::FactorSecret, "b"),
            ("k1", Purpose::WebhookSecret, "a"),
            ("k0", Purpose::FactorSecret, "a"),
        ] {
            let (before, mut resealing) = (sealed(kid), Resealing::new(&two, &entropy));
            let mut value = before.clone();
            resealing.value(&mut value, purpose, owner).unwrap();
            assert_eq!((resealing.found, resealing.changed, resealing.failed), (vec![kid.to_owned()], 0, 1));
            assert_eq!(value, before);
        }
    }
}
