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

    /// Their names, separated by spaces, as OAuth writes them (RFC 6749, 3.3).
    pub fn joined(&self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
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

    /// Its name in requests, answers and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// Whether somebody of this role may make somebody else a `role`, or take that away: nobody
    /// grants more than they are.
    pub fn may_grant(self, role: Self) -> bool {
        self <= role
    }

    /// Whether the role holds the scope.
    pub fn holds(self, scope: Scope) -> bool {
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

impl FromStr for Role {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let known = Self::ALL.iter().copied().find(|role| role.as_str() == text);
        known.ok_or_else(|| Violation::new("unknown_value", "expected one of owner, admin, member, viewer"))
    }
}

/// A capability of ours that an organisation can switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// API keys.
    ApiKeys,
    /// Webhooks and events.
    Webhooks,
    /// The audit log.
    Audit,
}

impl Module {
    /// Every module of ours.
    pub const ALL: &[Self] = &[Self::ApiKeys, Self::Webhooks, Self::Audit];

    /// Its name in requests, answers and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKeys => "api_keys",
            Self::Webhooks => "webhooks",
            Self::Audit => "audit",
        }
    }
}

/// The name of a module: one of [`Module`], or one that the operator of this deployment added for
/// parts of the product that are not ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ModuleName(String);

impl ModuleName {
    const CHARS_MAX: usize = 40;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of ours.
    pub fn is_built_in(&self) -> bool {
        Module::ALL.iter().any(|module| module.as_str() == self.0)
    }
}

impl From<Module> for ModuleName {
    fn from(module: Module) -> Self {
        Self(module.as_str().to_owned())
    }
}

impl FromStr for ModuleName {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if first && rest && text.len() <= Self::CHARS_MAX {
            return Ok(Self(text.to_owned()));
        }
        let rule = format!("a module is a lower-case word of at most {} characters", Self::CHARS_MAX);
        Err(Violation::new("invalid_format", rule))
    }
}

/// The modules of one organisation. Each organisation has a set of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Modules(BTreeSet<ModuleName>);

impl Modules {
    /// What a new organisation starts with: all of ours. Those that an operator added are switched
    /// on for those who get them.
    pub fn of_a_new_organization() -> Self {
        Module::ALL.iter().copied().collect()
    }

    /// Whether `module` is on.
    pub fn has(&self, module: Module) -> bool {
        self.0.iter().any(|name| name.as_str() == module.as_str())
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &ModuleName> {
        self.0.iter()
    }
}

impl FromIterator<Module> for Modules {
    fn from_iter<I: IntoIterator<Item = Module>>(modules: I) -> Self {
        Self(modules.into_iter().map(Into::into).collect())
    }
}

impl FromIterator<ModuleName> for Modules {
    fn from_iter<I: IntoIterator<Item = ModuleName>>(modules: I) -> Self {
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
