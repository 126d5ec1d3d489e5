//! `POST /auth/register`.

use http::Method;
use it::{Answer, App, PASSWORD, Request};
use serde_json::{Value, json};
use shared::scope::{Modules, Role};
use shared::token::{AccessClaims, RefreshToken};

use super::{Tokens, assert_goes_on, log_in, login};
use crate::routes::{assert_problem, at_once, items, text};

fn register(app: &App, body: &Value) -> Request {
    app.call(Method::POST, "/auth/register").json(body)
}

fn ada() -> Value {
    json!({
        "email": "ada@example.com",
        "password": PASSWORD,
        "name": "Ada Lovelace",
        "organization": { "name": "Analytical Engines" },
    })
}

async fn send(app: &App, content_type: &str, body: impl Into<String>) -> Answer {
    app.call(Method::POST, "/auth/register").body(content_type, body.into()).send().await
}

fn field(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_person_and_their_organisation_are_made_and_signed_in() {
    let app = App::start().await;
    let answer = register(&app, &ada()).send().await;
    let body = answer.expect(201);
    assert_eq!(
        body,
        json!({
            "user": {
                "id": body["user"]["id"],
                "email": "ada@example.com",
                "email_verified": false,
                "name": "Ada Lovelace",
                "created_at": "2026-01-01T00:00:00.000Z",
            },
            "organization": { "id": body["organization"]["id"], "name": "Analytical Engines", "role": "owner" },
            "access_token": body["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": body["refresh_token"],
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_goes_on(&app, &Tokens::of(&body)).await;
}

#[tokio::test]
async fn the_tokens_name_the_person_the_session_and_the_organisation() {
    let app = App::start().await;
    let body = register(&app, &ada()).send().await.expect(201);
    let (ring, now) = (app.core.keys.ring().await, App::START);
    let claims = AccessClaims::verify(text(&body, "/access_token"), &ring, &app.core.issuer, now).unwrap();
    let refresh = RefreshToken::parse(text(&body, "/refresh_token"), &ring).unwrap();
    let (user, org) =
        (text(&body, "/user/id").parse().unwrap(), text(&body, "/organization/id").parse().unwrap());
    let who = (user, refresh.session);
    let member = Some((org, Role::Owner, Modules::of_a_new_organization()));
    let jti = claims.jti.clone();
    assert_eq!(claims, AccessClaims::new("urn:ai-foundry:tests", who, member, now, jti));
    assert_eq!((refresh.user, refresh.counter), (user, 0));
    assert_eq!([user.made_at(), org.made_at(), refresh.session.made_at()], [now; 3]);
}

#[tokio::test]
async fn it_takes_two_writes_each_with_its_record() {
    let app = App::start().await;
    app.table_calls();
    register(&app, &ada()).send().await.expect(201);
    let each = ["GetItem", "TransactWriteItems"];
    assert_eq!(app.table_calls(), [each, each].concat());
}

#[tokio::test]
async fn an_address_is_kept_in_its_normal_form() {
    let app = App::start().await;
    let mut body = ada();
    body["email"] = json!("\u{ff21}DA@Example.COM");
    let made = register(&app, &body).send().await.expect(201);
    assert_eq!(text(&made, "/user/email"), "ada@example.com");
    log_in(&app, "ada@example.com").await;
}

#[tokio::test]
async fn names_are_trimmed_and_the_persons_may_be_absent() {
    let app = App::start().await;
    let body =
        json!({ "email": "ada@example.com", "password": PASSWORD, "organization": { "name": "  Acme " } });
    let made = register(&app, &body).send().await.expect(201);
    assert_eq!((&made["user"]["name"], &made["organization"]["name"]), (&json!(null), &json!("Acme")));
}

#[tokio::test]
async fn a_taken_address_is_refused_and_nothing_is_half_done() {
    let app = App::start().await;
    register(&app, &ada()).send().await.expect(201);
    let before = app.dump().await;
    for email in ["ada@example.com", "ADA@example.com"] {
        let mut body = ada();
        body["email"] = json!(email);
        body["password"] = json!("another long passphrase");
        let answer = register(&app, &body).send().await;
        let detail = json!({ "detail": "another account has this e-mail address" });
        assert_problem(&answer, 409, "email_taken", "The e-mail address is taken", &detail);
    }
    assert_eq!(app.dump().await, before);
    assert_eq!(
        login(&app, "ada@example.com", "another long passphrase").send().await.problem(401),
        "invalid_credentials"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_one_address_at_the_same_time_one_gets_it() {
    let app = App::start().await;
    let answers = at_once((0..50).map(|_| register(&app, &ada()))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for answer in lost {
        assert_eq!(answer.problem(409), "email_taken");
    }
    // The claim, the person, the organisation, the membership from both sides, the session; two records and
    // the end of their chain; the counters of one address each are elsewhere.
    assert_eq!(items(&app).await, 9);
    assert_goes_on(&app, &Tokens::of(&won[0].json())).await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = App::start().await;
    let body =
        json!({ "email": "ada@", "password": "short", "name": "", "organization": { "name": 7, "id": 1 } });
    let answer = register(&app, &body).send().await;
    let found = json!({
        "detail": "5 fields are not right",
        "errors": [
            { "pointer": "/email", "code": "invalid_email", "detail": "has a domain that is not one" },
            { "pointer": "/password", "code": "too_short", "detail": "has fewer than 12 characters" },
            { "pointer": "/name", "code": "too_short", "detail": "is empty" },
            { "pointer": "/organization/name", "code": "wrong_type", "detail": "expected a text" },
            { "pointer": "/organization/id", "code": "unknown_field", "detail": "there is no such field" },
        ],
    });
    assert_problem(&answer, 422, "validation_failed", "Some fields are not right", &found);
    assert_eq!(items(&app).await, 0);
}

#[tokio::test]
async fn every_missing_field_is_named_at_once() {
    let app = App::start().await;
    let required =
        [field("/email", "required"), field("/password", "required"), field("/organization", "required")];
    assert_eq!(register(&app, &json!({})).send().await.field_problems(), required);
    let nulls = json!({ "email": null, "password": null, "name": null, "organization": null });
    assert_eq!(register(&app, &nulls).send().await.field_problems(), required);
    assert_eq!(app.call(Method::POST, "/auth/register").send().await.field_problems(), required);
}

#[tokio::test]
async fn nobody_says_who_they_are_or_what_they_may() {
    let app = App::start().await;
    let mut body = ada();
    for name in ["user_id", "role", "email_verified", "organization_id"] {
        body[name] = json!("owner");
    }
    let expected =
        ["/email_verified", "/organization_id", "/role", "/user_id"].map(|p| field(p, "unknown_field"));
    assert_eq!(register(&app, &body).send().await.field_problems(), expected);
    assert_eq!(items(&app).await, 0);
}

#[tokio::test]
async fn what_is_no_plain_address_is_refused() {
    let app = App::start().await;
    for email in [
        "",
        "ada",
        "a@b",
        "a@b@example.com",
        "\"a b\"@example.com",
        "ada\u{ff20}example.com",
        "a\r\nb@example.com",
    ] {
        let mut body = ada();
        body["email"] = json!(email);
        let answer = register(&app, &body).send().await;
        assert_eq!(answer.field_problems(), [field("/email", "invalid_email")], "{email}");
    }
}

#[tokio::test]
async fn a_password_has_12_to_128_characters_of_any_kind() {
    let app = App::start().await;
    let crab = "\u{1F980}";
    for (n, (password, code)) in [
        ("a".repeat(11), Some("too_short")),
        (crab.repeat(11), Some("too_short")),
        ("a".repeat(129), Some("too_long")),
        ("a".repeat(12), None),
        ("a".repeat(128), None),
        (crab.repeat(128), None),
        (" \0\t \u{e9} \n          ".to_owned(), None),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("person{n}@example.com");
        let body = json!({ "email": email, "password": password, "organization": { "name": "Acme" } });
        let answer = register(&app, &body).send().await;
        if let Some(code) = code {
            assert_eq!(answer.field_problems(), [field("/password", code)], "{password}");
        } else {
            answer.expect(201);
            login(&app, &email, &password).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_password_is_not_what_everybody_knows_of_the_account() {
    let app = App::start().await;
    for (password, detail) in [
        ("ada.l@example.com", "contains the e-mail address"),
        ("ADA.L is the one", "contains the e-mail address"),
        ("AnalyticalEngines!", "contains the organisation's name"),
        ("the analytical  engines", "contains the organisation's name"),
        ("ai foundry 2026", "contains the product's name"),
    ] {
        let mut body = ada();
        body["email"] = json!("ada.l@example.com");
        body["password"] = json!(password);
        let answer = register(&app, &body).send().await;
        let errors = json!([{ "pointer": "/password", "code": "guessable", "detail": detail }]);
        assert_eq!(answer.expect(422)["errors"], errors, "{password}");
    }
    assert_eq!(items(&app).await, 0);
}

#[tokio::test]
async fn a_body_has_at_most_256_kib() {
    let app = App::start().await;
    let of = |bytes: usize| format!("{{\"name\":\"{}\"}}", "a".repeat(bytes - 11));
    assert_eq!(send(&app, "application/json", of(256 * 1024)).await.problem(422), "validation_failed");
    let answer = send(&app, "application/json", of(256 * 1024 + 1)).await;
    let detail = json!({ "detail": "a body has at most 262144 bytes" });
    assert_problem(&answer, 413, "payload_too_large", "The body is too large", &detail);
}

#[tokio::test]
async fn broken_json_is_told_with_line_and_column() {
    let app = App::start().await;
    for (body, detail) in [
        ("{\n  \"email\": }", "line 2, column 12: expected value"),
        ("{\"email\":", "line 1, column 9: EOF while parsing a value"),
        ("{} {}", "line 1, column 4: trailing characters"),
        ("[]", "expected an object"),
        ("{\"email\":1,\"email\":2}", "the field `email` is there twice"),
    ] {
        let answer = send(&app, "application/json", body).await;
        assert_problem(
            &answer,
            400,
            "malformed_json",
            "The body is not usable JSON",
            &json!({ "detail": detail }),
        );
    }
}

#[tokio::test]
async fn a_body_is_nested_at_most_64_levels_deep() {
    let app = App::start().await;
    let deep = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(send(&app, "application/json", deep(64)).await.problem(422), "validation_failed");
    for levels in [65, 100_000] {
        let answer = send(&app, "application/json", deep(levels)).await;
        let detail = json!({ "detail": "nested more than 64 levels deep" });
        assert_problem(&answer, 400, "malformed_json", "The body is not usable JSON", &detail);
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let app = App::start().await;
    let body = ada().to_string();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        let answer = send(&app, content_type, body.clone()).await;
        let detail = json!({ "detail": "send `Content-Type: application/json`" });
        assert_problem(&answer, 415, "unsupported_media_type", "The body has to be JSON", &detail);
    }
    send(&app, "Application/JSON; charset=UTF-8", body).await.expect(201);
}

#[tokio::test]
async fn the_table_holds_neither_the_password_nor_a_token() {
    let app = App::start().await;
    let body = register(&app, &ada()).send().await.expect(201);
    let dump = app.dump().await;
    assert!(dump.contains("ada@example.com"), "the dump shows what the table holds");
    let access = text(&body, "/access_token");
    for secret in [PASSWORD, access, access.rsplit('.').next().unwrap(), text(&body, "/refresh_token")] {
        assert!(!dump.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_table_that_does_not_answer_makes_nobody() {
    let app = App::without_table().await;
    let answer = register(&app, &ada()).send().await;
    assert_problem(&answer, 503, "unavailable", "Temporarily unavailable", &json!({}));
    assert_eq!(answer.header("retry-after"), Some("1"));
}
