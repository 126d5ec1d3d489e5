//! `/oauth`.

mod introspect;
mod revoke;
mod token;

use http::Method;
use it::{Account, App, Request};
use serde_json::{Value, json};

use super::text;

/// A call with a form.
fn form(app: &App, path: &str, fields: &[(&str, &str)]) -> Request {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    app.call(Method::POST, path).body("application/x-www-form-urlencoded", body.finish())
}

/// Identifier and text of a key that somebody makes.
async fn key(app: &App, account: &Account, body: &Value) -> (String, String) {
    let mut whole = json!({ "name": "A key", "scopes": ["events:read", "api_keys:read"] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let made = app.post("/api/api-keys", &account.token, &whole).send().await.expect(201);
    (text(&made, "/id").to_owned(), text(&made, "/key").to_owned())
}

fn exchange(app: &App, (id, key): (&str, &str)) -> Request {
    let grant = ("grant_type", "client_credentials");
    form(app, "/oauth/token", &[grant, ("client_id", id), ("client_secret", key)])
}

/// The access token that a key is exchanged for.
async fn access_token(app: &App, id: &str, key: &str) -> String {
    text(&exchange(app, (id, key)).send().await.expect(200), "/access_token").to_owned()
}

/// Whether a token gets past a route that asks for `events:read`.
async fn gets_in(app: &App, token: &str) -> bool {
    let answer = app.get("/api/events/evt_01kdvdna000w3ge1r70w3ge1r7", token).send().await;
    match answer.status.as_u16() {
        404 => true,
        401 | 403 => false,
        _ => panic!("{}", answer.text),
    }
}

async fn revoke_key(app: &App, account: &Account, id: &str) {
    let call = app.call(Method::DELETE, &format!("/api/api-keys/{id}"));
    call.bearer(&account.token).send().await.expect(204);
}
