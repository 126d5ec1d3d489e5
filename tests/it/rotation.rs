//! SECRET_KEY is rotated: by the four steps of Secrets Manager, however often and in whatever order it asks.

use futures_util::future::join_all;
use http::Method;
use it::{Account, App, STEPS};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::http::Cursors;
use shared::id::{OrgId, SessionId, UserId, WebhookId};
use shared::invitation::Invitation;
use shared::link::{LinkPurpose, LinkToken};
use shared::scope::{Modules, Role};
use shared::secret::{KEPT, KeyRing, SecretKey};
use shared::session::Session;
use shared::token::{ACCESS_TOKEN_SECONDS, AccessClaims, RefreshToken, kid_of};

/// The names of the keys, the newest first.
async fn kids(app: &App) -> Vec<String> {
    app.ring().await.all().iter().map(|key| SecretKey::kid(key).to_owned()).collect()
}

async fn status(app: &App, token: &str) -> u16 {
    app.get("/auth/me", token).send().await.status.as_u16()
}

async fn value(app: &App, version: &str) -> Option<String> {
    let call = app.secrets().get_secret_value().secret_id(app.secret_id()).version_id(version);
    call.send().await.ok()?.secret_string
}

#[tokio::test]
async fn a_new_key_is_known_to_all_before_it_makes_anything() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    assert_eq!(kid_of(&ada.token).as_deref(), Some("k1"));
    let kid = app.rotate().await;
    assert_eq!(kids(&app).await, [kid.as_str(), "k1"]);

    for (seconds, expected) in [(0, "k1"), (300, "k1"), (299, "k1"), (1, kid.as_str())] {
        app.advance(seconds);
        let session = app.sign_in(&ada, "ada@example.com").await;
        assert_eq!(kid_of(&session.token).as_deref(), Some(expected), "{seconds}");
        assert_eq!([status(&app, &session.token).await, status(&app, &ada.token).await], [200, 200]);
    }
    let refreshed = json!({ "refresh_token": ada.refresh_token });
    let refreshed = app.call(Method::POST, "/auth/refresh").json(&refreshed).send().await.expect(200);
    assert_eq!(kid_of(refreshed["access_token"].as_str().unwrap()), Some(kid));
}

#[tokio::test]
async fn each_step_does_again_what_it_did_or_nothing() {
    let app = App::start().await;
    let token = app.begin_rotation().await;
    app.step("createSecret", &token).await.unwrap();
    let made = value(&app, &token).await.unwrap();
    for step in ["createSecret", "createSecret", "setSecret", "setSecret", "testSecret", "createSecret"] {
        app.step(step, &token).await.unwrap();
        assert_eq!(value(&app, &token).await.as_ref(), Some(&made), "{step}");
        assert_eq!(kids(&app).await, ["k1"], "{step}");
    }
    for step in ["finishSecret", "finishSecret", "createSecret", "setSecret", "testSecret", "finishSecret"] {
        app.step(step, &token).await.unwrap();
        assert_eq!(kids(&app).await, [token.as_str(), "k1"], "{step}");
    }
    let previous = app.secrets().get_secret_value().secret_id(app.secret_id());
    let previous = previous.version_stage("AWSPREVIOUS").send().await.unwrap();
    assert!(previous.secret_string.unwrap().contains(r#""kid":"k1""#));
}

#[tokio::test]
async fn a_step_out_of_order_or_of_another_rotation_is_refused_by_name() {
    let app = App::start().await;
    let described = app.secrets().describe_secret().secret_id(app.secret_id()).send().await.unwrap();
    let first = described.version_ids_to_stages.unwrap().into_keys().next().unwrap();
    let token = app.begin_rotation().await;
    for step in ["setSecret", "testSecret", "finishSecret"] {
        let no_value = format!("the version `{token}` has no value: createSecret comes first");
        assert_eq!(app.step(step, &token).await, Err(no_value), "{step}");
    }
    let nobody = "00000000-0000-0000-0000-000000000000";
    for step in STEPS {
        assert_eq!(app.step(step, nobody).await, Err(format!("`{nobody}` is no version of SECRET_KEY")));
    }
    app.step("createSecret", &token).await.unwrap();
    app.step("finishSecret", &token).await.unwrap();
    for step in STEPS {
        assert_eq!(app.step(step, &first).await, Err(format!("the version `{first}` is not AWSPENDING")));
    }
    let foreign = json!({ "Step": "createSecret", "SecretId": "another", "ClientRequestToken": token });
    let refused = "`another` is not the secret that SECRET_KEY_ARN names".to_owned();
    assert_eq!(app.rotator_called_with(foreign).await, Err(refused));
    for odd in [
        json!({}),
        json!({ "Step": "dropSecret", "SecretId": app.secret_id(), "ClientRequestToken": token }),
        json!({ "Step": "createSecret", "SecretId": app.secret_id() }),
    ] {
        let refused = app.rotator_called_with(odd).await.unwrap_err();
        assert!(refused.starts_with("the event cannot be read: "), "{refused}");
    }
    app.secrets().cancel_rotate_secret().secret_id(app.secret_id()).send().await.unwrap();
    let disabled = Err("rotation is not enabled for SECRET_KEY".to_owned());
    assert_eq!(app.step("createSecret", &token).await, disabled);
    assert_eq!(kids(&app).await, [token.as_str(), "k1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_step_that_is_made_eight_times_at_once_one_counts() {
    let app = App::start().await;
    let token = app.begin_rotation().await;
    for step in STEPS {
        let done = join_all((0..8).map(|_| app.step(step, &token))).await;
        assert_eq!(done, vec![Ok(()); 8], "{step}");
    }
    assert_eq!(kids(&app).await, [token.as_str(), "k1"]);
    let second = app.secrets().rotate_secret().secret_id(app.secret_id()).send().await;
    assert!(second.is_ok(), "the rotation before has come to its end");
}

#[tokio::test]
async fn a_ring_without_a_key_that_is_needed_never_becomes_the_current_one() {
    let app = App::start().await;
    let token = app.begin_rotation().await;
    let put = app.secrets().put_secret_value().secret_id(app.secret_id()).client_request_token(&token);
    let lonely = r#"{"kid":"lonely","key":"0123456789abcdefghijklmnopqrstuvwxyz"}"#;
    put.secret_string(lonely).version_stages("AWSPENDING").send().await.unwrap();
    app.step("createSecret", &token).await.unwrap();
    for step in ["testSecret", "finishSecret"] {
        let refused = app.step(step, &token).await.unwrap_err();
        assert!(refused.contains("it lacks the key `k1`, which is still needed"), "{refused}");
    }
    assert_eq!(kids(&app).await, ["k1"]);
    let again = app.secrets().rotate_secret().secret_id(app.secret_id()).send().await.unwrap_err();
    assert!(again.into_service_error().is_invalid_request_exception(), "one rotation at a time");
    let free = app.secrets().update_secret_version_stage().secret_id(app.secret_id());
    free.version_stage("AWSPENDING").remove_from_version_id(&token).send().await.unwrap();
    let kid = app.rotate().await;
    assert_eq!(kids(&app).await, [kid.as_str(), "k1"]);
}

#[tokio::test]
async fn a_rotation_that_is_finished_too_late_for_every_function_to_learn_of_it_is_refused() {
    let app = App::start().await;
    let token = app.begin_rotation().await;
    app.step("createSecret", &token).await.unwrap();
    app.advance(301);
    for step in ["testSecret", "finishSecret"] {
        let refused = app.step(step, &token).await.unwrap_err();
        assert!(refused.contains("would be active before every function knows it"), "{refused}");
    }
    assert_eq!(kids(&app).await, ["k1"]);
    let free = app.secrets().update_secret_version_stage().secret_id(app.secret_id());
    free.version_stage("AWSPENDING").remove_from_version_id(&token).send().await.unwrap();
    let kid = app.rotate().await;
    assert_eq!(kids(&app).await, [kid.as_str(), "k1"]);
}

#[tokio::test]
async fn a_copy_of_the_current_version_is_tested_and_never_becomes_the_current_one() {
    let app = App::start().await;
    let token = app.begin_rotation().await;
    let current = app.secrets().get_secret_value().secret_id(app.secret_id()).send().await.unwrap();
    let put = app.secrets().put_secret_value().secret_id(app.secret_id()).client_request_token(&token);
    let copy = put.secret_string(current.secret_string.unwrap()).version_stages("AWSPENDING");
    copy.send().await.unwrap();
    app.step("testSecret", &token).await.unwrap();
    let refused = app.step("finishSecret", &token).await.unwrap_err();
    assert!(refused.contains("`k1`, is one of the ring before"), "{refused}");
}

#[tokio::test]
async fn no_ring_is_made_while_the_table_does_not_say_what_is_needed() {
    let app = App::without_table().await;
    let token = app.begin_rotation().await;
    assert_eq!(app.step("createSecret", &token).await, Err("the table failed".to_owned()));
    assert_eq!(value(&app, &token).await, None);
}

/// SECRET_KEY with a key that is active at once, as an operator may put it; the instance of the tests knows the old
/// one only.
async fn replaced(app: &App) -> std::sync::Arc<KeyRing> {
    let old = app.secrets().get_secret_value().secret_id(app.secret_id()).send().await.unwrap();
    let old: Value = serde_json::from_str(&old.secret_string.unwrap()).unwrap();
    let key = "vutsrqponmlkjihgfedcba9876543210";
    app.put_ring(&json!({ "kid": "k2", "key": key, "previous": [{ "kid": "k1", "key": old["key"] }] })).await;
    app.advance(30);
    let ring = app.ring().await;
    assert_eq!((ring.current().kid(), app.core.keys.ring().await.current().kid()), ("k2", "k1"));
    ring
}

/// An access token of somebody's session, made now.
fn access_token(app: &App, made_with: &KeyRing, of: &Account, session: SessionId) -> String {
    let (issuer, now) = (app.core.issuer.clone(), app.hands.now());
    let member = Some((of.org.parse().unwrap(), Role::Owner, Modules::of_a_new_organization()));
    let who = (of.user.parse().unwrap(), session);
    AccessClaims::new(&issuer, who, member, now, "j".to_owned()).sign(made_with).unwrap()
}

fn session_of(refresh_token: &str, ring: &KeyRing) -> SessionId {
    RefreshToken::parse(refresh_token, ring).unwrap().session
}

#[tokio::test]
async fn ten_at_once_who_ask_for_a_key_that_an_instance_does_not_know_yet_all_get_it() {
    let app = App::start().await;
    let keeper = app.another_keeper().await;
    let kid = app.rotate().await;
    app.advance(31);
    let rings = join_all((0..10).map(|_| keeper.ring_with(&kid))).await;
    let known = rings.iter().filter(|ring| ring.named(&kid).is_some()).count();
    assert_eq!(known, 10);
}

#[tokio::test]
async fn an_access_token_of_a_key_that_an_instance_does_not_know_yet_is_taken() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let ring = replaced(&app).await;
    let session = session_of(&ada.refresh_token, &ring);
    assert_eq!(status(&app, &access_token(&app, &ring, &ada, session)).await, 200);
}

#[tokio::test]
async fn a_refresh_token_of_a_key_that_an_instance_does_not_know_yet_is_taken() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let ring = replaced(&app).await;
    let token = RefreshToken::parse(&ada.refresh_token, &ring).unwrap().reveal(&ring);
    let body = json!({ "refresh_token": token });
    app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
}

#[tokio::test]
async fn a_cursor_of_a_key_that_an_instance_does_not_know_yet_is_taken() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let ring = replaced(&app).await;
    let org: OrgId = ada.org.parse().unwrap();
    let id: WebhookId = webhook.id.parse().unwrap();
    let cursor = Cursors::of(&ring, format_args!("{org} webhooks")).seal(&id);
    let page = app.get(&format!("/api/webhooks?cursor={cursor}"), &ada.token).send().await.expect(200);
    assert_eq!(page, json!({ "data": [], "next_cursor": null }));
    let wrong = app.get("/api/webhooks?cursor=nonsense", &ada.token).send().await;
    assert_eq!(wrong.problem(400), "invalid_request");
}

#[tokio::test]
async fn a_link_of_a_key_that_an_instance_does_not_know_yet_is_taken() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.call(Method::POST, "/auth/password/forgot")
        .json(&json!({ "email": "ada@example.com" }))
        .send()
        .await
        .expect(202);
    let mail = app.deliver_mails().await.pop().unwrap().text.unwrap();
    let token = mail.split("token=").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    let ring = replaced(&app).await;
    let token = LinkToken::parse(&token, &ring).unwrap().reveal(&ring);
    let body = json!({ "token": token, "password": "another correct horse battery" });
    let answer = app.call(Method::POST, "/auth/password/reset").json(&body).send().await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test]
async fn strangers_who_name_keys_that_there_are_not_keep_nobody_out() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let other = app.another_keeper().await;
    let nonsense = r#"{"kid":"nope","key":"vutsrqponmlkjihgfedcba9876543210"}"#;
    let nonsense = KeyRing::parse(nonsense).unwrap();
    let ours = app.ring().await;
    let session = session_of(&ada.refresh_token, &ours);
    let sign = |ring: &KeyRing| access_token(&app, ring, &ada, session);
    let kid = app.rotate().await;
    let mut last = String::new();
    for _ in 0..40 {
        // Uses up the read for unknown names, a moment before somebody comes with a key that may be new.
        assert_eq!(status(&app, &sign(&nonsense)).await, 401);
        let ring = other.ring().await;
        ring.current().kid().clone_into(&mut last);
        assert_eq!(status(&app, &sign(&ring)).await, 200, "{last} at {}", app.hands.now());
        app.advance(29);
    }
    assert_eq!(last, kid);
}

#[test]
fn no_token_is_good_for_longer_than_the_key_that_made_it_is_kept() {
    let at = Timestamp::from_seconds(1);
    let links = [
        LinkPurpose::PasswordReset {
            user: UserId::new(at, &shared::entropy::Entropy::system()).unwrap(),
            email: "a@example.com".parse().unwrap(),
            epoch: 0,
        }
        .lifetime(),
        Invitation::LIFE,
        Session::IDLE,
        std::time::Duration::from_secs(ACCESS_TOKEN_SECONDS.into()),
    ];
    assert!(links.into_iter().all(|life| life < KEPT), "{links:?}");
}
