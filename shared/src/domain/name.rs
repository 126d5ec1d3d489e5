//! Names of domains.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Host;

use crate::problem::Violation;
use crate::user::Email;

/// Where anybody can get an address: nobody speaks for all who have one there. One per line, sorted.
const PUBLIC_PROVIDERS: &str = include_str!("public_providers.txt");

/// A domain that an organisation can have: in ASCII (IDNA), lower case, at least two labels, no dot at
/// its end, and no provider of addresses for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainName(String);

impl DomainName {
    const BYTES_MAX: usize = 253;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain of an address, if an organisation can have it.
    pub fn of(email: &Email) -> Option<Self> {
        email.as_str().rsplit_once('@')?.1.parse().ok()
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DomainName {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let refuse =
            || Violation::new("invalid_domain", "expected the name of a domain, such as `example.com`");
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() || text.len() > 4 * Self::BYTES_MAX {
            return Err(refuse());
        }
        let Ok(Host::Domain(name)) = Host::parse(text) else { return Err(refuse()) };
        let label = |label: &str| {
            let edge = label.starts_with('-') || label.ends_with('-');
            let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (1..=63).contains(&label.len()) && !edge && plain
        };
        if name.len() > Self::BYTES_MAX || !name.contains('.') || !name.split('.').all(label) {
            return Err(refuse());
        }
        if PUBLIC_PROVIDERS.lines().any(|provider| provider == name) {
            let detail = "is a provider where anybody can get an address";
            return Err(Violation::new("public_provider", detail));
        }
        Ok(Self(name))
    }
}

impl schemars::JsonSchema for DomainName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DomainName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "hostname", "maxLength": Self::BYTES_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_has_one_spelling() {
        for (text, name) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("a.b.c.example.co.uk", "a.b.c.example.co.uk"),
        ] {
            assert_eq!(text.parse::<DomainName>().unwrap().as_str(), name);
        }
        let email: Email = "ada@B\u{fc}cher.example".parse().unwrap();
        assert_eq!(DomainName::of(&email).unwrap().as_str(), "xn--bcher-kva.example");
    }

    #[test]
    fn what_no_organisation_can_have_is_refused() {
        let long = format!("{}.com", "a".repeat(64));
        for text in [
            "",
            ".",
            "com",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "1",
            "0x7f.1",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b.c",
            "a@b.c",
            "a.b/c",
            "*.example.com",
            "a\u{0}.b",
            &long,
        ] {
            assert_eq!(text.parse::<DomainName>().unwrap_err().code, "invalid_domain", "{text}");
        }
        for text in ["gmail.com", "GMail.com.", "outlook.com", "web.de", "qq.com"] {
            assert_eq!(text.parse::<DomainName>().unwrap_err().code, "public_provider", "{text}");
        }
    }

    #[test]
    fn the_providers_are_sorted_names_each_once() {
        let names: Vec<_> = PUBLIC_PROVIDERS.lines().collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        assert!(names.iter().all(|name| name.contains('.') && *name == name.to_ascii_lowercase()));
    }
}
