//! The tokens of links: base64url of version, kind, what they name, and an HMAC over all of that.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::{InvitationId, LinkId, OrgId};
use crate::secret::{KeyRing, Purpose};

const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
/// Ours have fewer than a hundred characters.
const CHARS_MAX: usize = 160;

/// Each kind of token names something else: one of another kind is not accepted.
#[derive(Clone, Copy)]
enum TokenKind {
    Link = 1,
    Invitation = 2,
}

fn reveal(kind: TokenKind, named: &[u8], ring: &KeyRing) -> String {
    let mut bytes = vec![VERSION, kind as u8];
    bytes.extend_from_slice(named);
    let tag = ring.current().derive(Purpose::LinkToken).tag(&bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a token of `kind` names; `None` for whatever we did not make.
fn parse(kind: TokenKind, text: &str, ring: &KeyRing) -> Option<Vec<u8>> {
    if text.len() > CHARS_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
    let genuine = ring.all().iter().any(|key| key.derive(Purpose::LinkToken).verifies(body, tag));
    let named = body.strip_prefix(&[VERSION, kind as u8])?;
    genuine.then(|| named.to_vec())
}

/// Names a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkToken(pub LinkId);

impl LinkToken {
    /// The text, for the mail that carries it.
    pub fn reveal(&self, ring: &KeyRing) -> String {
        reveal(TokenKind::Link, &self.0.to_bytes(), ring)
    }

    /// Takes a text apart; `None` for whatever we did not make.
    pub fn parse(text: &str, ring: &KeyRing) -> Option<Self> {
        let named = parse(TokenKind::Link, text, ring)?;
        Some(Self(LinkId::from_bytes(named.try_into().ok()?)))
    }
}

/// Names an invitation, as it was sent for the `generation`th time: an invitation that is sent again
/// makes the token before worthless.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvitationToken {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub invitation: InvitationId,
    /// How often it was sent before.
    pub generation: u32,
}

impl InvitationToken {
    /// The text, for the mail that carries it.
    pub fn reveal(&self, ring: &KeyRing) -> String {
        let mut named = Vec::with_capacity(36);
        named.extend_from_slice(&self.org.to_bytes());
        named.extend_from_slice(&self.invitation.to_bytes());
        named.extend_from_slice(&self.generation.to_be_bytes());
        reveal(TokenKind::Invitation, &named, ring)
    }

    /// Takes a text apart; `None` for whatever we did not make.
    pub fn parse(text: &str, ring: &KeyRing) -> Option<Self> {
        let named = parse(TokenKind::Invitation, text, ring)?;
        let (org, rest) = named.split_first_chunk::<16>()?;
        let (invitation, rest) = rest.split_first_chunk::<16>()?;
        Some(Self {
            org: OrgId::from_bytes(*org),
            invitation: InvitationId::from_bytes(*invitation),
            generation: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken")
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationToken")
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

    fn link() -> LinkToken {
        LinkToken(LinkId::new(Timestamp::from_seconds(1), &Entropy::system()).unwrap())
    }

    fn invitation() -> InvitationToken {
        let (at, entropy) = (Timestamp::from_seconds(1), Entropy::system());
        InvitationToken {
            org: OrgId::new(at, &entropy).unwrap(),
            invitation: InvitationId::new(at, &entropy).unwrap(),
            generation: 3,
        }
    }

    #[test]
    fn a_token_comes_back_also_after_the_key_was_rotated() {
        let (link, invitation) = (link(), invitation());
        let (made, read) = (ring("k1", "k0"), ring("k2", "k1"));
        assert_eq!(LinkToken::parse(&link.reveal(&made), &read), Some(link));
        assert_eq!(InvitationToken::parse(&invitation.reveal(&made), &read), Some(invitation));
        assert_eq!(LinkToken::parse(&link.reveal(&made), &ring("k3", "k2")), None);
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let ring = ring("k1", "k0");
        assert_eq!(InvitationToken::parse(&link().reveal(&ring), &ring), None);
        assert_eq!(LinkToken::parse(&invitation().reveal(&ring), &ring), None);
    }

    #[test]
    fn a_changed_token_is_refused() {
        let ring = ring("k1", "k0");
        let text = invitation().reveal(&ring);
        for place in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(InvitationToken::parse(&wrong, &ring), None, "place {place}");
        }
        for wrong in ["", "A", &text[1..], &format!("{text}AAAA"), &"A".repeat(1000)] {
            assert_eq!(InvitationToken::parse(wrong, &ring), None, "{wrong}");
        }
    }
}
