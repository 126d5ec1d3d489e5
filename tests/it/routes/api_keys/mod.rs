//! `/api/api-keys`.

mod create;
mod leak;
mod limits;
mod list;
mod read;
mod revoke;
mod rotate;
mod update;
mod usage;
mod verify;

use std::time::Duration;

use it::{Account, Answer, App, Request};
use serde_json::{Value, json};
use shared::api_key::{ApiKey, StoredKey};
use shared::clock::Timestamp;
use shared::id::{ApiKeyId, OrgId, SessionId, UserId};
use shared::organization::Membership;
use shared::scope::{Modules, Role, Scope};
use shared::session::{Device, Session};
use shared::token::{AccessClaims, Environment, KeyToken};

use super::text;

/// A key that was made.
struct Made {
    id: String,
    key: String,
}

fn create(app: &App, token: &str, body: &Value) -> Request {
    app.post("/api/api-keys", token, body)
}

/// Somebody makes a key, which may expire.
async fn made(app: &App, account: &Account, scopes: &[&str], expires_at: Option<Timestamp>) -> Made {
    let body = json!({ "name": "A key", "scopes": scopes, "expires_at": expires_at });
    let body = create(app, &account.token, &body).send().await.expect(201);
    Made { id: text(&body, "/id").to_owned(), key: text(&body, "/key").to_owned() }
}

async fn read(app: &App, token: &str, id: &str) -> Answer {
    app.get(&format!("/api/api-keys/{id}"), token).send().await
}

async fn revoke(app: &App, token: &str, id: &str) -> Answer {
    app.call(http::Method::DELETE, &format!("/api/api-keys/{id}")).bearer(token).send().await
}

fn verify(app: &App, token: &str, key: &str) -> Request {
    app.post("/api/api-keys/verify", token, &json!({ "key": key }))
}

/// A call that every key with `events:read` may make: 404 says that it was let in.
async fn call(app: &App, key: &str) -> Answer {
    app.get("/api/events/evt_01kdvdna000w3ge1r70w3ge1r7", key).send().await
}

/// Somebody makes a key that holds whatever `body` says beside its name and scope.
async fn made_with(app: &App, account: &Account, body: &Value) -> Made {
    let mut whole = json!({ "name": "A key", "scopes": ["events:read"] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let body = create(app, &account.token, &whole).send().await.expect(201);
    Made { id: text(&body, "/id").to_owned(), key: text(&body, "/key").to_owned() }
}

async fn change(app: &App, token: &str, id: &str, body: &Value) -> Answer {
    app.call(http::Method::PATCH, &format!("/api/api-keys/{id}")).bearer(token).json(body).send().await
}

fn rotate(app: &App, token: &str, id: &str, body: &Value) -> Request {
    app.post(&format!("/api/api-keys/{id}/rotate"), token, body)
}

/// The code of a verdict.
async fn code(app: &App, token: &str, key: &str) -> String {
    text(&verify(app, token, key).send().await.expect(200), "/code").to_owned()
}

fn in_seconds(seconds: u64) -> Timestamp {
    App::START.plus(Duration::from_secs(seconds))
}

/// Signs a person in, in an organisation that is not the one they registered.
async fn signed_in(app: &App, user: UserId, org: OrgId) -> String {
    let (now, entropy) = (app.core.clock.now(), &app.core.entropy);
    let session =
        Session::begin(SessionId::new(now, entropy).unwrap(), (user, 0), Some(org), Device::default(), now);
    app.core.table.put_session(&session).await.unwrap();
    let modules = Modules::of_a_new_organization();
    let member = Some((org, Role::Owner, modules));
    // Role and modules are looked up: what the token says of them counts for nothing.
    let claims = AccessClaims::new(&app.core.issuer, (user, session.id), member, now, "jti".to_owned());
    let ring = app.core.keys.ring().await;
    claims.sign(&ring).unwrap()
}

/// Somebody becomes a member of another's organisation.
pub(crate) async fn join(app: &App, account: &Account, org: OrgId, role: Role) -> String {
    let user = account.user.parse().unwrap();
    let membership = Membership { org, user, role, joined_at: app.core.clock.now() };
    let transaction = app.core.table.transaction().add_member(&membership).unwrap();
    transaction.commit().await.unwrap().unwrap();
    signed_in(app, user, org).await
}

/// A key whose maker could once do more than now.
async fn key_of(app: &App, account: &Account, org: OrgId, scopes: &[Scope]) -> String {
    let (now, entropy) = (app.core.clock.now(), &app.core.entropy);
    let id = ApiKeyId::new(now, entropy).unwrap();
    let token = KeyToken::generate(id, Environment::Live, entropy).unwrap();
    let who = (org, account.user.parse().unwrap());
    let scopes = scopes.iter().copied().collect();
    let key = ApiKey::new(&token, who, "Of better days".parse().unwrap(), scopes, now);
    let stored = StoredKey::new(key, &token);
    let transaction = app.core.table.transaction().put_api_key(&stored).unwrap();
    transaction.commit().await.unwrap().unwrap();
    token.reveal_once()
}

/// Another secret for the same key: right in form and checksum.
fn other_secret(app: &App, made: &Made, environment: Environment) -> String {
    KeyToken::generate(made.id.parse().unwrap(), environment, &app.core.entropy).unwrap().reveal_once()
}

/// A key that nobody made, right in form and checksum.
pub(crate) fn unknown_key(app: &App) -> String {
    let id = ApiKeyId::new(App::START, &app.core.entropy).unwrap();
    KeyToken::generate(id, Environment::Live, &app.core.entropy).unwrap().reveal_once()
}

/// The same key with another last character, which belongs to the checksum.
fn bad_checksum(key: &str) -> String {
    let last = if key.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &key[..key.len() - 1])
}
