//! API keys: made by people, used by programs, verified by whoever is called with one.

mod create;
mod limits;
mod list;
mod oauth;
mod read;
mod report_leak;
mod revoke;
mod rotate;
mod update;
mod usage;
mod verify;

mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, patch, post};
use http::Method;
use shared::context::Core;
use shared::http::{Access, Held, Route};
use shared::limit::UsageBook;
use shared::mail::MailQueue;
use shared::operational::Operational;
use shared::rate::Class;
use shared::scope::Scope;

/// What this function holds while it runs.
#[derive(Clone)]
pub struct ApiKeys {
    core: Core,
    mail: MailQueue,
    operational: Operational,
    usage: Arc<UsageBook>,
}

impl ApiKeys {
    /// The function, which has counted nothing yet.
    pub fn new(core: Core, mail: MailQueue, operational: Operational) -> Self {
        Self { core, mail, operational, usage: Arc::new(UsageBook::default()) }
    }
}

impl FromRef<Held<ApiKeys>> for ApiKeys {
    fn from_ref(held: &Held<ApiKeys>) -> Self {
        held.state().clone()
    }
}

impl FromRef<ApiKeys> for Operational {
    fn from_ref(state: &ApiKeys) -> Self {
        state.operational.clone()
    }
}

impl FromRef<ApiKeys> for Core {
    fn from_ref(state: &ApiKeys) -> Self {
        state.core.clone()
    }
}

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<ApiKeys>> {
    let (reads, writes) = (Access::Scope(Scope::ApiKeysRead), Access::Scope(Scope::ApiKeysWrite));
    let (all, one) = ("/api/api-keys", "/api/api-keys/{id}");
    let row = Route::new;
    vec![
        row(Method::POST, all, writes, post(create::handler), create::operation),
        row(Method::GET, all, reads, get(list::handler), list::operation),
        row(Method::GET, one, reads, get(read::handler), read::operation),
        row(Method::PATCH, one, writes, patch(update::handler), update::operation),
        row(Method::DELETE, one, writes, delete(revoke::handler), revoke::operation),
        row(Method::POST, "/api/api-keys/{id}/rotate", writes, post(rotate::handler), rotate::operation),
        row(Method::GET, "/api/api-keys/{id}/usage", reads, get(usage::handler), usage::operation),
        row(Method::POST, "/api/api-keys/verify", reads, post(verify::handler), verify::operation)
            .like(Class::Verify),
        row(
            Method::POST,
            "/api/api-keys/report-leak",
            Access::Public,
            post(report_leak::handler),
            report_leak::operation,
        ),
        row(
            Method::POST,
            "/oauth/token",
            Access::Public,
            post(oauth::token::handler),
            oauth::token::operation,
        ),
        row(
            Method::POST,
            "/oauth/introspect",
            reads,
            post(oauth::introspect::handler),
            oauth::introspect::operation,
        )
        .like(Class::Verify),
        row(
            Method::POST,
            "/oauth/revoke",
            Access::Public,
            post(oauth::revoke::handler),
            oauth::revoke::operation,
        ),
    ]
}

/// What serves the routes.
pub fn router(state: ApiKeys) -> Router {
    shared::router::router(routes(), state)
}
