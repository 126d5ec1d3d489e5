//! Where a request comes from: what API Gateway says of it, or the front before it; never what the caller says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use http::{Extensions, HeaderMap};
use lambda_http::request::RequestContext;

/// The address that a call comes from: `requestContext.http.sourceIp` or, where the call came through the front
/// and is known to, what the front says. Headers such as `X-Forwarded-For` are the caller's to write and are not
/// read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// From the text that the gateway gives. What is no address counts as one nobody has: whoever
    /// comes without one shares the limits of all who do.
    pub fn parse(text: &str) -> Self {
        let address = text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self(address.to_canonical())
    }

    /// Set anew by the front on every call, whatever the caller sent under this name.
    const OF_FRONT: &str = "x-viewer-address";

    /// From the headers of a call that the front has shown to be its own. One that names nobody, or several,
    /// counts as from an address that nobody has.
    pub(crate) fn of_front(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(Self::OF_FRONT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.to_str().unwrap_or_default()),
            _ => Self::parse(""),
        }
    }

    fn of(extensions: &Extensions) -> Self {
        if let Some(known) = extensions.get::<Self>() {
            return *known;
        }
        match extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                Self::parse(context.http.source_ip.as_deref().unwrap_or_default())
            }
            _ => Self::parse(""),
        }
    }

    /// The address, unless the gateway named none.
    pub fn known(&self) -> Option<IpAddr> {
        (!self.0.is_unspecified()).then_some(self.0)
    }

    /// What limits count by: the address or, for IPv6, its first 64 bits, which one customer of a
    /// provider has whole.
    pub fn subject(&self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The same of a whole request.
pub fn client_address(request: &Request) -> ClientAddress {
    ClientAddress::of(request.extensions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_by_address_or_by_the_first_half_of_one() {
        for (text, subject) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("", "0.0.0.0"),
            ("203.0.113.7, 198.51.100.1", "0.0.0.0"),
            ("example.com", "0.0.0.0"),
        ] {
            assert_eq!(ClientAddress::parse(text).subject(), subject, "{text}");
        }
    }
}
