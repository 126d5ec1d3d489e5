//! What access tokens have in common: JWT (RFC 7519) as RFC 9068 profiles them, HS256 under a key derived
//! from SECRET_KEY. The time is checked here against the clock of the function, not by the library.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::secret::{KeyRing, Purpose};

/// How far the clocks of two functions may be apart.
const SKEW_SECONDS: i64 = 5;
/// Ours have about 600 bytes; what is far longer is not ours.
const BYTES_MAX: usize = 4096;
const TYPE: &str = "at+jwt";
const ALGORITHM: &str = "HS256";
/// Whom access tokens are for.
pub(super) const AUDIENCE: &str = "ai-foundry";

/// Why a token is not accepted. For logs and tests: callers learn only that it is not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AccessTokenError {
    /// No JWT of ours: form, algorithm, type, signature or claims.
    #[error("not an access token of ours")]
    NotOurs,
    /// Its time is over, or not yet come.
    #[error("outside of its time")]
    Time,
}

/// What the header of ours says, without all else that one may say. The library reads it whole when it
/// checks the signature; this is asked first, for each call, and of tokens that are nobody's.
#[derive(Deserialize)]
struct Ours<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// The `kid` that a token claims to be signed with, if it has the form of ours.
pub fn kid_of(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.').filter(|_| token.len() <= BYTES_MAX)?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let Ours { alg, typ, kid } = serde_json::from_slice(&header).ok()?;
    (alg == ALGORITHM && typ == TYPE).then(|| kid.to_owned())
}

/// The signed token of `claims`.
pub(super) fn sign<T: Serialize>(claims: &T, ring: &KeyRing) -> Result<String, jsonwebtoken::errors::Error> {
    let key = ring.current();
    let header = Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(key.kid().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let derived = key.derive(Purpose::AccessToken);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(derived.expose()))
}

/// What a token says whose signature, issuer and audience are right.
pub(super) fn open<T: DeserializeOwned + Clone>(
    token: &str,
    ring: &KeyRing,
    issuer: &str,
) -> Result<T, AccessTokenError> {
    let kid = kid_of(token).ok_or(AccessTokenError::NotOurs)?;
    let key = ring.named(&kid).ok_or(AccessTokenError::NotOurs)?;
    let derived = key.derive(Purpose::AccessToken);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
    // The library reads the machine's clock; ours is compared with.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let opened = jsonwebtoken::decode::<T>(token, &DecodingKey::from_secret(derived.expose()), &validation);
    opened.map(|data| data.claims).map_err(|_| AccessTokenError::NotOurs)
}

/// Whether a token is good at `now`: issued, not over, and never good for more than `life_seconds`.
pub(super) fn check_time(
    (iat, nbf, exp): (i64, i64, i64),
    life_seconds: u32,
    now: Timestamp,
) -> Result<(), AccessTokenError> {
    let now = now.seconds();
    let started = nbf <= now + SKEW_SECONDS && iat <= now + SKEW_SECONDS;
    let sane = exp > iat && exp - iat <= i64::from(life_seconds);
    if started && sane && now < exp { Ok(()) } else { Err(AccessTokenError::Time) }
}
