//! Who is calling. The one place that turns a credential into a [`Principal`], and the only one
//! that reads the `Authorization` header.
//!
//! A credential says who; what they may do is looked up: the session, the membership and the
//! organisation's modules, in one call, remembered for at most [`crate::standing::REMEMBERED`].

mod admit;
mod identify;

use axum::extract::FromRequestParts;
use http::request::Parts;

pub use admit::{Admission, admit};
pub use identify::{Identity, Refused, identify, recognise};

use crate::api_key::KeyRate;
use crate::audit::{Action, Actor, Entry, Origin};
use crate::clock::Timestamp;
use crate::http::Access;
use crate::id::{ApiKeyId, OrgId, SessionId, UserId};
use crate::limit::Quota;
use crate::organization::OrganizationStatus;
use crate::problem::{Kind, Problem};
use crate::scope::{Modules, Role, Scope, Scopes};

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person, signed in.
    Session {
        /// Who.
        user: UserId,
        /// On which device.
        session: SessionId,
        /// In which organisation.
        org: OrgId,
        /// As what.
        role: Role,
        /// What the organisation has switched on.
        modules: Modules,
        /// Whether the organisation can be used.
        status: OrganizationStatus,
    },
    /// A program, with a key.
    ApiKey {
        /// Which.
        key: ApiKeyId,
        /// Whose.
        org: OrgId,
        /// Who made it.
        maker: UserId,
        /// What its maker is in the organisation now.
        role: Role,
        /// Whether it is bound to networks, one of which the call came from.
        bound: bool,
        /// How fast it may be used.
        rate: Option<KeyRate>,
        /// How much it may be used.
        quota: Option<Quota>,
        /// What the key was given and its maker can still do.
        scopes: Scopes,
        /// What the organisation has switched on.
        modules: Modules,
        /// Whether the organisation can be used.
        status: OrganizationStatus,
    },
}

impl Principal {
    /// The only organisation whose things the caller can reach.
    pub fn org(&self) -> OrgId {
        match self {
            Self::Session { org, .. } | Self::ApiKey { org, .. } => *org,
        }
    }

    /// Who the caller is in the audit log.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Session { user, .. } => Actor::User(*user),
            Self::ApiKey { key, .. } => Actor::ApiKey(*key),
        }
    }

    /// A record of something that the caller does by the request that came from `origin`.
    pub fn entry(&self, origin: &Origin, action: Action, now: Timestamp) -> Entry {
        origin.entry(action, self.actor(), now)
    }

    /// The person behind the caller: who is signed in, or who made the key.
    pub fn user(&self) -> UserId {
        match self {
            Self::Session { user, .. } => *user,
            Self::ApiKey { maker, .. } => *maker,
        }
    }

    /// The role up to which the caller may give roles. No key makes or unmakes an owner.
    pub fn granting_role(&self) -> Role {
        match self {
            Self::Session { role, .. } => *role,
            Self::ApiKey { role, .. } => (*role).max(Role::Admin),
        }
    }

    /// Whether the organisation can be used.
    pub fn status(&self) -> OrganizationStatus {
        match self {
            Self::Session { status, .. } | Self::ApiKey { status, .. } => *status,
        }
    }

    /// What the organisation has switched on.
    pub fn modules(&self) -> &Modules {
        match self {
            Self::Session { modules, .. } | Self::ApiKey { modules, .. } => modules,
        }
    }

    /// What the caller holds, whatever modules are on.
    pub fn held_scopes(&self) -> Scopes {
        match self {
            Self::Session { role, .. } => role.scopes(),
            Self::ApiKey { scopes, .. } => scopes.clone(),
        }
    }

    /// What the caller may really do: what it holds, as far as the modules for it are on.
    pub fn effective_scopes(&self) -> Scopes {
        self.held_scopes().within(self.modules())
    }

    /// Checks the caller against a route's row. `own` says whether the path names the caller.
    pub fn allow(&self, access: Access, own: bool) -> Result<(), Problem> {
        match (access, self) {
            (Access::Public, _) | (Access::Session, Self::Session { .. }) => Ok(()),
            (Access::Session | Access::Owner, Self::ApiKey { .. }) => Err(Problem::of(Kind::SessionRequired)),
            (Access::Owner, Self::Session { role: Role::Owner, .. }) => self.allow_use(),
            (Access::Owner, Self::Session { .. }) => {
                Err(Problem::because(Kind::InsufficientRole, "only an owner can do this"))
            }
            (Access::SelfOr(_), Self::Session { .. }) if own => self.allow_use(),
            (Access::Scope(scope) | Access::SelfOr(scope), _) => {
                self.allow_use()?;
                self.allow_scope(scope)
            }
        }
    }

    fn allow_use(&self) -> Result<(), Problem> {
        match self.status() {
            OrganizationStatus::Active => Ok(()),
            OrganizationStatus::Suspended => Err(Problem::of(Kind::OrganizationSuspended)),
        }
    }

    fn allow_scope(&self, scope: Scope) -> Result<(), Problem> {
        if let Some(module) = scope.module().filter(|module| !self.modules().has(*module)) {
            let detail = format_args!("the organisation has switched `{}` off", module.as_str());
            return Err(Problem::because(Kind::ModuleDisabled, detail));
        }
        if self.held_scopes().holds(scope) {
            return Ok(());
        }
        Err(Problem::because(Kind::InsufficientScope, format_args!("this needs the scope `{scope}`")))
    }
}

/// The caller, put there by the router for every route that is not public. A handler of a public
/// route that asks for one is a mistake of ours, and fails closed.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::of(Kind::Internal))
    }
}

/// A caller that is a person: for routes whose row says [`Access::Session`], or whose scope no key
/// can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// On which device.
    pub session: SessionId,
    /// In which organisation, if in one.
    pub org: Option<OrgId>,
}

impl Person {
    /// Checks a person whose session names no organisation against a route's row.
    pub(crate) fn allow(access: Access) -> Result<(), Problem> {
        match access {
            Access::Public | Access::Session => Ok(()),
            Access::Owner | Access::SelfOr(_) | Access::Scope(_) => {
                Err(Problem::of(Kind::OrganizationRequired))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(alone) = parts.extensions.get::<Self>() {
            return Ok(*alone);
        }
        match Principal::from_request_parts(parts, state).await? {
            Principal::Session { user, session, org, .. } => Ok(Self { user, session, org: Some(org) }),
            Principal::ApiKey { .. } => Err(Problem::of(Kind::SessionRequired)),
        }
    }
}
