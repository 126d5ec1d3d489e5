//! Codes of an authenticator: TOTP (RFC 6238) with SHA-1, six digits and 30 seconds, which is what every
//! authenticator can do.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use data_encoding::BASE32_NOPAD;
use shared::clock::Timestamp;
use shared::entropy::{Entropy, NoEntropy};
use shared::user::Email;
use url::form_urlencoded::byte_serialize;

/// What an authenticator and we share.
pub(crate) struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// As many as the hash has (RFC 4226, 4).
    const BYTES: usize = 20;
    const STEP_SECONDS: i64 = 30;
    const DIGITS: u32 = 6;
    const ISSUER: &str = "AI Foundry";

    pub(crate) fn generate(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(entropy.bytes::<{ Self::BYTES }>()?.to_vec()))
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// For those who type it: base 32 without padding.
    pub(crate) fn text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// What the QR code says: `otpauth://totp/…`, as authenticators read it.
    pub(crate) fn uri(&self, email: &Email) -> String {
        let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let (issuer, account, secret) = (escaped(Self::ISSUER), escaped(email.as_str()), self.text());
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={}&period={}",
            Self::DIGITS,
            Self::STEP_SECONDS
        )
    }

    fn code(&self, step: i64) -> String {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        // RFC 4226, 5.3: the last half byte says where the 31 bits are.
        let at = usize::from(tag[tag.len() - 1] & 0xf);
        let bits = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", bits % 10_u32.pow(Self::DIGITS))
    }

    /// The step that a code is of: the present one, or the one before or after it. Each is compared, in
    /// constant time.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let present = now.seconds() / Self::STEP_SECONDS;
        let right =
            |step: &i64| verify_slices_are_equal(self.code(*step).as_bytes(), code.as_bytes()).is_ok();
        (present - 1..=present + 1).rev().find(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_rfc() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six of eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(of_the_rfc().code(seconds / 30), code);
        }
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after_its_own() {
        let (secret, step) = (of_the_rfc(), 40_000_000);
        let code = secret.code(step);
        let at = |step: i64| secret.step_of(&code, Timestamp::from_seconds(step * 30));
        assert_eq!([at(step - 1), at(step), at(step + 1)], [Some(step); 3]);
        assert_eq!([at(step - 2), at(step + 2)], [None; 2]);
        for wrong in ["", "12345", "1234567", "abcdef", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}"] {
            assert_eq!(secret.step_of(wrong, Timestamp::from_seconds(59)), None);
        }
    }

    #[test]
    fn the_uri_is_what_authenticators_read() {
        assert_eq!(
            of_the_rfc().uri(&"ada+b@example.com".parse().unwrap()),
            "otpauth://totp/AI%20Foundry:ada%2Bb%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=AI%20Foundry&algorithm=SHA1&digits=6&period=30"
        );
    }
}
