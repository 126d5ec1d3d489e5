//! Refresh tokens: `rt_` and base64url of version, user, session, counter and an HMAC over them.
//!
//! There are no token rows. The session item holds the counter, and the token of a counter can be
//! made again: that is how a client whose answer was lost gets the same token once more.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{SessionId, UserId};
use crate::secret::{KeyRing, Purpose};

/// What a refresh token says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The person.
    pub user: UserId,
    /// Their session.
    pub session: SessionId,
    /// How many refreshes there were before it was issued.
    pub counter: u32,
}

impl RefreshToken {
    /// What every refresh token starts with.
    pub const PREFIX: &str = "rt_";
    const VERSION: u8 = 1;
    const BODY_BYTES: usize = 1 + 16 + 16 + 4;

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(Self::BODY_BYTES + 32);
        body.push(Self::VERSION);
        body.extend_from_slice(&self.user.to_bytes());
        body.extend_from_slice(&self.session.to_bytes());
        body.extend_from_slice(&self.counter.to_be_bytes());
        body
    }

    /// The token's text, for the answer that hands it out.
    pub fn reveal(&self, ring: &KeyRing) -> String {
        let mut bytes = self.body();
        let tag = ring.current().derive(Purpose::RefreshToken).tag(&bytes);
        bytes.extend_from_slice(&tag);
        format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Takes a text apart; `None` for whatever we did not issue.
    pub fn parse(text: &str, ring: &KeyRing) -> Option<Self> {
        let text = text.strip_prefix(Self::PREFIX).filter(|text| text.len() <= 128)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(Self::BODY_BYTES).filter(|(_, tag)| tag.len() == 32)?;
        if !ring.all().iter().any(|key| key.derive(Purpose::RefreshToken).verifies(body, tag)) {
            return None;
        }
        let (version, rest) = body.split_first()?;
        let (user, rest) = rest.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let counter = u32::from_be_bytes(rest.try_into().ok()?);
        (*version == Self::VERSION).then(|| Self {
            user: UserId::from_bytes(*user),
            session: SessionId::from_bytes(*session),
            counter,
        })
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}, {})", self.session, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::entropy::Entropy;

    fn ring(kid: &str, previous: &str) -> KeyRing {
        let key = |kid: &str| format!("0123456789abcdefghijklmnopqrstuv{kid}");
        KeyRing::parse(&format!(
            r#"{{"kid":"{kid}","key":"{}","previous":[{{"kid":"{previous}","key":"{}"}}]}}"#,
            key(kid),
            key(previous)
        ))
        .unwrap()
    }

    fn token() -> RefreshToken {
        let (at, entropy) = (Timestamp::from_seconds(1), Entropy::system());
        RefreshToken {
            user: UserId::new(at, &entropy).unwrap(),
            session: SessionId::new(at, &entropy).unwrap(),
            counter: 7,
        }
    }

    #[test]
    fn a_token_comes_back_also_after_the_key_was_rotated() {
        let token = token();
        let text = token.reveal(&ring("k1", "k0"));
        assert_eq!(RefreshToken::parse(&text, &ring("k1", "k0")), Some(token));
        assert_eq!(RefreshToken::parse(&text, &ring("k2", "k1")), Some(token));
        assert_eq!(RefreshToken::parse(&text, &ring("k3", "k2")), None);
    }

    #[test]
    fn one_counter_has_one_token() {
        let (ring, token) = (ring("k1", "k0"), token());
        assert_eq!(token.reveal(&ring), token.reveal(&ring));
        assert_ne!(token.reveal(&ring), RefreshToken { counter: 8, ..token }.reveal(&ring));
    }

    #[test]
    fn a_changed_token_is_refused() {
        let ring = ring("k1", "k0");
        let text = token().reveal(&ring);
        for place in 3..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(RefreshToken::parse(&wrong, &ring), None, "place {place}");
        }
        for wrong in ["", "rt_", "rt_AAAA", &text[3..], &format!("{text}AAAA")] {
            assert_eq!(RefreshToken::parse(wrong, &ring), None, "{wrong}");
        }
    }
}
