//! The access tokens of API keys: what `POST /oauth/token` exchanges a key for.

use serde::{Deserialize, Serialize};

use super::jwt::{self, AUDIENCE, AccessTokenError};
use super::key::{Environment, KeyToken};
use crate::clock::Timestamp;
use crate::id::{ApiKeyId, OrgId};
use crate::scope::Scopes;
use crate::secret::KeyRing;

/// How long such a token is good for.
pub const KEY_ACCESS_TOKEN_SECONDS: u32 = 300;

/// What an access token of a key says (RFC 9068, 2.2). Our own functions look the key up, so that one that
/// was revoked takes its tokens with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAccessClaims {
    /// Who issued it: the setting JWT_ISSUER.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// The key.
    pub sub: ApiKeyId,
    /// The key, too: it is its own client.
    pub client_id: ApiKeyId,
    /// Whose it is.
    pub org: OrgId,
    /// Whether it works on real data.
    pub env: Environment,
    /// Which of the key's secrets it was exchanged for: a token does not outlive its secret.
    pub sec: String,
    /// What it may do, separated by spaces.
    pub scope: String,
    /// Issued, in seconds.
    pub iat: i64,
    /// Not to be accepted before, in seconds.
    pub nbf: i64,
    /// Not to be accepted from then on, in seconds.
    pub exp: i64,
    /// Unique.
    pub jti: String,
}

impl KeyAccessClaims {
    /// Claims of a token issued now.
    pub fn new(
        issuer: &str,
        (org, key): (OrgId, &KeyToken),
        scopes: &Scopes,
        now: Timestamp,
        jti: String,
    ) -> Self {
        let iat = now.seconds();
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: key.id(),
            client_id: key.id(),
            org,
            env: key.environment(),
            sec: key.digest().name().to_owned(),
            scope: scopes.joined(),
            iat,
            nbf: iat,
            exp: iat + i64::from(KEY_ACCESS_TOKEN_SECONDS),
            jti,
        }
    }

    /// The signed token.
    pub fn sign(&self, ring: &KeyRing) -> Result<String, jsonwebtoken::errors::Error> {
        jwt::sign(self, ring)
    }

    /// Checks a token as [`super::AccessClaims::verify`] does.
    pub fn verify(
        token: &str,
        ring: &KeyRing,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Self, AccessTokenError> {
        let claims: Self = jwt::open(token, ring, issuer)?;
        if claims.sub != claims.client_id {
            return Err(AccessTokenError::NotOurs);
        }
        jwt::check_time((claims.iat, claims.nbf, claims.exp), KEY_ACCESS_TOKEN_SECONDS, now)?;
        Ok(claims)
    }

    /// What the token may do. A scope that this code does not know is none.
    pub fn scopes(&self) -> Scopes {
        self.scope.split(' ').filter_map(|scope| scope.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::id::{SessionId, UserId};
    use crate::scope::{Modules, Role, Scope};
    use crate::token::AccessClaims;

    const ISSUER: &str = "https://api.example.com";
    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn ring() -> KeyRing {
        KeyRing::parse(r#"{"kid":"k1","key":"0123456789abcdefghijklmnopqrstuv"}"#).unwrap()
    }

    fn claims() -> KeyAccessClaims {
        let entropy = Entropy::system();
        let (key, org) = (ApiKeyId::new(NOW, &entropy).unwrap(), OrgId::new(NOW, &entropy).unwrap());
        let scopes = [Scope::EventsRead, Scope::EventsWrite].into_iter().collect();
        let key = KeyToken::generate(key, Environment::Test, &entropy).unwrap();
        KeyAccessClaims::new(ISSUER, (org, &key), &scopes, NOW, "j".to_owned())
    }

    #[test]
    fn a_token_is_good_for_five_minutes_and_says_what_it_may_do() {
        let claims = claims();
        let token = claims.sign(&ring()).unwrap();
        for (seconds, expected) in [
            (-6, Err(AccessTokenError::Time)),
            (0, Ok(claims.clone())),
            (299, Ok(claims.clone())),
            (300, Err(AccessTokenError::Time)),
        ] {
            let now = Timestamp::from_seconds(NOW.seconds() + seconds);
            assert_eq!(KeyAccessClaims::verify(&token, &ring(), ISSUER, now), expected, "{seconds}");
        }
        let scopes: Vec<_> = claims.scopes().iter().collect();
        assert_eq!(scopes, [Scope::EventsRead, Scope::EventsWrite]);
    }

    #[test]
    fn the_tokens_of_people_and_of_keys_are_not_taken_for_each_other() {
        let entropy = Entropy::system();
        let who = (UserId::new(NOW, &entropy).unwrap(), SessionId::new(NOW, &entropy).unwrap());
        let member = Some((claims().org, Role::Owner, Modules::default()));
        let person = AccessClaims::new(ISSUER, who, member, NOW, "j".to_owned()).sign(&ring()).unwrap();
        let key = claims().sign(&ring()).unwrap();
        let refused = Err(AccessTokenError::NotOurs);
        assert_eq!(KeyAccessClaims::verify(&person, &ring(), ISSUER, NOW), refused);
        assert_eq!(AccessClaims::verify(&key, &ring(), ISSUER, NOW), Err(AccessTokenError::NotOurs));
    }
}
