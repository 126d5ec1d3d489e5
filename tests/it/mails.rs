//! Mails: what is sent when SES is away, when a task comes twice or late, and when names are hostile.

use std::time::Duration;

use http::Method;
use it::{App, Mail, Message, PASSWORD, Request};
use serde_json::{Value, json};

const LATE: u64 = 12 * 3600;

fn forgot(app: &App, email: &str) -> Request {
    app.call(Method::POST, "/auth/password/forgot").json(&json!({ "email": email }))
}

fn reset(app: &App, token: &str, password: &str) -> Request {
    let body = json!({ "token": token, "password": password });
    app.call(Method::POST, "/auth/password/reset").json(&body)
}

fn token(mail: &Mail) -> String {
    mail.text.as_deref().unwrap().split("token=").nth(1).unwrap().lines().next().unwrap().to_owned()
}

/// A person who forgot their password, and the task of the mail.
async fn forgetful(app: &App) -> Vec<Message> {
    app.register("ada@example.com").await;
    app.mails();
    forgot(app, "ada@example.com").send().await.expect(202);
    let tasks = app.mail_tasks();
    assert_eq!(tasks.len(), 1);
    tasks
}

#[tokio::test]
async fn what_could_not_be_sent_comes_again_and_is_sent_once_ses_is_back() {
    let app = App::start().await;
    let tasks = forgetful(&app).await;
    for _ in 0..2 {
        assert_eq!(app.send_mails_without_ses(&tasks).await, [tasks[0].id.clone()]);
    }
    assert_eq!(app.sent_mails().len(), 0);
    assert_eq!(app.send_mails(&tasks).await, [""; 0]);
    let mails = app.sent_mails();
    assert_eq!(mails.len(), 1);
    reset(&app, &token(&mails[0]), "another good long password").send().await.expect(204);
}

#[tokio::test]
async fn one_that_cannot_be_sent_holds_none_of_its_batch_up() {
    let app = App::start().await;
    let mut tasks = forgetful(&app).await;
    for body in ["", "{}", "not JSON", r#"{"version":9,"at":"2026-01-01T00:00:00.000Z","mail":{}}"#] {
        let mut damaged = tasks[0].clone();
        (damaged.id, damaged.body) = (format!("damaged {body}"), body.to_owned());
        tasks.insert(0, damaged);
    }
    let mut failed = app.send_mails(&tasks).await;
    failed.sort_unstable();
    let mut expected: Vec<_> = tasks[..4].iter().map(|task| task.id.clone()).collect();
    expected.sort_unstable();
    assert_eq!(failed, expected);
    assert_eq!(app.sent_mails().len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_twelve_hours_late_is_not_sent() {
    let app = App::start().await;
    let tasks = forgetful(&app).await;
    app.advance(LATE + 1);
    assert_eq!(app.send_mails(&tasks).await, [""; 0]);
    assert_eq!(app.sent_mails().len(), 0);
}

#[tokio::test]
async fn a_task_that_comes_twice_sends_one_link_which_is_used_once() {
    let app = App::start().await;
    let tasks = forgetful(&app).await;
    for _ in 0..2 {
        assert_eq!(app.send_mails(&tasks).await, [""; 0]);
    }
    let tokens: Vec<_> = app.sent_mails().iter().map(token).collect();
    assert_eq!((tokens.len(), &tokens[0]), (2, &tokens[1]));
    reset(&app, &tokens[0], "another good long password").send().await.expect(204);
    let again = reset(&app, &tokens[1], "a third good long password").send().await;
    assert_eq!(again.problem(400), "invalid_link");
}

#[tokio::test]
async fn a_task_that_comes_again_does_not_bring_a_used_link_back() {
    let app = App::start().await;
    let tasks = forgetful(&app).await;
    app.send_mails(&tasks).await;
    let link = token(&app.sent_mails()[0]);
    reset(&app, &link, "another good long password").send().await.expect(204);
    for wait in [0, 1801, LATE - 1802] {
        app.advance(wait);
        assert_eq!(app.send_mails(&tasks).await, [""; 0]);
        assert_eq!(app.sent_mails().len(), 1, "after {wait} s");
        let again = reset(&app, &link, "a third good long password").send().await;
        assert_eq!(again.problem(400), "invalid_link", "after {wait} s");
    }
}

#[tokio::test]
async fn a_task_of_a_verification_that_comes_again_does_not_bring_its_link_back() {
    let app = App::verifying().await;
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "organization": { "name": "Ada's" },
    });
    app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
    let tasks = app.mail_tasks();
    app.send_mails(&tasks).await;
    let link = token(&app.sent_mails()[0]);
    let verify = || app.call(Method::POST, "/auth/email/verify").json(&json!({ "token": link })).send();
    verify().await.expect(200);
    app.send_mails(&tasks).await;
    assert_eq!(app.sent_mails().len(), 1);
    assert_eq!(verify().await.problem(400), "invalid_link");
}

#[tokio::test]
async fn no_token_is_in_the_queue_or_the_table() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    forgot(&app, "ada@example.com").send().await.expect(202);
    let path = format!("/api/organizations/{}/invitations", ada.org);
    app.post(&path, &ada.token, &json!({ "email": "bob@example.com" })).send().await.expect(201);
    let body = json!({ "email": "countess@example.com", "password": PASSWORD });
    app.post("/auth/email/change", &ada.token, &body).send().await.expect(202);
    let tasks = app.mail_tasks();
    app.send_mails(&tasks).await;
    let tokens: Vec<_> = app.sent_mails().iter().map(token).collect();
    assert_eq!(tokens.len(), 3);
    let queue: String = tasks.iter().map(|task| task.body.as_str()).collect();
    for (place, text) in [("queue", queue), ("table", app.dump().await)] {
        for token in &tokens {
            // The end is what nobody can compute who does not have SECRET_KEY.
            let end = &token[token.len() - 16..];
            assert!(!text.contains(end), "{end} is in the {place}");
        }
    }
}

#[tokio::test]
async fn the_names_of_people_and_organisations_are_words_and_nothing_else() {
    let app = App::start().await;
    let hostile = r#"<img src="https://evil.example/x.png"> Win at https://evil.example"#;
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "name": hostile,
        "organization": { "name": hostile },
    });
    let made = app.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
    app.mails();
    let (org, token) = (made["organization"]["id"].as_str().unwrap(), made["access_token"].as_str().unwrap());
    let path = format!("/api/organizations/{org}/invitations");
    app.post(&path, token, &json!({ "email": "bob@example.com" })).send().await.expect(201);
    let mail = app.deliver_mails().await.remove(0);
    assert_eq!(mail.subject, "You are invited");
    assert_eq!((mail.to, mail.headers, mail.reply_to), (vec!["bob@example.com".to_owned()], vec![], vec![]));
    let (text, html) = (mail.text.unwrap(), mail.html.unwrap());
    for form in [&text, &html] {
        assert!(!form.contains("//evil.example") && !form.contains("evil.example/"), "{form}");
    }
    assert!(!html.contains("<img") && html.contains("&lt;img"), "{html}");
    assert_eq!(html.matches("href=").count(), 1, "{html}");
}

#[tokio::test]
async fn a_name_cannot_begin_a_line_of_its_own() {
    let app = App::start().await;
    for name in ["Ada\r\nBcc: everybody@example.com", "Ada\u{0}", "Ada\u{85}x", "Ada\u{2028}x"] {
        let body = json!({
            "email": "ada@example.com", "password": PASSWORD, "organization": { "name": name },
        });
        let answer = app.call(Method::POST, "/auth/register").json(&body).send().await;
        let fields = answer.field_problems();
        assert_eq!(fields[0].0, "/organization/name", "{name:?}");
    }
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_or_whose_inviter_left_is_not_sent() {
    for end in ["revoked", "suspended"] {
        let app = App::start().await;
        let ada = app.register("ada@example.com").await;
        app.mails();
        let path = format!("/api/organizations/{}/invitations", ada.org);
        let body = json!({ "email": "bob@example.com" });
        let made: Value = app.post(&path, &ada.token, &body).send().await.expect(201);
        let tasks = app.mail_tasks();
        if end == "revoked" {
            let one = format!("{path}/{}", made["id"].as_str().unwrap());
            app.call(Method::DELETE, &one).bearer(&ada.token).send().await.expect(204);
        } else {
            app.suspend(&ada.org).await;
        }
        assert_eq!(app.send_mails(&tasks).await, [""; 0]);
        assert_eq!(app.sent_mails().len(), 0, "{end}");
    }
}

#[tokio::test]
async fn what_there_is_no_time_for_is_given_back() {
    let app = App::start().await;
    let tasks = forgetful(&app).await;
    assert_eq!(app.send_mails_within(&tasks, Duration::ZERO).await, [tasks[0].id.clone()]);
    assert_eq!(app.sent_mails().len(), 0);
}
