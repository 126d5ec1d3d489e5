//! The guard between a host name and a connection: resolve once, check every address, connect to what was
//! checked.
//!
//! Between a check and a second look-up the answer could change (rebinding), so there is no second look-up:
//! the connector gets the checked addresses and nothing else. One refused address refuses the name, because
//! which of them the connector would take is not ours to say.
//!
//! What the guard does not see:
//! - **Addresses in the URL** never meet a resolver. `TargetUrl` checks them when it is parsed, and `Sender`
//!   once more right before it sends.
//! - **Kept connections.** One is reused only for the same scheme, host and port, and stays at the address
//!   that was checked when it was opened, for as long as `Sender` keeps it idle. A name that has moved since
//!   is called at its old, permitted address, never at a new, unchecked one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared::address::{EgressPolicy, NotAllowed};

/// Why a name did not become addresses.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// One of its addresses is not permitted.
    #[error("an address of the host is refused: {0}")]
    NotAllowed(#[from] NotAllowed),
    /// DNS knows the name and has no address for it.
    #[error("the host has no address")]
    NoAddress,
}

/// A resolver that passes on only what the policy permits.
pub struct GuardedResolver {
    policy: Arc<EgressPolicy>,
    inner: Arc<dyn Resolve>,
}

impl GuardedResolver {
    /// Guards the system's resolver.
    pub fn new(policy: Arc<EgressPolicy>) -> Self {
        Self::over(policy, Arc::new(SystemResolver))
    }

    /// Guards another resolver, such as one with known answers.
    pub fn over(policy: Arc<EgressPolicy>, inner: Arc<dyn Resolve>) -> Self {
        Self { policy, inner }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let resolving = self.inner.resolve(name);
        Box::pin(async move {
            let checked = permitted(&policy, resolving.await?)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// All of the addresses or none. Port 0 lets the connector take the port of the URL, whatever the answer
/// said.
fn permitted(policy: &EgressPolicy, answer: Addrs) -> Result<Vec<SocketAddr>, EgressError> {
    let checked: Vec<SocketAddr> = answer
        .map(|found| policy.permits(found.ip()).map(|()| SocketAddr::new(found.ip(), 0)))
        .collect::<Result<_, _>>()?;
    if checked.is_empty() { Err(EgressError::NoAddress) } else { Ok(checked) }
}

/// What the operating system answers.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: io::Result<Vec<SocketAddr>> =
                tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect);
            Ok(Box::new(found?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{EgressPolicy, SocketAddr, permitted};

    fn check(answer: &[&str]) -> Result<Vec<String>, String> {
        let answer: Vec<SocketAddr> = answer.iter().map(|text| text.parse().unwrap()).collect();
        let policy = EgressPolicy::parse("false", "10.0.0.0/8", "443").unwrap();
        permitted(&policy, Box::new(answer.into_iter()))
            .map(|checked| checked.iter().map(ToString::to_string).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn all_addresses_pass_or_none_does() {
        let answers = [
            check(&["8.8.8.8:0", "[2606:4700::1]:0", "10.0.0.1:22"]),
            check(&["8.8.8.8:0", "192.168.0.1:0"]),
            check(&["[::1]:0", "8.8.8.8:0"]),
            check(&[]),
        ];
        let refused = |address: &str, rule: &str| {
            Err(format!("an address of the host is refused: {address} is not a public address: {rule}"))
        };
        assert_eq!(
            answers,
            [
                Ok(vec!["8.8.8.8:0".to_owned(), "[2606:4700::1]:0".to_owned(), "10.0.0.1:0".to_owned()]),
                refused("192.168.0.1", "private use (RFC 1918)"),
                refused("::1", "loopback (RFC 4291)"),
                Err("the host has no address".to_owned()),
            ]
        );
    }
}
