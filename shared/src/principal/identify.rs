//! From the text of a credential to a [`Principal`].

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{Person, Principal};
use crate::api_key::{ApiKey, KeyStatus, Secret, StoredKey};
use crate::clock::Timestamp;
use crate::context::Core;
use crate::http::ClientAddress;
use crate::problem::{Kind, Problem};
use crate::standing::{Standing, USES_APART, Who};
use crate::table::StoreError;
use crate::token::{AccessClaims, KeyAccessClaims, KeyToken, kid_of};

/// Why a credential names nobody.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is none, or the header is not `Bearer` and a token.
    #[error("send `Authorization: Bearer` and an access token or an API key")]
    Missing,
    /// It is not accepted. Callers do not learn why: unknown, wrong, expired and revoked are one.
    #[error("the access token or API key is unknown, expired or revoked")]
    NotAccepted,
    /// It is a key, and is bound to networks that the call does not come from.
    #[error("the key is bound to other addresses than the one that this call comes from")]
    Elsewhere,
    /// It could not be looked up: nobody gets in while the table does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing => Self::because(Kind::Unauthenticated, refused),
            Refused::NotAccepted => Self::because(Kind::InvalidToken, refused),
            Refused::Elsewhere => Self::because(Kind::AddressNotAllowed, refused),
            Refused::Store(error) => error.into(),
        }
    }
}

/// Who a credential names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A person or a key in an organisation.
    Principal(Principal),
    /// A person whose session names no organisation.
    Alone(Person),
}

/// Who sends these headers.
pub async fn identify(
    core: &Core,
    headers: &HeaderMap,
    address: &ClientAddress,
) -> Result<Identity, Refused> {
    let token = bearer(headers).ok_or(Refused::Missing)?;
    recognise(core, token, Some(address)).await
}

/// Whom a credential names, without where it comes from when there is no `address`: for those who ask about
/// a credential that somebody else has sent.
pub async fn recognise(
    core: &Core,
    token: &str,
    address: Option<&ClientAddress>,
) -> Result<Identity, Refused> {
    if token.starts_with(KeyToken::PREFIX) {
        with_key(core, token, address).await
    } else {
        with_token(core, token, address).await
    }
}

/// The token of exactly one `Authorization: Bearer …` (RFC 6750, 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let one_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && one_word).then_some(token)
}

async fn with_token(core: &Core, token: &str, address: Option<&ClientAddress>) -> Result<Identity, Refused> {
    let kid = kid_of(token).ok_or(Refused::NotAccepted)?;
    let (ring, now) = (core.keys.ring_with(&kid).await, core.clock.now());
    let Ok(claims) = AccessClaims::verify(token, &ring, &core.issuer, now) else {
        let claims = KeyAccessClaims::verify(token, &ring, &core.issuer, now);
        return with_key_token(core, claims.map_err(|_| Refused::NotAccepted)?, address).await;
    };
    let (user, session, org) = (claims.sub, claims.sid, claims.org);
    let standing = standing(core, (user, org, Some(session))).await?.ok_or(Refused::NotAccepted)?;
    Ok(match (standing, org) {
        (Standing::Member { role, modules, status }, Some(org)) => {
            Identity::Principal(Principal::Session { user, session, org, role, modules, status })
        }
        (Standing::Member { .. } | Standing::Alone, _) => {
            Identity::Alone(Person { user, session, org: None })
        }
    })
}

/// A token that a key was exchanged for. The key is looked up all the same: revoked, it takes its tokens
/// with it, and so does a secret of it whose grace has ended.
async fn with_key_token(
    core: &Core,
    claims: KeyAccessClaims,
    address: Option<&ClientAddress>,
) -> Result<Identity, Refused> {
    let (stored, secret) = core.key_behind(&claims).await?.ok_or(Refused::NotAccepted)?;
    let mut key = stored.key;
    if key.org != claims.org {
        return Err(Refused::NotAccepted);
    }
    key.scopes = key.scopes.intersection(&claims.scopes());
    of_key(core, key, secret, address).await
}

async fn with_key(core: &Core, text: &str, address: Option<&ClientAddress>) -> Result<Identity, Refused> {
    let token = KeyToken::parse(text).ok_or(Refused::NotAccepted)?;
    let stored = core.key_of(&token).await?.ok_or(Refused::NotAccepted)?;
    let secret = stored.secret(&token, core.clock.now()).ok_or(Refused::NotAccepted)?;
    of_key(core, stored.key, secret, address).await
}

/// Who calls with a key that is theirs.
async fn of_key(
    core: &Core,
    key: ApiKey,
    secret: Secret,
    address: Option<&ClientAddress>,
) -> Result<Identity, Refused> {
    let now = core.clock.now();
    if key.status(now) != KeyStatus::Active {
        return Err(Refused::NotAccepted);
    }
    if address.is_some_and(|address| !key.allows(address.known())) {
        return Err(Refused::Elsewhere);
    }
    // What its maker can do no longer, the key cannot do either.
    let maker = key.created_by;
    let standing = core.standing_of_maker(&key).await?.ok_or(Refused::NotAccepted)?;
    let Standing::Member { role, modules, status } = standing else { return Err(Refused::NotAccepted) };
    if address.is_some() {
        core.note_use(&key, secret, now).await;
    }
    let scopes = key.scopes.intersection(&role.scopes());
    let ApiKey { id: key, org, rate_limit: rate, quota, allowed_cidrs, .. } = key;
    let bound = !allowed_cidrs.is_empty();
    let principal = Principal::ApiKey { key, org, maker, role, bound, rate, quota, scopes, modules, status };
    Ok(Identity::Principal(principal))
}

impl Core {
    /// The key that a text names, as it was within the last [`crate::standing::REMEMBERED`].
    pub async fn key_of(&self, token: &KeyToken) -> Result<Option<StoredKey>, StoreError> {
        let asked_at = self.clock.now();
        // A text that the remembered key does not have may be of a rotation since.
        let fits = |key: &StoredKey| key.secret(token, asked_at).is_some();
        if let Some(key) = self.standings.key(&token.id(), asked_at).filter(fits) {
            return Ok(Some(key));
        }
        let key = self.table.stored_key(token.id()).await?;
        // Only a key that is accepted now is remembered: guesses do not fill the memory.
        let good = |key: &&StoredKey| {
            key.secret(token, asked_at).is_some() && key.key.status(asked_at) == KeyStatus::Active
        };
        if let Some(key) = key.as_ref().filter(good) {
            self.standings.keep_key(token.id(), key, asked_at);
        }
        Ok(key)
    }

    /// The same of a token that the key was exchanged for, and which of its secrets it was.
    pub async fn key_behind(
        &self,
        claims: &KeyAccessClaims,
    ) -> Result<Option<(StoredKey, Secret)>, StoreError> {
        let asked_at = self.clock.now();
        let with_secret = |key: StoredKey| {
            let secret = key.secret_named(&claims.sec, asked_at)?;
            Some((key, secret))
        };
        if let Some(found) = self.standings.key(&claims.sub, asked_at).and_then(with_secret) {
            return Ok(Some(found));
        }
        let found = self.table.stored_key(claims.sub).await?.and_then(with_secret);
        if let Some((key, _)) =
            found.as_ref().filter(|(key, _)| key.key.status(asked_at) == KeyStatus::Active)
        {
            self.standings.keep_key(claims.sub, key, asked_at);
        }
        Ok(found)
    }

    /// Writes down that a key was used, where that is worth a write. Nothing depends on it.
    pub async fn note_use(&self, key: &ApiKey, secret: Secret, now: Timestamp) {
        if !self.standings.is_worth_noting((key.id, secret), now) {
            return;
        }
        if let Err(error) = self.table.note_use(key, secret, now, USES_APART).await {
            tracing::warn!(%error, key = %key.id, "the use of a key is not on record");
        }
    }

    /// What the maker of a key is by now in its organisation.
    pub async fn standing_of_maker(&self, key: &ApiKey) -> Result<Option<Standing>, StoreError> {
        standing(self, (key.created_by, Some(key.org), None)).await
    }
}

async fn standing(core: &Core, who: Who) -> Result<Option<Standing>, StoreError> {
    let asked_at = core.clock.now();
    if let Some(standing) = core.standings.standing(&who, asked_at) {
        return Ok(Some(standing));
    }
    let standing = read_standing(core, who, asked_at).await?;
    if let Some(standing) = &standing {
        core.standings.keep_standing(who, standing, asked_at);
    }
    Ok(standing)
}

async fn read_standing(core: &Core, who: Who, now: Timestamp) -> Result<Option<Standing>, StoreError> {
    let (user, org, session) = who;
    Ok(core.table.standing(user, org, session).await?.standing(who, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer(&of(&[b"Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&of(&[b"bEaReR  abc"])), Some("abc"));
    }

    #[test]
    fn malformed_headers_hold_no_token() {
        let wrong: [&[&[u8]]; 9] = [
            &[],
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Basic abc"],
            &[b"abc"],
            &[b"Bearer a b"],
            &[b"Bearer \xff\xfe"],
            &[b"Bearer abc", b"Bearer def"],
        ];
        for values in wrong {
            assert_eq!(bearer(&of(values)), None, "{values:?}");
        }
    }
}
