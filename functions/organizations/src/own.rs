//! The organisation of a path. There is only the caller's: any other answers as one that does not exist.

use axum::extract::FromRequestParts;
use http::request::Parts;
use shared::audit::{Action, Entry, Origin};
use shared::clock::Timestamp;
use shared::http::PathId;
use shared::id::OrgId;
use shared::principal::Principal;
use shared::problem::Problem;

/// The caller, whose organisation is the one of the path.
pub(crate) struct Own {
    pub(crate) org: OrgId,
    pub(crate) caller: Principal,
}

impl<S: Send + Sync> FromRequestParts<S> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Principal::from_request_parts(parts, state).await?;
        let PathId(org) = PathId::<OrgId>::from_request_parts(parts, state).await?;
        if caller.org() == org { Ok(Self { org, caller }) } else { Err(Problem::not_found()) }
    }
}

impl Own {
    /// A record of what the caller does.
    pub(crate) fn entry(&self, origin: &Origin, action: Action, now: Timestamp) -> Entry {
        self.caller.entry(origin, action, now)
    }
}
