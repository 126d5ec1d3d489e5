//! The spelling of a host name: well formed, and not a name that only a private network answers for.
//!
//! The guard is the check of the addresses when the name is called. This check is the early, clear error.

use super::policy::EgressPolicy;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not labels of letters, digits, `-` and `_`, or longer than DNS allows.
    #[error("`{0}` is not a host name")]
    Malformed(String),
    /// A name that is the machine itself.
    #[error("`{0}` is this machine, not a public host")]
    ThisMachine(String),
    /// A name under a suffix that is never delegated in the public DNS.
    #[error("`{name}` is not a public host: names under `.{suffix}` are private")]
    Private {
        /// The name as it was given.
        name: String,
        /// The suffix it ends in.
        suffix: &'static str,
    },
    /// A name without a dot: a host of whatever network asks.
    #[error("`{0}` is not a public host: it has no dot")]
    SingleLabel(String),
}

/// Suffixes of private networks: reserved (RFC 6762, RFC 8375, ICANN's `.internal`) or never to be delegated
/// because so many networks use them. `.test`, `.example`, `.invalid` and `.onion` are not here: they lead
/// nowhere, which harms nobody.
const PRIVATE: &[&str] =
    &["local", "localdomain", "internal", "intranet", "home.arpa", "home", "lan", "corp", "private"];

const LABEL_BYTES_MAX: usize = 63;
const NAME_BYTES_MAX: usize = 253;

/// Checks a name that the URL parser has made lower case and ASCII. A deployment with an allow-list has
/// private receivers, and their names are decided by their addresses alone; `localhost` needs loopback in the
/// list.
pub(super) fn check(name: &str, policy: &EgressPolicy) -> Result<(), NameError> {
    if !well_formed(name) {
        return Err(NameError::Malformed(name.to_owned()));
    }
    if under(name, "localhost") {
        return if policy.allows_loopback() { Ok(()) } else { Err(NameError::ThisMachine(name.to_owned())) };
    }
    if policy.has_exceptions() {
        return Ok(());
    }
    if let Some(suffix) = PRIVATE.iter().find(|suffix| under(name, suffix)) {
        return Err(NameError::Private { name: name.to_owned(), suffix });
    }
    if name.contains('.') { Ok(()) } else { Err(NameError::SingleLabel(name.to_owned())) }
}

fn under(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `_` is not of a host name by the letter (RFC 952), but public receivers have it and DNS does not mind.
fn well_formed(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.len() <= NAME_BYTES_MAX
        && name
            .split('.')
            .all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(plain))
}
