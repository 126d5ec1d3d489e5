//! A failed request as an outcome, found by the types in the chain of causes, not by their words.

use std::error::Error;
use std::io;

use shared::delivery::{Outcome, Unreachable};
use shared::problem::causes;

use crate::egress::EgressError;

/// What a request that brought no status came to.
pub(super) fn outcome(error: &reqwest::Error) -> Outcome {
    if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<EgressError>()) {
        return Outcome::Unreachable(refused_by_the_guard(refused));
    }
    if error.is_dns() {
        return Outcome::Unreachable(Unreachable::NameNotResolved);
    }
    // Only the limit on connecting is set, and it is never less than the deadline.
    if error.is_timeout() {
        return Outcome::TimedOut;
    }
    if error.is_builder() {
        return Outcome::Unreachable(Unreachable::UrlNotAllowed);
    }
    Outcome::Unreachable(if error.is_connect() { while_connecting(error) } else { while_talking(error) })
}

fn refused_by_the_guard(error: &EgressError) -> Unreachable {
    tracing::warn!(%error, "a host was refused");
    match error {
        EgressError::NotAllowed(_) => Unreachable::AddressNotAllowed,
        EgressError::NoAddress => Unreachable::NameNotResolved,
    }
}

/// A connection that ends while connecting ended inside the TLS handshake: before, there was none to end.
fn while_connecting(error: &reqwest::Error) -> Unreachable {
    let https = error.url().is_some_and(|url| url.scheme() == "https");
    let tls = causes(error).any(|cause| cause.is::<rustls::Error>() || ended(cause));
    if https && tls { Unreachable::Tls } else { Unreachable::ConnectionFailed }
}

/// A TLS alert or a broken record can come with the first answer, since the client's handshake ends before
/// the server's.
fn while_talking(error: &reqwest::Error) -> Unreachable {
    if causes(error).any(<dyn Error>::is::<rustls::Error>) {
        return Unreachable::Tls;
    }
    let closed =
        |hyper: &hyper::Error| hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled();
    // The innermost error is the reason: a request is also cancelled for a peer that speaks before it is
    // asked.
    let innermost = causes(error).filter_map(|cause| cause.downcast_ref()).last();
    let closed = innermost.is_some_and(closed) || causes(error).any(ended);
    if closed { Unreachable::ClosedEarly } else { Unreachable::BadResponse }
}

fn ended(cause: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = cause.downcast_ref().map(io::Error::kind);
    matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}
