//! The URL that a webhook calls, parsed once.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::host::{self, NameError};
use super::policy::{EgressPolicy, NotAllowed};

/// An absolute `https` URL (`http` where the deployment allows it) that does not name a private host.
///
/// What is stored is [`as_str`](Self::as_str): the text as every later reader will understand it, whatever
/// octal, short, full-width or percent-encoded form came in. The dispatcher parses it again with the policy
/// of that time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetUrl(Url);

/// Why a URL was refused, in words for whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetUrlError {
    /// More bytes than are stored, as given or after encoding.
    #[error("the URL is longer than {} bytes", TargetUrl::BYTES_MAX)]
    TooLong,
    /// White space, a control character, or a backslash, which parsers disagree about.
    #[error("the URL contains {0:?}, which has to be percent-encoded")]
    Character(char),
    /// No scheme followed by `//` and a host.
    #[error("the URL is not absolute: it has to start with `https://` and a host")]
    NotAbsolute,
    /// Not a URL.
    #[error("the URL cannot be read: {0}")]
    Unreadable(#[from] url::ParseError),
    /// Another scheme than `https`, or `http` where it is not allowed.
    #[error("the URL has the scheme `{0}`: it has to be `https`")]
    Scheme(String),
    /// A user name or a password: use a header of the webhook.
    #[error("the URL contains a user name or password")]
    UserInfo,
    /// A fragment, which is never sent.
    #[error("the URL contains a fragment (`#`), which would not be sent")]
    Fragment,
    /// A port outside the allowed ranges.
    #[error("the URL names port {0}, which is not allowed here")]
    Port(u16),
    /// A name that is malformed or private.
    #[error("the URL's host is refused: {0}")]
    Name(#[from] NameError),
    /// An address that is not public.
    #[error("the URL's host is refused: {0}")]
    Address(#[from] NotAllowed),
}

impl TargetUrl {
    /// The longest URL, in bytes.
    pub const BYTES_MAX: usize = 2048;

    /// Reads a URL and checks it against the policy.
    pub fn parse(text: &str, policy: &EgressPolicy) -> Result<Self, TargetUrlError> {
        check_text(text)?;
        let mut url = Url::parse(text)?;
        // `example.com.` is `example.com`, and no certificate or `Host` rule knows the dot. Of two dots none is
        // taken: without one, the rest of `8.8.8.8..` would be read as an address.
        let one_dot =
            |name: &str| name.strip_suffix('.').filter(|rest| !rest.ends_with('.')).map(str::to_owned);
        if let Some(name) = url.domain().and_then(one_dot) {
            url.set_host(Some(&name))?;
        }
        if url.as_str().len() > Self::BYTES_MAX {
            return Err(TargetUrlError::TooLong);
        }
        let target = Self(url);
        target.check(policy)?;
        Ok(target)
    }

    /// Checks the URL against a policy again, right before it is called: an address in the URL never meets
    /// the resolver, and the policy may be another than the one it was parsed with.
    pub fn check(&self, policy: &EgressPolicy) -> Result<(), TargetUrlError> {
        let scheme = self.0.scheme();
        if scheme != "https" && !(scheme == "http" && policy.allows_http()) {
            return Err(TargetUrlError::Scheme(scheme.to_owned()));
        }
        if !self.0.username().is_empty() || self.0.password().is_some() {
            return Err(TargetUrlError::UserInfo);
        }
        if self.0.fragment().is_some() {
            return Err(TargetUrlError::Fragment);
        }
        match self.0.host() {
            Some(Host::Domain(name)) => host::check(name, policy)?,
            Some(Host::Ipv4(address)) => policy.permits(address.into())?,
            Some(Host::Ipv6(address)) => policy.permits(address.into())?,
            None => return Err(TargetUrlError::NotAbsolute),
        }
        match self.0.port_or_known_default() {
            Some(port) if policy.allows_port(port) => Ok(()),
            port => Err(TargetUrlError::Port(port.unwrap_or(0))),
        }
    }

    /// The URL, for the client that calls it.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The name or address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address, where the URL names one instead of a host.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// The text to store and to show.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the URL parser would forgive: it drops tabs and line feeds, takes `\` for `/`, `https:host` for
/// `https://host`, and forgets an empty user name. Another parser might not, so none of it is let in.
fn check_text(text: &str) -> Result<(), TargetUrlError> {
    if text.len() > TargetUrl::BYTES_MAX {
        return Err(TargetUrlError::TooLong);
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '\\') {
        return Err(TargetUrlError::Character(bad));
    }
    let (_, rest) = text.split_once("://").ok_or(TargetUrlError::NotAbsolute)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(TargetUrlError::NotAbsolute);
    }
    if authority.contains('@') {
        return Err(TargetUrlError::UserInfo);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
