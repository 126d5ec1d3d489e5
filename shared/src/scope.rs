//! What a caller may do: scopes, the roles that hold them, and the modules that have to be on.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::problem::Violation;

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// One permission. Append only: stored keys carry the names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Scope {$($(#[$doc])* #[serde(rename = $text)] $variant,)*}

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in requests, answers and the table.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $text,)*}
            }
        }
    };
}

scopes! {
    /// See the organisation.
    OrganizationRead = "organization:read";
    /// Change the organisation.
    OrganizationWrite = "organization:write";
    /// See who belongs to it.
    MembersRead = "members:read";
    /// Invite, change and remove members.
    MembersWrite = "members:write";
    /// See and verify API keys.
    ApiKeysRead = "api_keys:read";
    /// Make and revoke API keys. Held by people only: a key never makes keys.
    ApiKeysWrite = "api_keys:write";
    /// See webhooks and their deliveries.
    WebhooksRead = "webhooks:read";
    /// Make, change and delete webhooks.
    WebhooksWrite = "webhooks:write";
    /// See events.
    EventsRead = "events:read";
    /// Publish events.
    EventsWrite = "events:write";
    /// Read the audit log.
    AuditRead = "audit:read";
}

impl Scope {
    /// The module without which the scope is worth nothing.
    pub const fn module(self) -> Option<Module> {
        match self {
            Self::OrganizationRead | Self::OrganizationWrite | Self::MembersRead | Self::MembersWrite => None,
            Self::ApiKeysRead | Self::ApiKeysWrite => Some(Module::ApiKeys),
            Self::WebhooksRead | Self::WebhooksWrite | Self::EventsRead | Self::EventsWrite => {
                Some(Module::Webhooks)
            }
            Self::AuditRead => Some(Module::Audit),
        }
    }

    /// Whether an API key may hold it.
    pub const fn for_keys(self) -> bool {
        !matches!(self, Self::ApiKeysWrite)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected one of {}", Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "))]
pub struct NoSuchScope;

impl From<NoSuchScope> for Violation {
    fn from(error: NoSuchScope) -> Self {
        Self::new("unknown_scope", error.to_string())
    }
}

impl FromStr for Scope {
    type Err = NoSuchScope;

    fn from_str(text: &str) -> Result<Self, NoSuchScope> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or(NoSuchScope)
    }
}

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether `scope` is among them.
    pub fn holds(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Those that both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Those whose module is on.
    #[must_use]
    pub fn within(&self, modules: &Modules) -> Self {
        self.0
            .iter()
            .copied()
            .filter(|scope| scope.module().is_none_or(|module| modules.has(module)))
            .collect()
    }

    /// In the order of [`Scope::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// What a member is in an organisation, the strongest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and the only one who can end the organisation.
    Owner,
    /// Everything but that.
    Admin,
    /// Builds with it: keys, webhooks, events.
    Member,
    /// Looks at it.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The scopes that the role holds.
    pub fn scopes(self) -> Scopes {
        Scope::ALL.iter().copied().filter(|scope| self.holds(*scope)).collect()
    }

    fn holds(self, scope: Scope) -> bool {
        use Scope::{
            ApiKeysRead, ApiKeysWrite, AuditRead, EventsRead, EventsWrite, MembersRead, MembersWrite,
            OrganizationRead, OrganizationWrite, WebhooksRead, WebhooksWrite,
        };
        match scope {
            OrganizationRead | MembersRead | ApiKeysRead | WebhooksRead | EventsRead => true,
            ApiKeysWrite | WebhooksWrite | EventsWrite => self <= Self::Member,
            OrganizationWrite | MembersWrite | AuditRead => self <= Self::Admin,
        }
    }
}

/// A capability that an organisation has switched on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// API keys.
    ApiKeys,
    /// Webhooks and events.
    Webhooks,
    /// The audit log.
    Audit,
}

impl Module {
    /// Its name in requests, answers and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKeys => "api_keys",
            Self::Webhooks => "webhooks",
            Self::Audit => "audit",
        }
    }
}

/// The modules of one organisation. Each organisation has a set of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Modules(BTreeSet<Module>);

impl Modules {
    /// What a new organisation starts with: all that exist.
    pub fn of_a_new_organization() -> Self {
        [Module::ApiKeys, Module::Webhooks, Module::Audit].into_iter().collect()
    }

    /// Whether `module` is on.
    pub fn has(&self, module: Module) -> bool {
        self.0.contains(&module)
    }
}

impl FromIterator<Module> for Modules {
    fn from_iter<I: IntoIterator<Item = Module>>(modules: I) -> Self {
        Self(modules.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_holds_all_that_a_weaker_one_holds() {
        for pair in Role::ALL.windows(2) {
            let (stronger, weaker) = (pair[0].scopes(), pair[1].scopes());
            assert_eq!(weaker.intersection(&stronger), weaker, "{pair:?}");
        }
    }

    #[test]
    fn a_viewer_writes_nothing() {
        assert!(Role::Viewer.scopes().iter().all(|scope| scope.as_str().ends_with(":read")));
    }

    #[test]
    fn a_module_that_is_off_takes_its_scopes_away() {
        let modules = Modules::from_iter([Module::Webhooks]);
        let left: Vec<_> = Role::Viewer.scopes().within(&modules).iter().map(Scope::as_str).collect();
        assert_eq!(left, ["organization:read", "members:read", "webhooks:read", "events:read"]);
    }

    #[test]
    fn names_and_scopes_are_one_to_one() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert_eq!("events:delete".parse::<Scope>(), Err(NoSuchScope));
    }
}
