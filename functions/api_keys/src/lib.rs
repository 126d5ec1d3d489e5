//! API keys: made by people, used by programs, verified by whoever is called with one.

mod create;
mod list;
mod read;
mod revoke;
mod verify;

mod view;

use axum::Router;
use axum::routing::{delete, get, post};
use http::Method;
use shared::context::Core;
use shared::http::{Access, Route};
use shared::scope::Scope;

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<Core>> {
    let (reads, writes) = (Access::Scope(Scope::ApiKeysRead), Access::Scope(Scope::ApiKeysWrite));
    vec![
        Route::new(Method::POST, "/api/api-keys", writes, post(create::handler), create::operation),
        Route::new(Method::GET, "/api/api-keys", reads, get(list::handler), list::operation),
        Route::new(Method::GET, "/api/api-keys/{id}", reads, get(read::handler), read::operation),
        Route::new(Method::DELETE, "/api/api-keys/{id}", writes, delete(revoke::handler), revoke::operation),
        Route::new(Method::POST, "/api/api-keys/verify", reads, post(verify::handler), verify::operation),
    ]
}

/// What serves the routes.
pub fn router(core: Core) -> Router {
    shared::router::router(routes(), core)
}
