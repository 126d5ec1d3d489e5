//! Every route, called with every credential that must not get through.

use http::Method;
use it::{Account, Answer, App};
use serde_json::{Value, json};
use shared::http::{Access, RouteRow};
use shared::id::{OrgId, SessionId, UserId};
use shared::scope::{Modules, Role, Scope};
use shared::token::AccessClaims;

use crate::documents::functions;

fn protected() -> Vec<RouteRow> {
    let rows = functions().into_iter().flat_map(|(_, rows)| rows);
    rows.filter(|row| row.access != Access::Public).collect()
}

/// A path whose identifiers have the right form and name nothing.
pub(crate) fn path_of(row: &RouteRow) -> String {
    let ulid = "01kdvdna000w3ge1r70w3ge1r7";
    let id = match row.path.split('/').nth(2) {
        Some("api-keys") => format!("key_{ulid}"),
        Some("webhooks") => format!("whk_{ulid}"),
        Some("events") => format!("evt_{ulid}"),
        Some("deliveries") => format!("dlv_{ulid}{ulid}"),
        Some("replays") => format!("rpl_{ulid}"),
        Some("organizations") => format!("org_{ulid}"),
        Some("sessions") => format!("ses_{ulid}"),
        _ => String::new(),
    };
    below(&row.path.replace("{id}", &id))
}

/// What is below a thing has the right form, too, and names nothing.
fn below(path: &str) -> String {
    let ulid = "01kdvdna000w3ge1r70w3ge1r7";
    path.replace("{user_id}", &format!("usr_{ulid}"))
        .replace("{organization_id}", &format!("org_{ulid}"))
        .replace("{webhook_id}", &format!("whk_{ulid}"))
        .replace("{invitation_id}", &format!("inv_{ulid}"))
        .replace("{domain}", "example.com")
        .replace("{name}", "made.up")
}

fn scope_of(row: &RouteRow) -> Option<Scope> {
    match row.access {
        Access::Scope(scope) | Access::SelfOr(scope) => Some(scope),
        Access::Public | Access::Session | Access::Owner => None,
    }
}

async fn call(app: &App, row: &RouteRow, authorization: Option<&str>) -> Answer {
    let request = app.call(row.method.clone(), &path_of(row));
    let request = match authorization {
        Some(value) => request.header("authorization", value),
        None => request,
    };
    request.send().await
}

#[test]
fn the_public_routes_are_these_and_no_others() {
    let rows = functions().into_iter().flat_map(|(_, rows)| rows).filter(|row| row.access == Access::Public);
    let mut public: Vec<_> = rows.map(|row| format!("{} {}", row.method, row.path)).collect();
    public.sort_unstable();
    assert_eq!(
        public,
        [
            "GET /.well-known/webhook-keys/{organization_id}/{webhook_id}",
            "GET /auth/link",
            "GET /health",
            "GET /openapi.json",
            "POST /api/api-keys/report-leak",
            "POST /auth/email/change/confirm",
            "POST /auth/email/resend",
            "POST /auth/email/verify",
            "POST /auth/login",
            "POST /auth/mfa/challenge",
            "POST /auth/password/forgot",
            "POST /auth/password/reset",
            "POST /auth/refresh",
            "POST /auth/register",
            "POST /oauth/revoke",
            "POST /oauth/token",
        ]
    );
}

#[tokio::test]
async fn no_route_is_open_to_a_missing_or_malformed_credential() {
    let app = App::start().await;
    for row in protected() {
        for header in
            [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic YTpi"), Some("Bearer a b")]
        {
            let answer = call(&app, &row, header).await;
            assert_eq!(answer.problem(401), "unauthenticated", "{} {} {header:?}", row.method, row.path);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn no_route_is_open_to_a_credential_of_another_kind_or_of_nobody() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["events:read"]).await;
    let cut = &key[..key.len() - 1];
    let nobody =
        ["x", "a.b.c", "rt_x", "aif_live_x", cut, &ada.refresh_token, &ada.token[..ada.token.len() - 2]];
    for row in protected() {
        for token in nobody {
            let answer = call(&app, &row, Some(&format!("Bearer {token}"))).await;
            assert_eq!(answer.problem(401), "invalid_token", "{} {} {token}", row.method, row.path);
        }
    }
}

#[tokio::test]
async fn no_route_is_open_to_an_expired_access_token_or_key() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let expires = App::START.plus(std::time::Duration::from_mins(1)).to_string();
    let body = json!({ "name": "Short", "scopes": ["events:read"], "expires_at": expires });
    let made = app.post("/api/api-keys", &ada.token, &body).send().await.expect(201);
    app.advance(900);
    for row in protected() {
        for token in [ada.token.as_str(), made["key"].as_str().unwrap()] {
            let answer = call(&app, &row, Some(&format!("Bearer {token}"))).await;
            assert_eq!(answer.problem(401), "invalid_token", "{} {}", row.method, row.path);
        }
    }
}

#[tokio::test]
async fn no_route_is_open_to_a_key_without_its_scope() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let every = Scope::ALL.iter().filter(|scope| scope.for_keys());
    for row in protected() {
        let others: Vec<_> =
            every.clone().filter(|s| Some(**s) != scope_of(&row)).map(|s| s.as_str()).collect();
        let key = app.api_key(&ada, &others).await;
        let for_people = matches!(row.access, Access::Session | Access::Owner);
        let code = if for_people { "session_required" } else { "insufficient_scope" };
        let answer = call(&app, &row, Some(&format!("Bearer {key}"))).await;
        assert_eq!(answer.problem(403), code, "{} {}", row.method, row.path);
    }
}

/// Things of one organisation, by the routes that lead to them.
struct Things {
    key: String,
    webhook: String,
    event: String,
    session: String,
    replay: String,
    org: String,
}

async fn things(app: &App, owner: &Account) -> Things {
    let receiver = app.receiver().await;
    let body = json!({ "name": "A key", "scopes": ["events:read"] });
    let key = app.post("/api/api-keys", &owner.token, &body).send().await.expect(201);
    let webhook = app.webhook(owner, &receiver).await;
    let event = app.publish(owner, "a.b", &json!({})).await;
    app.drain().await;
    let sessions = app.get("/auth/sessions", &owner.token).send().await.expect(200);
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let session = text(&sessions["data"][0]);
    let path = format!("/api/webhooks/{}/replay", webhook.id);
    let replay = app.post(&path, &owner.token, &json!({ "what": "all" })).send().await.expect(202);
    let (key, replay) = (text(&key), text(&replay));
    Things { key, webhook: webhook.id, event, session, replay, org: owner.org.clone() }
}

fn named(row: &RouteRow, things: &Things) -> String {
    let id = match row.path.split('/').nth(2).unwrap() {
        "api-keys" => things.key.clone(),
        "webhooks" => things.webhook.clone(),
        "events" => things.event.clone(),
        "sessions" => things.session.clone(),
        "replays" => things.replay.clone(),
        "organizations" => things.org.clone(),
        _ => format!("dlv_{}{}", &things.event[4..], &things.webhook[4..]),
    };
    below(&row.path.replace("{id}", &id))
}

fn without_request_id(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert!(body.as_object_mut().unwrap().remove("request_id").is_some());
    body
}

#[tokio::test]
async fn what_belongs_to_another_organisation_answers_as_what_does_not_exist() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let things = things(&app, &ada).await;
    let before = app.dump().await;
    let rows: Vec<_> = protected().into_iter().filter(|row| row.path.contains("{id}")).collect();
    assert!(rows.len() >= 10, "the routes that name a thing");
    for row in &rows {
        // A body that lacks nothing: what is refused is the thing.
        let body = if row.path.ends_with("/replay") { json!({ "what": "all" }) } else { json!({}) };
        let ask =
            |path: String, token: &str| app.call(row.method.clone(), &path).bearer(token).json(&body).send();
        let foreign = ask(named(row, &things), &eve.token).await;
        let made_up = ask(path_of(row), &eve.token).await;
        let odd = ask(below(&row.path.replace("{id}", "nonsense")), &eve.token).await;
        assert_eq!(foreign.problem(404), "not_found", "{} {}", row.method, row.path);
        assert_eq!(without_request_id(&foreign), without_request_id(&made_up), "{} {}", row.method, row.path);
        assert_eq!(without_request_id(&foreign), without_request_id(&odd), "{} {}", row.method, row.path);
        if row.method == Method::GET {
            ask(named(row, &things), &ada.token).await.expect(200);
        }
    }
    assert_eq!(app.dump().await, before, "a stranger's calls changed something");
}

#[tokio::test]
async fn nobody_gets_in_while_the_table_does_not_answer() {
    let healthy = App::start().await;
    let ada = healthy.register("ada@example.com").await;
    let key = healthy.api_key(&ada, &["events:read"]).await;
    let app = App::without_table().await;
    // A token of this deployment: the other one has a key of its own.
    let (now, entropy) = (app.core.clock.now(), &app.core.entropy);
    let who = (UserId::new(now, entropy).unwrap(), SessionId::new(now, entropy).unwrap());
    let org = OrgId::new(now, entropy).unwrap();
    let member = Some((org, Role::Owner, Modules::of_a_new_organization()));
    let claims = AccessClaims::new(&app.core.issuer, who, member, now, "j".to_owned());
    let token = claims.sign(&*app.core.keys.ring().await).unwrap();
    for token in [&key, &token] {
        let answer = app.get("/api/events/evt_01kdvdna000w3ge1r70w3ge1r7", token).send().await;
        assert_eq!(answer.problem(503), "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
