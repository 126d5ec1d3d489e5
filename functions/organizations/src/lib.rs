//! Organisations: members, invitations, domains, modules, and the audit log.
//!
//! Each operation is a file. [`own`] lets nobody past who names an organisation that is not the caller's;
//! [`dns`] asks whether a domain is an organisation's.

mod audit_log;
mod dns;
mod domains;
mod invitations;
mod members;
mod organization;
mod own;
mod view;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, patch, post, put};
use http::Method;
use shared::context::Core;
use shared::http::{Access, Held, Route};
use shared::mail::MailQueue;
use shared::operational::Operational;
use shared::scope::{ModuleName, Scope};

pub use crate::dns::{Dns, Silent};

/// What this function holds while it runs.
#[derive(Clone)]
pub struct Organizations {
    /// What every function holds.
    pub core: Core,
    /// Where mails are asked for.
    pub mail: MailQueue,
    /// What tells webhooks of members and of the organisation.
    pub operational: Operational,
    /// Where domains are looked up.
    pub dns: Dns,
    /// What the operator of this deployment added to our modules.
    pub extra_modules: Vec<ModuleName>,
}

impl FromRef<Held<Organizations>> for Organizations {
    fn from_ref(held: &Held<Organizations>) -> Self {
        held.state().clone()
    }
}

impl FromRef<Organizations> for Core {
    fn from_ref(organizations: &Organizations) -> Self {
        organizations.core.clone()
    }
}

impl FromRef<Organizations> for Operational {
    fn from_ref(organizations: &Organizations) -> Self {
        organizations.operational.clone()
    }
}

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<Organizations>> {
    use Access::{Owner, SelfOr, Session};
    use organization as org;
    const READ: Access = Access::Scope(Scope::OrganizationRead);
    const WRITE: Access = Access::Scope(Scope::OrganizationWrite);
    let row = Route::new;
    let mut routes = vec![
        row(Method::GET, "/api/organizations", Session, get(org::list::handler), org::list::operation),
        row(Method::POST, "/api/organizations", Session, post(org::create::handler), org::create::operation),
        row(Method::GET, "/api/organizations/{id}", READ, get(org::read::handler), org::read::operation),
        row(
            Method::PATCH,
            "/api/organizations/{id}",
            WRITE,
            patch(org::update::handler),
            org::update::operation,
        ),
        row(
            Method::DELETE,
            "/api/organizations/{id}",
            Owner,
            delete(org::delete::handler),
            org::delete::operation,
        ),
        row(
            Method::PUT,
            "/api/organizations/{id}/modules",
            WRITE,
            put(org::modules::handler),
            org::modules::operation,
        ),
        row(
            Method::GET,
            "/api/organizations/{id}/members",
            Access::Scope(Scope::MembersRead),
            get(members::list::handler),
            members::list::operation,
        ),
        row(
            Method::PATCH,
            "/api/organizations/{id}/members/{user_id}",
            Access::Scope(Scope::MembersWrite),
            patch(members::update::handler),
            members::update::operation,
        ),
        row(
            Method::DELETE,
            "/api/organizations/{id}/members/{user_id}",
            SelfOr(Scope::MembersWrite),
            delete(members::remove::handler),
            members::remove::operation,
        ),
        row(
            Method::GET,
            "/api/organizations/{id}/audit-log",
            Access::Scope(Scope::AuditRead),
            get(audit_log::handler),
            audit_log::operation,
        ),
    ];
    routes.extend(invitation_routes());
    routes.extend(domain_routes());
    routes
}

fn invitation_routes() -> Vec<Route<Organizations>> {
    use invitations::{create, list, resend, revoke};
    const WRITE: Access = Access::Scope(Scope::MembersWrite);
    const ALL: &str = "/api/organizations/{id}/invitations";
    const ONE: &str = "/api/organizations/{id}/invitations/{invitation_id}";
    const RESEND: &str = "/api/organizations/{id}/invitations/{invitation_id}/resend";
    vec![
        Route::new(Method::GET, ALL, Access::Scope(Scope::MembersRead), get(list::handler), list::operation),
        Route::new(Method::POST, ALL, WRITE, post(create::handler), create::operation),
        Route::new(Method::DELETE, ONE, WRITE, delete(revoke::handler), revoke::operation),
        Route::new(Method::POST, RESEND, WRITE, post(resend::handler), resend::operation),
    ]
}

fn domain_routes() -> Vec<Route<Organizations>> {
    use domains::{create, delete as give_up, list, verify};
    const WRITE: Access = Access::Scope(Scope::OrganizationWrite);
    const ALL: &str = "/api/organizations/{id}/domains";
    const ONE: &str = "/api/organizations/{id}/domains/{domain}";
    const VERIFY: &str = "/api/organizations/{id}/domains/{domain}/verify";
    vec![
        Route::new(
            Method::GET,
            ALL,
            Access::Scope(Scope::OrganizationRead),
            get(list::handler),
            list::operation,
        ),
        Route::new(Method::POST, ALL, WRITE, post(create::handler), create::operation),
        Route::new(Method::POST, VERIFY, WRITE, post(verify::handler), verify::operation),
        Route::new(Method::DELETE, ONE, WRITE, delete(give_up::handler), give_up::operation),
    ]
}

/// What serves them.
pub fn router(state: Organizations) -> Router {
    shared::router::router(routes(), state)
}
