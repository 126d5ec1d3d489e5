//! Requests to make an organisation, an invitation or a domain that come twice.

use it::{Account, Answer, App, Request};
use serde_json::{Value, json};
use shared::audit::{Action, Actor, Entry};
use shared::http::{BodyDigest, IdempotencyKey};
use shared::idempotency::{Claim, Created, Creation};
use shared::invitation::Invitation;
use shared::scope::Role;

use crate::routes::{at_once, items};

/// What can be made more than once: where, with which body, with which other one.
fn creations(ada: &Account) -> [(String, Value, Value); 3] {
    let below = |name: &str| format!("/api/organizations/{}/{name}", ada.org);
    let named = |field: &str, value: &str| json!({ field: value });
    [
        ("/api/organizations".to_owned(), named("name", "Engines"), named("name", "Looms")),
        (below("invitations"), named("email", "bob@example.com"), named("email", "eve@example.com")),
        (below("domains"), named("domain", "acme.example"), named("domain", "acme.test")),
    ]
}

fn once(app: &App, ada: &Account, path: &str, body: &Value) -> Request {
    app.post(path, &ada.token, body).header("idempotency-key", "k")
}

#[tokio::test]
async fn a_repeated_creation_gets_the_same_answer_and_makes_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for (path, body, other) in creations(&ada) {
        app.mails();
        let first = once(&app, &ada, &path, &body).send().await.expect(201);
        let (before, mails) = (app.dump().await, app.mails().len());
        assert_eq!(mails, usize::from(path.ends_with("invitations")), "{path}");
        for _ in 0..2 {
            assert_eq!(once(&app, &ada, &path, &body).send().await.expect(201), first, "{path}");
        }
        assert_eq!(once(&app, &ada, &path, &other).send().await.problem(422), "idempotency_key_reused");
        assert_eq!((app.dump().await, app.mails().len()), (before, 0), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_equal_creations_at_once_one_makes_something() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    // What is made, and next to it the request's record and the one in the audit log; an organisation
    // comes with a membership from both sides and the head of its log.
    for ((path, body, _), expected) in creations(&ada).into_iter().zip([6, 3, 3]) {
        app.mails();
        let before = items(&app).await;
        let answers = at_once((0..20).map(|_| once(&app, &ada, &path, &body))).await;
        let first = answers.iter().find(|answer| answer.status == 201).map(Answer::json).unwrap();
        for answer in answers {
            match answer.status.as_u16() {
                201 => assert_eq!(answer.json(), first, "{path}"),
                // While the one that makes an invitation asks for its mail; or counted as a second mail.
                429 => assert_eq!(answer.problem(429), "rate_limited", "{path}"),
                _ => assert_eq!(answer.problem(409), "idempotency_in_progress", "{path}"),
            }
        }
        assert_eq!(items(&app).await, before + expected, "{path}");
        assert_eq!(app.mails().len(), usize::from(path.ends_with("invitations")), "{path}");
    }
}

#[tokio::test]
async fn a_key_stands_for_one_route_and_one_organisation() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    for account in [&ada, &eve] {
        for (path, body, _) in creations(account) {
            // Domains and addresses are each account's own here.
            once(&app, account, &path, &body).send().await.expect(201);
            app.advance(60);
        }
    }
}

#[tokio::test]
async fn what_was_taken_away_meanwhile_is_not_made_again() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let [_, _, (path, body, _)] = creations(&ada);
    once(&app, &ada, &path, &body).send().await.expect(201);
    let domain = format!("{path}/acme.example");
    app.call(http::Method::DELETE, &domain).bearer(&ada.token).send().await.expect(204);
    assert_eq!(once(&app, &ada, &path, &body).send().await.problem(409), "conflict");
    // Named once more, without that key, it is another one, and the key still stands for the first.
    app.post(&path, &ada.token, &body).send().await.expect(201);
    assert_eq!(once(&app, &ada, &path, &body).send().await.problem(409), "conflict");
}

#[tokio::test]
async fn an_invitation_whose_mail_could_not_be_asked_for_is_repeated_at_once_and_mailed_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let [_, (path, body, _), _] = creations(&ada);
    app.mail_is_down_for(10);
    let refused = once(&app, &ada, &path, &body).send().await;
    assert_eq!(refused.problem(503), "unavailable");
    app.mail_is_down_for(0);
    app.mails();
    let made = once(&app, &ada, &path, &body).send().await.expect(201);
    assert_eq!(once(&app, &ada, &path, &body).send().await.expect(201), made);
    assert_eq!(app.mails().len(), 1);
    let all = app.get(&path, &ada.token).send().await.expect(200);
    assert_eq!(all["data"], json!([made]));
}

#[tokio::test]
async fn an_invitation_whose_function_died_is_mailed_by_the_repetition_after_its_time() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let [_, (path, ..), _] = creations(&ada);
    // As a function leaves it that dies after its first write.
    let text = r#"{"email":"bob@example.com"}"#;
    let json: &serde_json::value::RawValue = serde_json::from_str(text).unwrap();
    let (org, now, table) = (ada.org.parse().unwrap(), app.core.clock.now(), &app.core.table);
    let (key, body) = (IdempotencyKey::parse("k").unwrap(), BodyDigest::of(json));
    let claim = Claim::new(org, &key, "POST /api/organizations/{id}/invitations", body);
    let id = shared::id::InvitationId::new(now, &app.core.entropy).unwrap();
    let inviter = ada.user.parse().unwrap();
    let email = "bob@example.com".parse().unwrap();
    let invitation = Invitation::new(id, (org, inviter), email, Role::Member, now);
    let creation = Creation {
        org,
        made: id.to_string(),
        entry: Entry::new(Action::InvitationCreated, Actor::User(inviter), now).on(id),
        claim: Some(&claim),
        now,
        running_until: Some(now.plus(std::time::Duration::from_secs(15))),
    };
    let made = table.create_once(&creation, || table.transaction().put_invitation(&invitation)).await;
    assert!(matches!(made, Ok(Created::Now)));

    let again = || app.post(&path, &ada.token, &json!({ "email": "bob@example.com" }));
    let again = || again().header("idempotency-key", "k").send();
    let waiting = again().await;
    assert_eq!(waiting.problem(409), "idempotency_in_progress");
    assert_eq!(waiting.header("retry-after"), Some("16"));
    assert_eq!(app.mails().len(), 0);
    app.advance(15);
    for _ in 0..2 {
        assert_eq!(again().await.expect(201)["id"], id.to_string());
    }
    assert_eq!(app.mails().len(), 1);
}
