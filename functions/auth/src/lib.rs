//! People: registering, logging in, sessions. Also what belongs to no other function: `/health`
//! and `/openapi.json`.
//!
//! Each operation is a file. Beside them, [`password`] says what a password may be, [`hasher`]
//! turns it into what is stored, and [`tokens`] answers with what a session is worth.

mod account;
mod hasher;
mod health;
mod login;
mod logout;
mod me;
mod openapi;
mod password;
mod refresh;
mod register;
mod tokens;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use http::Method;
use shared::context::Core;
use shared::http::{Access, Route};

pub use crate::hasher::HashError;
use crate::hasher::Hasher;

/// What this function holds while it runs.
#[derive(Clone)]
pub struct Auth {
    core: Core,
    hasher: Hasher,
}

impl Auth {
    /// With the memory for the first hash at hand.
    pub fn new(core: Core) -> Result<Self, HashError> {
        let hasher = Hasher::new(core.entropy.clone())?;
        Ok(Self { core, hasher })
    }
}

impl FromRef<Auth> for Core {
    fn from_ref(auth: &Auth) -> Self {
        auth.core.clone()
    }
}

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<Auth>> {
    use Access::{Public, Session};
    vec![
        Route::new(Method::GET, "/health", Public, get(health::handler), health::operation),
        Route::new(Method::GET, "/openapi.json", Public, get(openapi::handler), openapi::operation),
        Route::new(Method::POST, "/auth/register", Public, post(register::handler), register::operation),
        Route::new(Method::POST, "/auth/login", Public, post(login::handler), login::operation),
        Route::new(Method::POST, "/auth/refresh", Public, post(refresh::handler), refresh::operation),
        Route::new(Method::POST, "/auth/logout", Session, post(logout::handler), logout::operation),
        Route::new(Method::GET, "/auth/me", Session, get(me::handler), me::operation),
    ]
}

/// What serves them.
pub fn router(state: Auth) -> Router {
    shared::router::router(routes(), state)
}
