//! What people change about themselves: name, address, sessions, recovery codes; and what they take along.

use http::Method;
use it::{Account, Answer, App, Mail, PASSWORD};
use serde_json::{Value, json};

use crate::routes::text;

fn token(mail: &Mail) -> String {
    mail.text.as_deref().unwrap().split("token=").nth(1).unwrap().lines().next().unwrap().to_owned()
}

async fn patch(app: &App, account: &Account, body: &Value) -> Answer {
    app.call(Method::PATCH, "/auth/me").bearer(&account.token).json(body).send().await
}

async fn move_to(app: &App, account: &Account, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    app.post("/auth/email/change", &account.token, &body).send().await
}

async fn confirm(app: &App, token: &str) -> Answer {
    let request = app.call(Method::POST, "/auth/email/change/confirm");
    request.json(&json!({ "token": token })).send().await
}

async fn login(app: &App, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    app.call(Method::POST, "/auth/login").json(&body).send().await
}

#[tokio::test]
async fn a_name_is_set_kept_and_taken_away() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for (body, name) in [
        (json!({ "name": " Ada Lovelace " }), json!("Ada Lovelace")),
        (json!({}), json!("Ada Lovelace")),
        (json!({ "name": null }), json!(null)),
    ] {
        assert_eq!(patch(&app, &ada, &body).await.expect(200)["name"], name, "{body}");
        assert_eq!(app.get("/auth/me", &ada.token).send().await.expect(200)["name"], name, "{body}");
    }
    let answer = patch(&app, &ada, &json!({ "name": "x".repeat(129) })).await;
    assert_eq!(answer.field_problems(), [("/name".to_owned(), "too_long".to_owned())]);
}

#[tokio::test]
async fn an_address_moves_when_the_link_at_the_new_one_is_used_and_the_old_one_is_told() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    move_to(&app, &ada, "ada@example.org").await.expect(202);
    login(&app, "ada@example.org").await.expect(401);
    let mail = app.deliver_mails().await.remove(0);
    assert_eq!(mail.to, ["ada@example.org"]);
    let link = token(&mail);
    let changed = json!({ "status": "changed", "email": "ada@example.org" });
    assert_eq!(confirm(&app, &link).await.expect(200), changed);
    let told = app.deliver_mails().await.remove(0);
    assert_eq!(
        (told.to, told.subject.as_str()),
        (vec!["ada@example.com".into()], "Your e-mail address was changed")
    );
    assert_eq!(confirm(&app, &link).await.problem(400), "invalid_link");
    let me = app.get("/auth/me", &ada.token).send().await.expect(200);
    assert_eq!((&me["email"], &me["email_verified"]), (&json!("ada@example.org"), &json!(true)));
    login(&app, "ada@example.com").await.expect(401);
    login(&app, "ada@example.org").await.expect(200);
    app.register("ada@example.com").await;
}

#[tokio::test]
async fn moving_to_a_taken_address_is_answered_alike_and_its_owner_is_told() {
    let app = App::start().await;
    let (ada, _) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    app.mails();
    let free = move_to(&app, &ada, "free@example.com").await;
    let taken = move_to(&app, &ada, "bob@example.com").await;
    assert_eq!((taken.status, &taken.text), (free.status, &free.text));
    let mails = app.deliver_mails().await;
    let subjects: Vec<_> = mails.iter().map(|mail| (mail.to[0].as_str(), mail.subject.as_str())).collect();
    assert_eq!(
        subjects,
        [
            ("free@example.com", "Confirm your new e-mail address"),
            ("bob@example.com", "You already have an account")
        ]
    );
}

#[tokio::test]
async fn an_address_that_was_taken_since_stays_with_whoever_has_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    move_to(&app, &ada, "shared@example.com").await.expect(202);
    let link = token(&app.deliver_mails().await[0]);
    app.register("shared@example.com").await;
    assert_eq!(confirm(&app, &link).await.problem(409), "email_taken");
    login(&app, "ada@example.com").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_move_to_one_address_at_once_do_not_both_get_it() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    app.mails();
    move_to(&app, &ada, "one@example.com").await.expect(202);
    let first = token(&app.deliver_mails().await[0]);
    app.advance(60);
    move_to(&app, &bob, "one@example.com").await.expect(202);
    let second = token(&app.deliver_mails().await[0]);
    let (one, other) = tokio::join!(confirm(&app, &first), confirm(&app, &second));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    login(&app, "one@example.com").await.expect(200);
}

#[tokio::test]
async fn moving_takes_the_password_and_a_new_password_voids_the_link() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.org", "password": "not the password of Ada" });
    let wrong = app.post("/auth/email/change", &ada.token, &body).send().await;
    assert_eq!(wrong.field_problems(), [("/password".to_owned(), "wrong_password".to_owned())]);
    app.mails();
    move_to(&app, &ada, "ada@example.org").await.expect(202);
    let link = token(&app.deliver_mails().await[0]);
    let body = json!({ "current_password": PASSWORD, "new_password": "another good long password" });
    app.post("/auth/password", &ada.token, &body).send().await.expect(200);
    assert_eq!(confirm(&app, &link).await.problem(400), "invalid_link");
}

#[tokio::test]
async fn a_link_of_one_kind_is_none_of_another() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    move_to(&app, &ada, "ada@example.org").await.expect(202);
    let link = token(&app.deliver_mails().await[0]);
    for (path, body) in [
        ("/auth/email/verify", json!({ "token": link })),
        ("/auth/password/reset", json!({ "token": link, "password": "another good long password" })),
    ] {
        let answer = app.call(Method::POST, path).json(&body).send().await;
        assert_eq!(answer.problem(400), "invalid_link", "{path}");
    }
    confirm(&app, &link).await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_with_their_device_and_ended_one_by_one() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let eve = app.register("eve@example.com").await;
    app.advance(10);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let phone = app.call(Method::POST, "/auth/login").header("user-agent", "Phone/1").from("192.0.2.9");
    let phone = phone.json(&body).send().await.expect(200);
    let list = app.get("/auth/sessions", &ada.token).send().await.expect(200);
    let first = &list["data"][0];
    assert_eq!(
        *first,
        json!({
            "id": first["id"],
            "current": false,
            "organization_id": ada.org,
            "user_agent": "Phone/1",
            "address": "192.0.2.9",
            "created_at": "2026-01-01T00:00:10.000Z",
            "last_used_at": "2026-01-01T00:00:10.000Z",
            "expires_at": "2026-01-08T00:00:10.000Z",
        })
    );
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][1]["current"]), (2, &json!(true)));
    let path = format!("/auth/sessions/{}", text(first, "/id"));
    let end = |token: &str| app.call(Method::DELETE, &path).bearer(token).send();
    assert_eq!(end(&eve.token).await.problem(404), "not_found");
    end(&ada.token).await.expect(204);
    assert_eq!(end(&ada.token).await.problem(404), "not_found");
    app.advance(5);
    let token = text(&phone, "/access_token");
    assert_eq!(app.get("/auth/me", token).send().await.problem(401), "invalid_token");
    let refresh = json!({ "refresh_token": phone["refresh_token"] });
    let refresh = app.call(Method::POST, "/auth/refresh").json(&refresh).send().await;
    assert_eq!(refresh.problem(401), "invalid_refresh_token");
    app.get("/auth/me", &ada.token).send().await.expect(200);
}

#[tokio::test]
async fn an_export_has_the_person_their_memberships_and_sessions_and_no_secret() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let answer = app.get("/auth/me/export", &ada.token).send().await;
    let export = answer.expect(200);
    let joined = json!({
        "organization_id": ada.org, "role": "owner", "joined_at": "2026-01-01T00:00:00.000Z",
    });
    let me = app.get("/auth/me", &ada.token).send().await.expect(200);
    let sessions = app.get("/auth/sessions", &ada.token).send().await.expect(200)["data"].clone();
    assert_eq!(
        export,
        json!({
            "user": me,
            "memberships": [joined],
            "sessions": sessions,
            "exported_at": "2026-01-01T00:00:00.000Z",
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for secret in ["argon2", "password", "eve@example.com", &ada.refresh_token] {
        assert!(!answer.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn neither_a_reset_nor_a_resend_tells_of_or_mails_an_account_that_is_locked_out() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.set(&ada.user, "status", "disabled").await;
    app.mails();
    for path in ["/auth/password/forgot", "/auth/email/resend"] {
        let ask = async |email: &str| {
            let answer = app.call(Method::POST, path).json(&json!({ "email": email })).send().await;
            (answer.status.as_u16(), answer.text)
        };
        assert_eq!(ask("ada@example.com").await, ask("nobody@example.com").await, "{path}");
        assert_eq!(app.deliver_mails().await.len(), 0, "{path}");
        app.advance(60);
    }
}
