//! What each route of the deployer's API asks for: the setting `AUTHORIZER_ROUTES`.
//!
//! Rows are separated by `;`. A row is a route, `=`, and what it asks for, joined by `+`: our scopes, and
//! modules as `module:NAME`. Nothing behind the `=` asks for no more than a good credential.
//!
//! ```text
//! GET /orders=events:read; POST /orders/{id}=events:write+module:billing; *=
//! ```
//!
//! A route is named as the deployer's gateway names it. `*` is every route that has no row. Where there are
//! rows and no `*`, such a route lets nobody in; without the setting, every route lets in whoever has a good
//! credential.

use std::str::FromStr;

use shared::principal::Principal;
use shared::scope::{ModuleName, Scope};

/// Something that a route asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Scope(Scope),
    Module(ModuleName),
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("`{text}`: {why}");
        match text.strip_prefix("module:") {
            Some(name) => name
                .parse()
                .map(Self::Module)
                .map_err(|violation: shared::problem::Violation| wrong(&violation.detail)),
            None => text.parse().map(Self::Scope).map_err(|error: shared::scope::NoSuchScope| wrong(&error)),
        }
    }
}

impl Requirement {
    fn is_met(&self, principal: &Principal) -> bool {
        match self {
            Self::Scope(scope) => principal.effective_scopes().holds(*scope),
            Self::Module(module) => principal.modules().iter().any(|name| name == module),
        }
    }
}

/// The rows of the setting, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    rows: Vec<Row>,
    /// What a route without a row asks for; `None` lets nobody in.
    others: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    method: String,
    route: String,
    asks: Vec<Requirement>,
}

/// The setting cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RequirementsError(String);

impl Requirements {
    /// The setting.
    pub const SETTING: &str = "AUTHORIZER_ROUTES";

    /// From the text of the setting.
    pub fn parse(text: &str) -> Result<Self, RequirementsError> {
        let mut requirements = Self { rows: Vec::new(), others: None };
        if text.trim().is_empty() {
            requirements.others = Some(Vec::new());
        }
        for row in text.split(';').map(str::trim).filter(|row| !row.is_empty()) {
            requirements.add(row).map_err(|why| RequirementsError(format!("`{row}`: {why}")))?;
        }
        Ok(requirements)
    }

    fn add(&mut self, row: &str) -> Result<(), String> {
        let (route, asks) = row.split_once('=').ok_or("expected a route, `=` and what it asks for")?;
        let asks = asks.split('+').map(str::trim).filter(|one| !one.is_empty());
        let asks = asks.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        let route = route.trim();
        if route == "*" {
            return match self.others.replace(asks) {
                None => Ok(()),
                Some(_) => Err("`*` is there twice".to_owned()),
            };
        }
        let (method, route) = match route.split_once(' ') {
            Some((method, path)) => (method, path.trim()),
            None => ("", route),
        };
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if route != "$default" && !(is_method && route.starts_with('/')) {
            return Err("expected a method in capitals and a path, `$default` or `*`".to_owned());
        }
        if self.rows.iter().any(|row| row.method == method && row.route == route) {
            return Err("the route is there twice".to_owned());
        }
        self.rows.push(Row { method: method.to_owned(), route: route.to_owned(), asks });
        Ok(())
    }

    /// Whether two routes may ask for different things.
    pub(crate) fn differ(&self) -> bool {
        self.rows.iter().any(|row| self.others.as_ref() != Some(&row.asks))
    }

    /// Whether `principal` has all that a route asks for: the row that names it as it is, or else the rows
    /// that take it, all of them. Behind `ANY` any method's row may be meant, and behind `$default` any
    /// row at all.
    pub(crate) fn allow(&self, method: &str, route: &str, principal: &Principal) -> bool {
        let met = |asks: &Vec<Requirement>| asks.iter().all(|requirement| requirement.is_met(principal));
        if let Some(row) = self.rows.iter().find(|row| row.method == method && row.route == route) {
            return met(&row.asks);
        }
        let any = route == "$default";
        let meant = |row: &&Row| {
            any || ((method == "ANY" || [method, "ANY"].contains(&row.method.as_str()))
                && takes(&row.route, route))
        };
        let mut rows = self.rows.iter().filter(meant).peekable();
        let others = || self.others.as_ref().is_some_and(met);
        if any || rows.peek().is_none() {
            rows.all(|row| met(&row.asks)) && others()
        } else {
            rows.all(|row| met(&row.asks))
        }
    }
}

/// Whether a route takes a path: `{name}` any one segment, `{name+}` all that are left.
fn takes(route: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in route.split('/') {
        if wanted.starts_with('{') && wanted.ends_with("+}") {
            return segments.next().is_some();
        }
        let placeholder = wanted.starts_with('{') && wanted.ends_with('}');
        match segments.next() {
            Some(segment) if segment == wanted || (placeholder && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Timestamp;
    use shared::entropy::Entropy;
    use shared::id::{OrgId, SessionId, UserId};
    use shared::organization::OrganizationStatus;
    use shared::scope::{Modules, Role};

    /// Somebody with a role, in an organisation that has `module` on beside ours.
    fn principal(role: Role, module: Option<&str>) -> Principal {
        let (now, entropy) = (Timestamp::from_seconds(1), Entropy::system());
        let own: Modules = Modules::of_a_new_organization();
        let modules = own.iter().cloned().chain(module.map(|name| name.parse().unwrap())).collect();
        Principal::Session {
            user: UserId::new(now, &entropy).unwrap(),
            session: SessionId::new(now, &entropy).unwrap(),
            org: OrgId::new(now, &entropy).unwrap(),
            role,
            modules,
            status: OrganizationStatus::Active,
        }
    }

    #[test]
    fn a_route_asks_for_scopes_and_modules() {
        let rules =
            "GET /orders=events:read; POST /orders/{id} = events:write + module:billing; $default=audit:read";
        let rules = Requirements::parse(rules).unwrap();
        let (viewer, member) = (principal(Role::Viewer, None), principal(Role::Member, Some("billing")));
        for (method, route, viewers, members) in [
            ("GET", "/orders", true, true),
            ("POST", "/orders/{id}", false, true),
            ("POST", "/orders/7", false, true),
            ("POST", "/orders/7/items", false, false),
            ("GET", "/orders/7", false, false),
            ("", "$default", false, false),
        ] {
            let allowed = [&viewer, &member].map(|who| rules.allow(method, route, who));
            assert_eq!(allowed, [viewers, members], "{method} {route}");
        }
        assert!(!rules.allow("POST", "/orders/{id}", &principal(Role::Member, None)), "the module is off");
        assert!(rules.differ());
    }

    #[test]
    fn routes_without_a_row_ask_for_what_the_star_says_and_let_nobody_in_without_one() {
        let viewer = principal(Role::Viewer, None);
        for (text, allowed, differ) in [
            ("", true, false),
            ("*=", true, false),
            ("*=events:read", true, false),
            ("*=events:write", false, false),
            ("GET /other=", false, true),
            ("GET /other=;*=", true, false),
            ("GET /other=events:read;*=", true, true),
        ] {
            let rules = Requirements::parse(text).unwrap();
            assert_eq!((rules.allow("GET", "/orders", &viewer), rules.differ()), (allowed, differ), "{text}");
        }
    }

    #[test]
    fn of_rows_with_placeholders_all_that_take_a_path_have_to_let_it_in() {
        let rules = Requirements::parse("ANY /{proxy+}=events:read; GET /admin/{id}=audit:read").unwrap();
        let viewer = principal(Role::Viewer, None);
        assert!(rules.allow("GET", "/orders", &viewer));
        assert!(rules.allow("POST", "/admin/7", &viewer));
        assert!(!rules.allow("GET", "/admin/7", &viewer));
        assert!(rules.allow("GET", "/admin/7", &principal(Role::Admin, None)));
    }

    #[test]
    fn a_route_of_every_method_or_path_asks_for_all_that_could_be_meant_by_it() {
        let rules = Requirements::parse("GET /a=events:read; POST /a=audit:read; *=").unwrap();
        let viewer = principal(Role::Viewer, None);
        for (method, route, allowed) in
            [("GET", "/a", true), ("ANY", "/a", false), ("", "$default", false), ("ANY", "/b", true)]
        {
            assert_eq!(rules.allow(method, route, &viewer), allowed, "{method} {route}");
            assert!(rules.allow(method, route, &principal(Role::Owner, None)), "{method} {route}");
        }
        let named = Requirements::parse("GET /a=audit:read; $default=; *=").unwrap();
        assert!(named.allow("", "$default", &viewer));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, why) in [
            ("GET /a", "`GET /a`: expected a route, `=` and what it asks for"),
            ("get /a=", "`get /a=`: expected a method in capitals and a path, `$default` or `*`"),
            ("/a=", "`/a=`: expected a method in capitals and a path, `$default` or `*`"),
            ("GET a=", "`GET a=`: expected a method in capitals and a path, `$default` or `*`"),
            ("GET /a=;GET /a=audit:read", "`GET /a=audit:read`: the route is there twice"),
            ("*=;*=", "`*=`: `*` is there twice"),
            (
                "*=module:A",
                "`*=module:A`: `module:A`: a module is a lower-case word of at most 40 characters",
            ),
        ] {
            assert_eq!(Requirements::parse(text).unwrap_err().to_string(), why);
        }
        let unknown = Requirements::parse("*=orders:read").unwrap_err().to_string();
        assert!(unknown.starts_with("`*=orders:read`: `orders:read`: expected one of organization:read,"));
    }
}
