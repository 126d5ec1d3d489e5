//! What a person is.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::name::Name;
use crate::problem::Violation;

/// An e-mail address in its normal form (NFKC, lower case), which is the one that is compared,
/// stored and written to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// RFC 5321, 4.5.3.1.3, less the brackets.
    const BYTES_MAX: usize = 254;
    const LOCAL_BYTES_MAX: usize = 64;

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the claim on it is found by: addresses do not stand in keys, which reach metrics.
    pub fn digest(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, self.0.as_bytes()))
    }
}

/// An address is a person's own: logs do not get it.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}

impl FromStr for Email {
    type Err = Violation;

    /// Normalises first and checks then, so that nothing becomes an address by normalisation:
    /// a full-width `＠` would.
    fn from_str(text: &str) -> Result<Self, Violation> {
        let refuse = |detail: &str| Violation::new("invalid_email", detail);
        if text.len() > 4 * Self::BYTES_MAX {
            return Err(refuse("is too long for an e-mail address"));
        }
        let normal: String = text.nfkc().collect::<String>().to_lowercase();
        if normal.len() > Self::BYTES_MAX {
            return Err(refuse("is too long for an e-mail address"));
        }
        if text.matches('@').count() != normal.matches('@').count() || normal.matches('@').count() != 1 {
            return Err(refuse("needs exactly one `@`"));
        }
        let (local, domain) = normal.split_once('@').unwrap_or_default();
        // RFC 5321's atoms, and letters of every script: what cannot be seen is no part of a name.
        let odd = |c: char| !c.is_alphanumeric() && !"!#$%&'*+-/=?^_`{|}~.".contains(c);
        let dots = |part: &str| part.split('.').all(|label| !label.is_empty());
        if local.len() > Self::LOCAL_BYTES_MAX || local.contains(odd) || !dots(local) {
            return Err(refuse("has a part before the `@` that is not allowed"));
        }
        let label = |label: &str| {
            let edge = label.starts_with('-') || label.ends_with('-');
            !edge && label.len() <= 63 && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        if !dots(domain) || !domain.contains('.') || !domain.split('.').all(label) {
            return Err(refuse("has a domain that is not one"));
        }
        Ok(Self(normal))
    }
}

impl schemars::JsonSchema for Email {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Email".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "email", "maxLength": Self::BYTES_MAX })
    }
}

/// A person. One who was deleted is not there: what is left of them is not read as a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Where they are written to.
    pub email: Email,
    /// Whether they have shown that the address is theirs.
    pub email_verified: bool,
    /// What they are called, if they said.
    pub name: Option<Name>,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether logging in takes a second factor.
    pub mfa_enabled: bool,
    /// Raised by what ends all that was handed out before: another password, a log-out everywhere.
    /// Sessions and links of another epoch are dead.
    pub epoch: u32,
    /// The devices that they signed in on, as their digests name them.
    pub devices: Vec<String>,
    /// When they registered.
    pub created_at: Timestamp,
}

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// They may.
    #[default]
    Active,
    /// The operator of this deployment has locked them out.
    Disabled,
}

impl User {
    /// As many devices are remembered; then the list begins anew.
    pub const DEVICES_MAX: usize = 32;

    /// A person who registers now.
    pub fn new(id: UserId, email: Email, name: Option<Name>, now: Timestamp) -> Self {
        Self {
            id,
            email,
            email_verified: false,
            name,
            status: UserStatus::Active,
            mfa_enabled: false,
            epoch: 0,
            devices: Vec::new(),
            created_at: now,
        }
    }

    /// Whether they may use what was handed out in `epoch`.
    pub fn is_in(&self, epoch: u32) -> bool {
        self.status == UserStatus::Active && self.epoch == epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_one_form() {
        for (text, normal) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("ada+tag@sub.example.co.uk", "ada+tag@sub.example.co.uk"),
            ("\u{ff41}da@example.com", "ada@example.com"),
            ("jos\u{e9}@b\u{fc}cher.example", "jos\u{e9}@b\u{fc}cher.example"),
            ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
        ] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), normal);
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@@b.c",
            "a@b@c.d",
            "a b@c.d",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
            "\"a b\"@c.d",
            "a@[127.0.0.1]",
            "a\u{0}@b.c",
            "a\n@b.c",
            "a\u{ff20}b.c",
            "a@b.c\u{ff20}",
            "a@-b.c",
            "a@b-.c",
            "a@b_c.d",
            "<a@b.c>",
            "a,b@c.d",
            "a\u{200b}@b.c",
            "a\u{202e}@b.c",
            "a\u{ad}@b.c",
            &long,
        ] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
    }
}
