//! People: registering, logging in, sessions. Also what belongs to no other function: `/health`
//! and `/openapi.json`.
//!
//! Each operation is a file. Beside them, [`password`] says what a password may be, [`hasher`]
//! turns it into what is stored, [`breached`] asks whether it has leaked, [`level`] hides how long all that
//! took, and [`tokens`] answers with what a session is worth.

mod account;
mod breached;
mod email;
mod hasher;
mod health;
mod invitations;
mod invited;
mod level;
mod link_page;
mod links;
mod login;
mod logout;
mod mailing;
mod me;
mod openapi;
mod password;
mod refresh;
mod register;
mod registering;
mod second_factor;
mod sessions;
mod sign_in;
mod switch;
mod tokens;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{self, get};
use http::Method;
use shared::config::EmailVerification;
use shared::context::Core;
use shared::http::{Access, Held, Route};
use shared::mail::MailQueue;
use shared::operational::Operational;

pub use crate::breached::Breached;
use crate::hasher::Hasher;
pub use crate::hasher::{HashError, HashMemory};
pub use crate::level::Level;
pub use crate::password::{PasswordRules, Passwords};

/// What this function holds while it runs.
#[derive(Clone)]
pub struct Auth {
    core: Core,
    hasher: Hasher,
    passwords: Passwords,
    mail: MailQueue,
    operational: Operational,
    verification: EmailVerification,
}

impl Auth {
    /// With its settings, its queues, and the memory for the first hash.
    pub fn new(
        core: Core,
        passwords: Passwords,
        (mail, operational): (MailQueue, Operational),
        verification: EmailVerification,
        memory: HashMemory,
    ) -> Result<Self, HashError> {
        let hasher = Hasher::new(core.entropy.clone(), memory)?;
        Ok(Self { core, hasher, passwords, mail, operational, verification })
    }
}

impl FromRef<Held<Auth>> for Auth {
    fn from_ref(held: &Held<Auth>) -> Self {
        held.state().clone()
    }
}

impl FromRef<Auth> for Core {
    fn from_ref(auth: &Auth) -> Self {
        auth.core.clone()
    }
}

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<Auth>> {
    use Access::Public;
    let mut routes = vec![
        Route::new(Method::GET, "/health", Public, get(health::handler), health::operation),
        Route::new(Method::GET, "/openapi.json", Public, get(openapi::handler), openapi::operation),
        Route::new(Method::GET, "/auth/link", Public, get(link_page::handler), link_page::operation),
    ];
    routes.extend(for_anybody());
    routes.extend(for_a_person());
    routes
}

/// Those that lead to being signed in.
fn for_anybody() -> Vec<Route<Auth>> {
    use email::{confirm, resend, verify};
    use password::{forgot, reset};
    let post = |path, handler, operation| Route::new(Method::POST, path, Access::Public, handler, operation);
    vec![
        post("/auth/register", routing::post(register::handler), register::operation),
        post("/auth/login", routing::post(login::handler), login::operation),
        post(
            "/auth/mfa/challenge",
            routing::post(second_factor::challenged::handler),
            second_factor::challenged::operation,
        ),
        post("/auth/refresh", routing::post(refresh::handler), refresh::operation),
        post("/auth/password/forgot", routing::post(forgot::handler), forgot::operation),
        post("/auth/password/reset", routing::post(reset::handler), reset::operation),
        post("/auth/email/verify", routing::post(verify::handler), verify::operation),
        post("/auth/email/resend", routing::post(resend::handler), resend::operation),
        post("/auth/email/change/confirm", routing::post(confirm::handler), confirm::operation),
    ]
}

/// Those of somebody who is signed in.
fn for_a_person() -> Vec<Route<Auth>> {
    use Access::Session;
    use second_factor::{begin, confirm, disable, recovery_codes};
    let of = |method, path, handler, operation| Route::new(method, path, Session, handler, operation);
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    vec![
        of(post.clone(), "/auth/logout", routing::post(logout::handler), logout::operation),
        of(get.clone(), "/auth/me", routing::get(me::read::handler), me::read::operation),
        of(patch, "/auth/me", routing::patch(me::update::handler), me::update::operation),
        of(delete.clone(), "/auth/me", routing::delete(me::delete::handler), me::delete::operation),
        of(get.clone(), "/auth/me/export", routing::get(me::export::handler), me::export::operation),
        of(
            post.clone(),
            "/auth/password",
            routing::post(password::change::handler),
            password::change::operation,
        ),
        of(
            post.clone(),
            "/auth/email/change",
            routing::post(email::change::handler),
            email::change::operation,
        ),
        of(get, "/auth/sessions", routing::get(sessions::list::handler), sessions::list::operation),
        of(
            delete.clone(),
            "/auth/sessions/{id}",
            routing::delete(sessions::revoke::handler),
            sessions::revoke::operation,
        ),
        of(post.clone(), "/auth/mfa/totp", routing::post(begin::handler), begin::operation),
        of(post.clone(), "/auth/mfa/totp/confirm", routing::post(confirm::handler), confirm::operation),
        of(delete, "/auth/mfa/totp", routing::delete(disable::handler), disable::operation),
        of(
            post.clone(),
            "/auth/mfa/recovery-codes",
            routing::post(recovery_codes::handler),
            recovery_codes::operation,
        ),
        of(post.clone(), "/auth/organization", routing::post(switch::handler), switch::operation),
        of(
            post,
            "/auth/invitations/accept",
            routing::post(invitations::accept::handler),
            invitations::accept::operation,
        ),
    ]
}

/// What serves them.
pub fn router(state: Auth) -> Router {
    shared::router::router(routes(), state)
}
