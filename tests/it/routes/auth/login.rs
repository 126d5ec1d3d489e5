//! `POST /auth/login`.

use http::Method;
use it::{App, PASSWORD};
use serde_json::json;
use shared::token::RefreshToken;

use super::{Tokens, assert_goes_on, log_in, login};
use crate::routes::{anonymous, assert_problem, text};

/// Of [`PASSWORD`], made by the reference implementation with less work than is asked for today.
const WEAK: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw";

#[tokio::test]
async fn the_right_password_signs_a_person_in() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.advance(3600);
    let answer = login(&app, "ada@example.com", PASSWORD).send().await;
    let body = answer.expect(200);
    assert_eq!(
        body,
        json!({
            "user": { "id": ada.user, "email": "ada@example.com", "email_verified": false, "name": null, "created_at": "2026-01-01T00:00:00.000Z" },
            "organization": { "id": ada.org, "name": "Acme", "role": "owner" },
            "access_token": body["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": body["refresh_token"],
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_goes_on(&app, &Tokens::of(&body)).await;
}

#[tokio::test]
async fn each_log_in_is_a_session_of_its_own() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (one, other) = (log_in(&app, "ada@example.com").await, log_in(&app, "ada@example.com").await);
    let ring = app.core.keys.ring().await;
    let session = |tokens: &Tokens| RefreshToken::parse(&tokens.refresh, &ring).unwrap().session;
    assert_ne!(session(&one), session(&other));
    assert_ne!(one.access, other.access);
    for tokens in [one, other] {
        assert_goes_on(&app, &tokens).await;
    }
}

#[tokio::test]
async fn an_address_is_normalised_before_it_is_looked_up() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    for email in ["ADA@Example.COM", "\u{ff41}da@example.com"] {
        login(&app, email, PASSWORD).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_one_answer() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.table_calls();
    let wrong = login(&app, "ada@example.com", "correct horse battery stapl3").send().await;
    // The organisation's audit log learns of it; what that takes is hidden by the level of failures.
    assert_eq!(app.table_calls(), ["GetItem", "GetItem", "GetItem", "TransactWriteItems"]);
    let unknown = login(&app, "eve@example.com", PASSWORD).send().await;
    assert_eq!(app.table_calls(), ["GetItem"]);
    let detail = json!({ "detail": "no account has this e-mail address and this password" });
    assert_problem(&wrong, 401, "invalid_credentials", "E-mail or password is wrong", &detail);
    assert_eq!(anonymous(&unknown), anonymous(&wrong));
}

#[tokio::test]
async fn a_password_is_compared_as_it_came() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    for password in [
        "",
        "correct horse battery staple ",
        "Correct horse battery staple",
        "correct horse battery staple\0",
    ] {
        assert_eq!(login(&app, "ada@example.com", password).send().await.problem(401), "invalid_credentials");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_before_the_table_is_asked() {
    let app = App::start().await;
    app.table_calls();
    let body =
        json!({ "email": "ada", "password": "a".repeat(513), "user_id": "usr_01kdvdna000w3ge1r70w3ge1r7" });
    let answer = app.call(Method::POST, "/auth/login").json(&body).send().await;
    let found = json!({
        "detail": "3 fields are not right",
        "errors": [
            { "pointer": "/email", "code": "invalid_email", "detail": "needs exactly one `@`" },
            { "pointer": "/password", "code": "too_long", "detail": "has more than 512 bytes" },
            { "pointer": "/user_id", "code": "unknown_field", "detail": "there is no such field" },
        ],
    });
    assert_problem(&answer, 422, "validation_failed", "Some fields are not right", &found);
    assert_eq!(app.table_calls(), [""; 0]);
}

#[tokio::test]
async fn fields_that_are_missing_or_of_another_type_are_named() {
    let app = App::start().await;
    let field = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    let nothing = app.call(Method::POST, "/auth/login").send().await;
    assert_eq!(nothing.field_problems(), [field("/email", "required"), field("/password", "required")]);
    let body = json!({ "email": { "$ne": null }, "password": 1 });
    let odd = app.call(Method::POST, "/auth/login").json(&body).send().await;
    assert_eq!(odd.field_problems(), [field("/email", "wrong_type"), field("/password", "wrong_type")]);
}

#[tokio::test]
async fn it_takes_three_reads_and_one_write_and_three_of_its_limits() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.table_calls();
    app.limit_calls();
    log_in(&app, "ada@example.com").await;
    // The claim, the account, the end of the audit log; the session with its record.
    assert_eq!(app.table_calls(), ["GetItem", "BatchGetItem", "GetItem", "TransactWriteItems"]);
    // The call, the address and the account are counted; the account is forgiven.
    assert_eq!(app.limit_calls(), ["UpdateItem", "UpdateItem", "UpdateItem", "DeleteItem"]);
}

#[tokio::test]
async fn a_weak_hash_is_replaced_with_one_more_write() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (table, email) = (&app.core.table, "ada@example.com".parse().unwrap());
    let strong = table.login(&email).await.unwrap().unwrap().password_hash;
    assert!(table.rewrite_password_hash(&email, &strong, WEAK).await.unwrap());
    app.table_calls();
    log_in(&app, "ada@example.com").await;
    assert_eq!(app.table_calls(), ["GetItem", "UpdateItem", "BatchGetItem", "GetItem", "TransactWriteItems"]);
    let hash = table.login(&email).await.unwrap().unwrap().password_hash;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    app.table_calls();
    app.limit_calls();
    log_in(&app, "ada@example.com").await;
    // The claim, the account, the end of the audit log; the session with its record.
    assert_eq!(app.table_calls(), ["GetItem", "BatchGetItem", "GetItem", "TransactWriteItems"]);
    // The call, the address and the account are counted; the account is forgiven.
    assert_eq!(app.limit_calls(), ["UpdateItem", "UpdateItem", "UpdateItem", "DeleteItem"]);
}

#[tokio::test]
async fn a_weak_hash_stays_when_the_password_is_wrong() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (table, email) = (&app.core.table, "ada@example.com".parse().unwrap());
    let strong = table.login(&email).await.unwrap().unwrap().password_hash;
    assert!(table.rewrite_password_hash(&email, &strong, WEAK).await.unwrap());
    let answer = login(&app, "ada@example.com", "correct horse battery stapl3").send().await;
    assert_eq!(answer.problem(401), "invalid_credentials");
    assert_eq!(table.login(&email).await.unwrap().unwrap().password_hash, WEAK);
}

#[tokio::test]
async fn the_credential_of_whoever_asks_makes_no_difference() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let eve = app.register("eve@example.com").await;
    for header in ["Bearer x", "Basic YTpi", "", &format!("Bearer {}", eve.token)] {
        let answer = login(&app, "ada@example.com", PASSWORD).header("authorization", header).send().await;
        assert_eq!(text(&answer.expect(200), "/user/id"), ada.user, "{header}");
    }
}

#[tokio::test]
async fn a_table_that_does_not_answer_signs_nobody_in() {
    let app = App::without_table().await;
    let answer = login(&app, "ada@example.com", PASSWORD).send().await;
    assert_problem(&answer, 503, "unavailable", "Temporarily unavailable", &json!({}));
    assert_eq!(answer.header("retry-after"), Some("1"));
}
