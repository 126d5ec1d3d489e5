//! The authorizer: stands before an API Gateway that is the deployer's own, and lets those in whom our own
//! routes let in, with our access tokens and API keys. It tells that API who is calling.
//!
//! [`call`] reads what the gateway asks, [`requirements`] is what each route asks for, [`answer`] is the
//! verdict in the form of the gateway that asked: the simple one of HTTP APIs (payload 2.0) or the policy of
//! REST APIs.
//!
//! A refused caller is an answer. `Err` means that *we* failed: the gateway answers 500, and nobody gets in.

mod answer;
mod call;
mod requirements;

use serde_json::Value;
use shared::context::Core;
use shared::observe::Metric;
use shared::organization::OrganizationStatus;
use shared::principal::{Admission, Identity, Principal, Refused, identify};
use shared::problem::chain;
use shared::table::StoreError;

use crate::answer::Verdict;
use crate::call::{Call, CallError};
pub use crate::requirements::{Requirements, RequirementsError};

/// Why a call is refused. The deployer's callers see 403 for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no credential.
    Unauthenticated,
    /// It is not accepted: unknown, wrong, expired and revoked are one.
    InvalidToken,
    /// The key is bound to other networks.
    AddressNotAllowed,
    /// The person's session names no organisation.
    OrganizationRequired,
    /// The organisation is suspended.
    OrganizationSuspended,
    /// A scope or module that the route asks for is missing, or the route asks for what nobody has.
    NotAllowed,
    /// The key's rate or quota is used up.
    OverLimit,
    /// Routes ask for different things, and the gateway might use this verdict for another one.
    RouteNotInIdentity,
    /// The key is bound to networks, and the gateway might use this verdict for calls from elsewhere.
    AddressNotInIdentity,
    /// The path cannot be told from a pattern, or from another route.
    AmbiguousPath,
}

impl Refusal {
    /// Its name, as problems and logs have it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid_token",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::OrganizationRequired => "organization_required",
            Self::OrganizationSuspended => "organization_suspended",
            Self::NotAllowed => "insufficient_scope",
            Self::OverLimit => "rate_limited",
            Self::RouteNotInIdentity => "route_not_in_identity_source",
            Self::AddressNotInIdentity => "address_not_in_identity_source",
            Self::AmbiguousPath => "ambiguous_path",
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizerError {
    /// The event is none of an authorizer.
    #[error("the event is not one of a Lambda authorizer: {0}")]
    Event(#[from] CallError),
    /// A table failed.
    #[error("the caller could not be looked up, or its limits not be asked")]
    Store(#[from] StoreError),
}

/// What this function holds while it runs.
pub struct Authorizer {
    core: Core,
    requirements: Requirements,
}

impl Authorizer {
    /// An authorizer that asks of each route what `requirements` say.
    pub fn new(core: Core, requirements: Requirements) -> Self {
        Self { core, requirements }
    }

    /// The answer to an event of API Gateway.
    pub async fn handle(&self, event: Value) -> Result<Value, AuthorizerError> {
        let work = async {
            let answer = self.answer(event).await;
            if let Err(error) = &answer {
                tracing::error!(error = chain(error), "there is no verdict: nobody gets in");
            }
            answer
        };
        self.core.observer.invocation(Box::pin(work)).await
    }

    async fn answer(&self, event: Value) -> Result<Value, AuthorizerError> {
        let call = Call::read(event)?;
        let verdict = match self.judge(&call).await? {
            Ok(principal) => Verdict::Allowed(principal),
            Err(refusal) => {
                let code = refusal.code();
                if refusal == Refusal::OverLimit {
                    self.core.observer.count(Metric::LimiterHits, 1);
                }
                if matches!(refusal, Refusal::RouteNotInIdentity | Refusal::AddressNotInIdentity) {
                    tracing::error!(
                        code,
                        "name `$context.routeKey` and `$context.identity.sourceIp` among the identity sources"
                    );
                } else {
                    tracing::info!(code, method = call.method, route = call.route, "refused");
                }
                Verdict::Refused(refusal)
            }
        };
        Ok(answer::write(&call, &verdict))
    }

    async fn judge(&self, call: &Call) -> Result<Result<Principal, Refusal>, AuthorizerError> {
        if call.is_ambiguous() {
            return Ok(Err(Refusal::AmbiguousPath));
        }
        if !call.names_its_route() && self.requirements.differ() {
            return Ok(Err(Refusal::RouteNotInIdentity));
        }
        let principal = match identify(&self.core, &call.headers, &call.address).await {
            Ok(Identity::Principal(principal)) => principal,
            Ok(Identity::Alone(_)) => return Ok(Err(Refusal::OrganizationRequired)),
            Err(Refused::Missing) => return Ok(Err(Refusal::Unauthenticated)),
            Err(Refused::NotAccepted) => return Ok(Err(Refusal::InvalidToken)),
            Err(Refused::Elsewhere) => return Ok(Err(Refusal::AddressNotAllowed)),
            Err(Refused::Store(error)) => return Err(error.into()),
        };
        if principal.status() != OrganizationStatus::Active {
            return Ok(Err(Refusal::OrganizationSuspended));
        }
        if matches!(principal, Principal::ApiKey { bound: true, .. }) && !call.names_its_address() {
            return Ok(Err(Refusal::AddressNotInIdentity));
        }
        if !self.requirements.allow(&call.method, &call.route, &principal) {
            return Ok(Err(Refusal::NotAllowed));
        }
        // Last, so that a call that is refused for another reason costs nothing.
        if let Principal::ApiKey { key, rate, quota, .. } = &principal {
            let now = self.core.clock.now();
            match self.core.admit_key(*key, (*rate, *quota), 1, now).await? {
                Admission::Through { .. } => {}
                Admission::TooFast(_) | Admission::UsedUp { .. } => return Ok(Err(Refusal::OverLimit)),
            }
        }
        Ok(Ok(principal))
    }
}
