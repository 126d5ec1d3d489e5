//! What whoever has shown the right password holds until they show the second factor: a token that
//! nothing is stored for. It is good for ten minutes and says nothing that the person may not know.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::clock::Timestamp;
use shared::entropy::{Entropy, NoEntropy};
use shared::id::{OrgId, UserId};
use shared::secret::{KeyRing, Purpose};

use crate::account::Account;

/// The right password was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// By whom.
    pub(crate) user: UserId,
    /// Their epoch then: a change of the password makes it worthless.
    pub(crate) epoch: u32,
    /// The organisation that their session is to name.
    pub(crate) org: Option<OrgId>,
    /// When.
    at: Timestamp,
    nonce: [u8; 16],
}

impl Challenge {
    const VERSION: u8 = 1;
    const GOOD_FOR: Duration = Duration::from_mins(10);
    const TAG_BYTES: usize = 32;
    const CHARS_MAX: usize = 200;

    pub(crate) fn new(account: &Account, entropy: &Entropy, now: Timestamp) -> Result<Self, NoEntropy> {
        let (user, epoch) = (account.user.id, account.user.epoch);
        Ok(Self { user, epoch, org: account.org(), at: now, nonce: entropy.bytes()? })
    }

    /// Names it among all challenges: its tries are counted by this.
    pub(crate) fn subject(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.nonce))
    }

    fn body(&self) -> Vec<u8> {
        let mut body = vec![Self::VERSION];
        body.extend_from_slice(&self.user.to_bytes());
        body.extend_from_slice(&self.epoch.to_be_bytes());
        body.extend_from_slice(&self.org.map_or([0; 16], OrgId::to_bytes));
        body.extend_from_slice(&self.at.millis().to_be_bytes());
        body.extend_from_slice(&self.nonce);
        body
    }

    pub(crate) fn reveal(&self, ring: &KeyRing) -> String {
        let mut bytes = self.body();
        let tag = ring.current().derive(Purpose::MfaChallenge).tag(&bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Takes a text apart; `None` for whatever we did not make, or too long ago.
    pub(crate) fn parse(text: &str, ring: &KeyRing, now: Timestamp) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.get(..Self::CHARS_MAX).unwrap_or(text)).ok()?;
        let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(Self::TAG_BYTES)?)?;
        if !ring.all().iter().any(|key| key.derive(Purpose::MfaChallenge).verifies(body, tag)) {
            return None;
        }
        let (version, rest) = body.split_first()?;
        let (user, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (org, rest) = rest.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let challenge = Self {
            user: UserId::from_bytes(*user),
            epoch: u32::from_be_bytes(*epoch),
            org: (*org != [0; 16]).then(|| OrgId::from_bytes(*org)),
            at: Timestamp::from_millis(i64::from_be_bytes(*at)),
            nonce: rest.try_into().ok()?,
        };
        (*version == Self::VERSION && now < challenge.at.plus(Self::GOOD_FOR)).then_some(challenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(kid: &str) -> KeyRing {
        KeyRing::parse(&format!(r#"{{"kid":"{kid}","key":"0123456789abcdefghijklmnopqrstuv{kid}"}}"#))
            .unwrap()
    }

    fn challenge(org: bool) -> Challenge {
        let (at, entropy) = (Timestamp::from_seconds(1000), Entropy::system());
        let org = org.then(|| OrgId::new(at, &entropy).unwrap());
        Challenge { user: UserId::new(at, &entropy).unwrap(), epoch: 7, org, at, nonce: [5; 16] }
    }

    #[test]
    fn a_challenge_comes_back_for_ten_minutes() {
        for org in [true, false] {
            let (ring, challenge) = (ring("k1"), challenge(org));
            let text = challenge.reveal(&ring);
            let at = |ms| Challenge::parse(&text, &ring, Timestamp::from_millis(ms)) == Some(challenge);
            assert_eq!([at(1_000_000), at(1_599_999), at(1_600_000)], [true, true, false]);
        }
    }

    #[test]
    fn what_we_did_not_make_is_refused() {
        let (ring, now) = (ring("k1"), Timestamp::from_seconds(1000));
        let text = challenge(true).reveal(&ring);
        for place in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            assert!(Challenge::parse(std::str::from_utf8(&wrong).unwrap(), &ring, now).is_none());
        }
        for wrong in ["", "A", &text[1..], &format!("{text}AAAA"), &"A".repeat(5000)] {
            assert!(Challenge::parse(wrong, &ring, now).is_none());
        }
        assert!(Challenge::parse(&text, &super::tests::ring("k2"), now).is_none());
    }
}
