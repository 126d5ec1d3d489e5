//! The access tokens of people.

use serde::{Deserialize, Serialize};

use super::jwt::{self, AUDIENCE, AccessTokenError};
use crate::clock::Timestamp;
use crate::id::{OrgId, SessionId, UserId};
use crate::scope::{Modules, Role};
use crate::secret::KeyRing;

/// How long an access token is good for.
pub const ACCESS_TOKEN_SECONDS: u32 = 900;
/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: the setting JWT_ISSUER.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// The person.
    pub sub: UserId,
    /// Their session.
    pub sid: SessionId,
    /// The organisation that the session names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// Their role there when it was issued. Our own functions look the present one up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The organisation's modules when it was issued. The same holds.
    pub mods: Modules,
    /// Issued, in seconds.
    pub iat: i64,
    /// Not to be accepted before, in seconds.
    pub nbf: i64,
    /// Not to be accepted from then on, in seconds.
    pub exp: i64,
    /// Unique.
    pub jti: String,
}

impl AccessClaims {
    /// Claims of a token issued now.
    pub fn new(
        issuer: &str,
        (sub, sid): (UserId, SessionId),
        member: Option<(OrgId, Role, Modules)>,
        now: Timestamp,
        jti: String,
    ) -> Self {
        let (org, role, mods) = match member {
            Some((org, role, mods)) => (Some(org), Some(role), mods),
            None => (None, None, Modules::default()),
        };
        let iat = now.seconds();
        let exp = iat + i64::from(ACCESS_TOKEN_SECONDS);
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub,
            sid,
            org,
            role,
            mods,
            iat,
            nbf: iat,
            exp,
            jti,
        }
    }

    /// The signed token.
    pub fn sign(&self, ring: &KeyRing) -> Result<String, jsonwebtoken::errors::Error> {
        jwt::sign(self, ring)
    }

    /// Checks a token: the algorithm is ours to name, not the token's; the key is the one of its
    /// `kid`; every claim is there with its type; the time is now. Nothing in it is ever fetched.
    pub fn verify(
        token: &str,
        ring: &KeyRing,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Self, AccessTokenError> {
        let claims: Self = jwt::open(token, ring, issuer)?;
        if claims.org.is_some() != claims.role.is_some() {
            return Err(AccessTokenError::NotOurs);
        }
        jwt::check_time((claims.iat, claims.nbf, claims.exp), ACCESS_TOKEN_SECONDS, now)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::secret::Purpose;
    use crate::token::kid_of;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    const ISSUER: &str = "https://api.example.com";
    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn ring() -> KeyRing {
        KeyRing::parse(r#"{"kid":"k1","key":"0123456789abcdefghijklmnopqrstuv"}"#).unwrap()
    }

    fn claims() -> AccessClaims {
        let entropy = Entropy::from_fn(|bytes| {
            bytes.fill(1);
            Ok(())
        });
        let who = (UserId::new(NOW, &entropy).unwrap(), SessionId::new(NOW, &entropy).unwrap());
        let org = OrgId::new(NOW, &entropy).unwrap();
        let member = Some((org, Role::Owner, Modules::of_a_new_organization()));
        AccessClaims::new(ISSUER, who, member, NOW, "j".to_owned())
    }

    /// A token signed with the right key, whatever its header and claims say.
    fn forged(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let tag = ring().current().derive(Purpose::AccessToken).tag(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn header() -> Value {
        json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" })
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes_and_not_a_second_longer() {
        let token = claims().sign(&ring()).unwrap();
        for (seconds, expected) in [
            (-6, Err(AccessTokenError::Time)),
            (-5, Ok(claims())),
            (0, Ok(claims())),
            (899, Ok(claims())),
            (900, Err(AccessTokenError::Time)),
        ] {
            let now = Timestamp::from_seconds(NOW.seconds() + seconds);
            assert_eq!(AccessClaims::verify(&token, &ring(), ISSUER, now), expected, "{seconds}");
        }
    }

    #[test]
    fn the_forger_used_in_these_tests_makes_a_good_token_from_good_parts() {
        let token = forged(&header(), &serde_json::to_value(claims()).unwrap());
        assert_eq!(AccessClaims::verify(&token, &ring(), ISSUER, NOW), Ok(claims()));
    }

    #[test]
    fn other_algorithms_types_and_keys_are_refused() {
        let claims = serde_json::to_value(claims()).unwrap();
        for change in [
            json!({ "alg": "none" }),
            json!({ "alg": "HS384" }),
            json!({ "alg": "RS256" }),
            json!({ "typ": "JWT" }),
            json!({ "typ": null }),
            json!({ "kid": "k2" }),
            json!({ "kid": null }),
            json!({ "kid": "../k1" }),
        ] {
            let mut header = header();
            header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let verdict = AccessClaims::verify(&forged(&header, &claims), &ring(), ISSUER, NOW);
            assert_eq!(verdict, Err(AccessTokenError::NotOurs), "{header}");
        }
    }

    #[test]
    fn missing_and_oddly_typed_claims_are_refused() {
        let good = serde_json::to_value(claims()).unwrap();
        for name in ["iss", "aud", "sub", "sid", "org", "role", "mods", "iat", "nbf", "exp", "jti"] {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            let verdict = AccessClaims::verify(&forged(&header(), &claims), &ring(), ISSUER, NOW);
            assert_eq!(verdict, Err(AccessTokenError::NotOurs), "{name}");
        }
        for change in [
            json!({ "exp": "1767226500" }),
            json!({ "exp": 1.7e300 }),
            json!({ "nbf": "0" }),
            json!({ "nbf": null }),
            json!({ "iat": true }),
            json!({ "iss": "https://evil.example" }),
            json!({ "aud": "another" }),
            json!({ "sub": "org_01kdvhq4000w3gf1r70w3gf1r7" }),
            json!({ "role": "root" }),
        ] {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let verdict = AccessClaims::verify(&forged(&header(), &claims), &ring(), ISSUER, NOW);
            assert_eq!(verdict, Err(AccessTokenError::NotOurs), "{change}");
        }
    }

    #[test]
    fn a_token_that_outlives_what_we_issue_is_refused() {
        let mut claims = serde_json::to_value(claims()).unwrap();
        claims["exp"] = json!(NOW.seconds() + 1_000_000);
        let verdict = AccessClaims::verify(&forged(&header(), &claims), &ring(), ISSUER, NOW);
        assert_eq!(verdict, Err(AccessTokenError::Time));
    }

    #[test]
    fn only_a_header_of_ours_names_a_key() {
        let token = claims().sign(&ring()).unwrap();
        let with = |header: &str| URL_SAFE_NO_PAD.encode(header) + ".e30.AAAA";
        assert_eq!(kid_of(&token).as_deref(), Some("k1"));
        assert_eq!(kid_of(&with(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#)).as_deref(), Some("k1"));
        for other in [
            r#"{"alg":"HS256","kid":"k1"}"#,
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#,
            r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"k1","kid":"k2"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":["k1"]}"#,
            "{",
        ] {
            assert_eq!(kid_of(&with(other)), None, "{other}");
        }
        for other in
            [String::new(), ".".to_owned(), "a".to_owned(), token.replace('.', ""), token + &"A".repeat(4096)]
        {
            assert_eq!(kid_of(&other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_token_at_all_is_refused() {
        let token = claims().sign(&ring()).unwrap();
        let cut = &token[..token.len() - 1];
        let long = format!("{token}{}", "A".repeat(4096));
        for text in ["", ".", "..", "a.b.c", cut, &long, "\u{1F980}"] {
            assert_eq!(
                AccessClaims::verify(text, &ring(), ISSUER, NOW),
                Err(AccessTokenError::NotOurs),
                "{text}"
            );
        }
    }
}
