//! `/auth/*` and `/health`.

mod account;
mod health;
mod login;
mod logout;
mod me;
mod refresh;
mod register;

use http::Method;
use it::{Answer, App, PASSWORD, Request};
use serde_json::{Value, json};

use super::text;

/// What a session is worth.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(body: &Value) -> Self {
        Self {
            access: text(body, "/access_token").to_owned(),
            refresh: text(body, "/refresh_token").to_owned(),
        }
    }
}

fn login(app: &App, email: &str, password: &str) -> Request {
    app.call(Method::POST, "/auth/login").json(&json!({ "email": email, "password": password }))
}

/// Somebody logs in, on one more device.
async fn log_in(app: &App, email: &str) -> Tokens {
    Tokens::of(&login(app, email, PASSWORD).send().await.expect(200))
}

fn refresh(app: &App, refresh_token: &str) -> Request {
    app.call(Method::POST, "/auth/refresh").json(&json!({ "refresh_token": refresh_token }))
}

/// The next pair of tokens.
async fn refreshed(app: &App, refresh_token: &str) -> Tokens {
    Tokens::of(&refresh(app, refresh_token).send().await.expect(200))
}

async fn me(app: &App, access_token: &str) -> Answer {
    app.get("/auth/me", access_token).send().await
}

/// Neither token of a session is worth anything, once functions have forgotten it.
async fn assert_ended(app: &App, tokens: &Tokens) {
    assert_eq!(refresh(app, &tokens.refresh).send().await.problem(401), "invalid_refresh_token");
    assert_eq!(me(app, &tokens.access).await.problem(401), "invalid_token");
}

/// The session goes on; its next tokens.
async fn assert_goes_on(app: &App, tokens: &Tokens) -> Tokens {
    me(app, &tokens.access).await.expect(200);
    refreshed(app, &tokens.refresh).await
}
