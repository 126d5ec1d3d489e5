//! Domains, shown by a DNS server that answers in every way there is.

use it::{Account, Answer, App, Manner};
use serde_json::{Value, json};

/// A domain that waits for its record, and where it is.
async fn named(app: &App, account: &Account) -> (String, Value) {
    let path = format!("/api/organizations/{}/domains", account.org);
    let body = json!({ "domain": "acme.example" });
    let made = app.post(&path, &account.token, &body).send().await.expect(201);
    (format!("{path}/acme.example"), made)
}

async fn verify(app: &App, account: &Account, domain: &str) -> Answer {
    app.post(&format!("{domain}/verify"), &account.token, &json!({})).send().await
}

fn texts(domain: &Value) -> (&str, &str) {
    (domain["record_name"].as_str().unwrap(), domain["record_value"].as_str().unwrap())
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_udp_is_asked_for_by_tcp() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (domain, made) = named(&app, &ada).await;
    let (name, value) = texts(&made);
    for n in 0..200 {
        app.names.add_txt(name, &format!("google-site-verification={n:043}"));
    }
    app.names.add_txt(name, value);
    app.names.answer(Manner::Truncated);
    assert_eq!(verify(&app, &ada, &domain).await.expect(200)["status"], "verified");
    assert!(app.names.asked_by_tcp() > 0);
}

#[tokio::test]
async fn a_record_behind_another_name_counts() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (domain, made) = named(&app, &ada).await;
    let (name, value) = texts(&made);
    app.names.add_cname(name, "proofs.dns-host.example");
    assert_eq!(verify(&app, &ada, &domain).await.problem(409), "domain_not_proved");
    app.names.add_txt("proofs.dns-host.example", value);
    assert_eq!(verify(&app, &ada, &domain).await.expect(200)["status"], "verified");
}

#[tokio::test]
async fn a_dns_that_fails_refuses_or_is_silent_is_not_taken_for_a_no() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (domain, made) = named(&app, &ada).await;
    let (name, value) = texts(&made);
    app.names.add_txt(name, value);
    for manner in [Manner::Failing, Manner::Refusing, Manner::Silent] {
        app.names.answer(manner);
        let answer = verify(&app, &ada, &domain).await;
        assert_eq!(answer.problem(503), "unavailable", "{manner:?}");
        assert!(answer.header("retry-after").is_some(), "{manner:?}");
    }
    app.names.stop();
    assert_eq!(verify(&app, &ada, &domain).await.problem(503), "unavailable");
    let list = app.get(domain.trim_end_matches("/acme.example"), &ada.token).send().await.expect(200);
    assert_eq!(list["data"], json!([made]));
}

#[tokio::test]
async fn only_the_whole_value_at_the_right_name_shows_a_domain() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let ((domain, made), (foreign, others)) = (named(&app, &ada).await, named(&app, &eve).await);
    let ((name, value), (_, theirs)) = (texts(&made), texts(&others));
    assert_ne!(value, theirs);
    app.names.add_txt("acme.example", value);
    app.names.add_txt(&format!("www.{name}"), value);
    for near in [&value[..value.len() - 1], &format!("{value}0"), &value.to_uppercase(), theirs] {
        app.names.add_txt(name, near);
    }
    assert_eq!(verify(&app, &ada, &domain).await.problem(409), "domain_not_proved");
    app.names.add_txt(name, value);
    assert_eq!(verify(&app, &ada, &domain).await.expect(200)["status"], "verified");
    // Both records are there: whoever showed it first has it.
    assert_eq!(verify(&app, &eve, &foreign).await.problem(409), "domain_taken");
}
