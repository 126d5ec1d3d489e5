//! Faults that were found in other products of this kind: each has a test here, by its name.

use http::Method;
use it::{Account, App, PASSWORD, Request};
use serde_json::{Value, json};
use shared::limit::{Attempt, Guard};

fn post(app: &App, path: &str, body: &Value) -> Request {
    app.call(Method::POST, path).json(body)
}

fn fields(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| (format!("/{name}"), "unknown_field".to_owned())).collect()
}

/// CVE-2025-61928.
#[tokio::test]
async fn a_key_is_made_for_nobody_else_by_a_user_id_in_the_body() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let body = json!({
        "name": "x", "scopes": ["events:read"], "user_id": ada.user, "organization_id": ada.org,
    });
    let answer = app.post("/api/api-keys", &eve.token, &body).send().await;
    assert_eq!(answer.field_problems(), fields(&["organization_id", "user_id"]));
}

/// CVE-2026-27946.
#[tokio::test]
async fn nobody_verifies_their_address_by_changing_their_profile() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "name": "Ada", "email": "boss@example.com", "email_verified": true });
    let answer = app.call(Method::PATCH, "/auth/me").bearer(&ada.token).json(&body).send().await;
    assert_eq!(answer.field_problems(), fields(&["email", "email_verified"]));
    let me = app.get("/auth/me", &ada.token).send().await.expect(200);
    assert_eq!((&me["email"], &me["email_verified"]), (&json!("ada@example.com"), &json!(false)));
}

/// GHSA-3529-5m8x-rpv3.
#[tokio::test]
async fn links_in_mails_do_not_come_from_the_headers_of_a_request() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.mails();
    let forgot = post(&app, "/auth/password/forgot", &json!({ "email": "ada@example.com" }));
    let forgot = forgot.header("host", "evil.example").header("x-forwarded-host", "evil.example");
    forgot
        .header("x-forwarded-proto", "http")
        .header("origin", "https://evil.example")
        .send()
        .await
        .expect(202);
    let mail = app.deliver_mails().await.remove(0);
    for form in [mail.text.unwrap(), mail.html.unwrap()] {
        assert!(form.contains("https://app.example.com/link#") && !form.contains("evil"), "{form}");
    }
}

/// GHSA-g38m-r43w-p2q7: somebody registers another's address first, and waits.
#[tokio::test]
async fn an_account_that_was_never_verified_is_nothing_to_link_to() {
    let app = App::verifying().await;
    let register = |password: &str| {
        let body = json!({
            "email": "ada@example.com", "password": password, "organization": { "name": "Acme" },
        });
        post(&app, "/auth/register", &body)
    };
    register("a password of Eve's").send().await.expect(202);
    app.mails();
    app.advance(60);
    register(PASSWORD).send().await.expect(202);
    let mail = app.deliver_mails().await.remove(0);
    let text = mail.text.unwrap();
    let token = text.split("token=").nth(1).unwrap().lines().next().unwrap();
    post(&app, "/auth/email/verify", &json!({ "token": token })).send().await.expect(200);
    let login = |password: &str| {
        post(&app, "/auth/login", &json!({ "email": "ada@example.com", "password": password }))
    };
    login("a password of Eve's").send().await.problem(401);
    login(PASSWORD).send().await.expect(200);
}

/// Sessions that are alive after their person was deleted.
#[tokio::test]
async fn a_deleted_account_has_no_live_session_and_its_address_is_another_person() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    // Somebody in no organisation can delete themselves: their own is deleted first.
    let delete = app.call(Method::DELETE, &format!("/api/organizations/{}", bob.org));
    delete.bearer(&bob.token).send().await.expect(204);
    let bob = app.sign_in(&bob, "bob@example.com").await;
    let wrong = app.call(Method::DELETE, "/auth/me").bearer(&bob.token);
    let wrong = wrong.json(&json!({ "password": "not the password" })).send().await;
    assert_eq!(wrong.field_problems(), [("/password".to_owned(), "wrong_password".to_owned())]);
    let delete = app.call(Method::DELETE, "/auth/me").bearer(&bob.token);
    delete.json(&json!({ "password": PASSWORD })).send().await.expect(204);
    app.advance(5);
    assert_eq!(app.get("/auth/me", &bob.token).send().await.problem(401), "invalid_token");
    let refresh = json!({ "refresh_token": bob.refresh_token });
    post(&app, "/auth/refresh", &refresh).send().await.problem(401);
    let next: Account = app.register("bob@example.com").await;
    assert_ne!(next.user, bob.user);
    app.get("/auth/me", &ada.token).send().await.expect(200);
}

/// CVE-2026-35597.
#[tokio::test]
async fn the_counter_of_failures_is_not_rolled_back_by_a_success_that_came_before_the_last_failure() {
    let app = App::start().await;
    let now = app.hands.now();
    let attempt = || app.core.limiter.attempt(Guard::PASSWORDS, "somebody", now);
    let Attempt::Allowed(first) = attempt().await.unwrap() else { panic!("locked") };
    for _ in 0..4 {
        assert!(matches!(attempt().await.unwrap(), Attempt::Allowed(_)));
    }
    app.core.limiter.succeeded(first).await.unwrap();
    assert!(matches!(attempt().await.unwrap(), Attempt::Locked { wait_seconds: 1, .. }));
}

/// A limiter that lets everybody through, or nobody answers, when its store does not.
#[tokio::test]
async fn nobody_is_let_through_while_the_counters_do_not_answer() {
    let app = App::without_table().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(post(&app, "/auth/login", &body).send().await.problem(503), "unavailable");
}

/// A hot row of the limiter that stalls everybody's authentication.
#[tokio::test]
async fn whoever_hammers_a_locked_account_costs_no_call_and_stalls_nobody() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let login = |email: &str| post(&app, "/auth/login", &json!({ "email": email, "password": "wrong" }));
    for _ in 0..6 {
        login("victim@example.com").send().await;
    }
    app.limit_calls();
    app.table_calls();
    for _ in 0..10 {
        assert_eq!(login("victim@example.com").send().await.problem(429), "rate_limited");
    }
    // Only the addresses, each another one, are counted: as callers, and as logging in. The account is known to
    // be locked.
    assert_eq!(app.limit_calls().len(), 20);
    assert_eq!(app.table_calls(), [""; 0]);
    app.get("/auth/me", &ada.token).send().await.expect(200);
}
