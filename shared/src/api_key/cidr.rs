//! Blocks of addresses that a key may be used from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::problem::Violation;

/// A block of addresses (RFC 4632; RFC 4291, 2.3), such as `192.0.2.0/24`. A single address is one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether `address` is in it. An IPv4 address that is written as an IPv6 one is itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let one = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let given: Option<IpNet> = text.parse().ok().or_else(one);
        let given = given.ok_or_else(|| {
            Violation::new("invalid_format", "expected a block of addresses such as `192.0.2.0/24`")
        })?;
        if given.trunc() == given {
            return Ok(Self(given));
        }
        // It would be larger than it looks.
        let detail = format!("is not the start of its block, which is `{}`", given.trunc());
        Err(Violation::new("invalid_format", detail))
    }
}

impl TryFrom<String> for Cidr {
    type Error = Violation;

    fn try_from(text: String) -> Result<Self, Violation> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl schemars::JsonSchema for Cidr {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["192.0.2.0/24", "2001:db8::/32"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_single_addresses_are_taken_in_their_normal_form() {
        let shown = |text: &str| text.parse::<Cidr>().map(|cidr| cidr.to_string()).map_err(|v| v.detail);
        for (text, normal) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(shown(text), Ok(normal.to_owned()), "{text}");
        }
        assert_eq!(
            shown("192.0.2.7/24"),
            Err("is not the start of its block, which is `192.0.2.0/24`".to_owned())
        );
        for text in ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "example.com", " 192.0.2.0/24"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}
