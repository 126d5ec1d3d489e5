//! `DELETE /api/api-keys/{id}`, and that a key that is not accepted is refused everywhere, alike.

use http::Method;
use it::App;
use serde_json::json;
use shared::scope::{Role, Scope};
use shared::token::Environment;

use super::{
    bad_checksum, call, in_seconds, join, key_of, made, other_secret, read, revoke, unknown_key, verify,
};
use crate::routes::{anonymous, assert_problem, at_once};

#[tokio::test]
async fn a_revoked_key_is_refused_after_five_seconds_also_by_a_function_that_knows_it() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (key, other) =
        (made(&app, &ada, &["events:read"], None).await, made(&app, &ada, &["events:read"], None).await);
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
    let answer = revoke(&app, &ada.token, &key.id).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    app.advance(5);
    assert_eq!(call(&app, &key.key).await.problem(401), "invalid_token");
    assert_eq!(call(&app, &other.key).await.problem(404), "not_found");
}

#[tokio::test]
async fn a_function_that_has_not_seen_the_key_refuses_it_at_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    revoke(&app, &ada.token, &key.id).await.expect(204);
    assert_eq!(call(&app, &key.key).await.problem(401), "invalid_token");
}

#[tokio::test]
async fn a_revoked_key_stays_readable_and_is_gone_for_a_second_revocation() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let mut expected = read(&app, &ada.token, &key.id).await.expect(200);
    app.advance(3);
    revoke(&app, &ada.token, &key.id).await.expect(204);
    expected["status"] = json!("revoked");
    expected["revoked_at"] = json!("2026-01-01T00:00:03.000Z");
    assert_eq!(read(&app, &ada.token, &key.id).await.expect(200), expected);
    app.advance(3);
    let again = revoke(&app, &ada.token, &key.id).await;
    assert_problem(&again, 404, "not_found", "There is no such thing", &json!({}));
    assert_eq!(read(&app, &ada.token, &key.id).await.expect(200), expected);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_anothers_are_one_answer_and_nothing_changes() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = made(&app, &ada, &["events:read"], None).await;
    let before = app.dump().await;
    let foreign = revoke(&app, &eve.token, &key.id).await;
    let made_up = revoke(&app, &eve.token, "key_01kdvdna000w3ge1r70w3ge1r7").await;
    assert_eq!(foreign.problem(404), "not_found");
    assert_eq!(anonymous(&made_up), anonymous(&foreign));
    assert_eq!(app.dump().await, before);
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
}

#[tokio::test]
async fn no_key_revokes_a_key_not_even_itself() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["api_keys:read", "events:read"], None).await;
    assert_eq!(revoke(&app, &key.key, &key.id).await.problem(403), "insufficient_scope");
    app.advance(5);
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
}

#[tokio::test]
async fn it_takes_two_reads_and_a_write() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    app.table_calls();
    revoke(&app, &ada.token, &key.id).await.expect(204);
    assert_eq!(app.table_calls(), ["Query", "GetItem", "TransactWriteItems"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_revoke_a_key_at_the_same_time_one_does() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let path = format!("/api/api-keys/{}", key.id);
    let answers = at_once((0..10).map(|_| app.call(Method::DELETE, &path).bearer(&ada.token))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404, 404, 404, 404, 404, 404]);
}

#[tokio::test]
async fn an_expired_key_can_be_revoked() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], Some(in_seconds(60))).await;
    app.advance(61);
    revoke(&app, &ada.token, &key.id).await.expect(204);
    assert_eq!(read(&app, &ada.token, &key.id).await.expect(200)["status"], "revoked");
}

#[tokio::test]
async fn a_known_key_expires_to_the_second() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], Some(in_seconds(60))).await;
    app.advance(59);
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
    app.advance(1);
    assert_eq!(call(&app, &key.key).await.problem(401), "invalid_token");
}

#[tokio::test]
async fn whatever_the_reason_a_key_that_is_not_accepted_gets_one_answer() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let good = made(&app, &ada, &["events:read"], None).await;
    let expired = made(&app, &ada, &["events:read"], Some(in_seconds(60))).await;
    let revoked = made(&app, &ada, &["events:read"], None).await;
    revoke(&app, &ada.token, &revoked.id).await.expect(204);
    app.advance(60);
    let answer = call(&app, &unknown_key(&app)).await;
    let detail = json!({ "detail": "the access token or API key is unknown, expired or revoked" });
    assert_problem(&answer, 401, "invalid_token", "The credential is not accepted", &detail);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    for key in [
        expired.key.clone(),
        revoked.key.clone(),
        bad_checksum(&good.key),
        other_secret(&app, &good, Environment::Live),
        other_secret(&app, &good, Environment::Test),
        "aif_".to_owned(),
        "aif_live_".to_owned(),
        good.key.replace("aif_live_", "aif_test_"),
    ] {
        assert_eq!(anonymous(&call(&app, &key).await), anonymous(&answer), "{key}");
    }
    assert_eq!(call(&app, &good.key).await.problem(404), "not_found");
}

#[tokio::test]
async fn a_key_costs_two_reads_when_it_is_new_and_none_when_it_is_known_or_misspelt() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["api_keys:read"], None).await;
    let calls = async |key: &str| {
        app.table_calls();
        // A cursor that is not one: the caller is known before it is read.
        let status = app.get("/api/api-keys?cursor=x", key).send().await.status.as_u16();
        (status, app.table_calls().join(" "))
    };
    // The last one writes down that the key was used, once in five minutes.
    assert_eq!(calls(&key.key).await, (400, "GetItem BatchGetItem UpdateItem".to_owned()));
    assert_eq!(calls(&key.key).await, (400, String::new()));
    assert_eq!(calls(&bad_checksum(&key.key)).await, (401, String::new()));
    assert_eq!(calls(&unknown_key(&app)).await, (401, "GetItem".to_owned()));
    app.advance(5);
    assert_eq!(calls(&key.key).await, (400, "GetItem BatchGetItem".to_owned()));
}

#[tokio::test]
async fn a_key_cannot_do_what_its_maker_can_no_longer_do() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let org = ada.org.parse().unwrap();
    join(&app, &bob, org, Role::Viewer).await;
    let key = key_of(&app, &bob, org, &[Scope::EventsRead, Scope::EventsWrite]).await;
    assert_eq!(call(&app, &key).await.problem(404), "not_found");
    let answer = app.post("/api/events", &key, &json!({ "type": "a.b", "data": {} })).send().await;
    let detail = json!({ "detail": "this needs the scope `events:write`" });
    assert_problem(&answer, 403, "insufficient_scope", "A scope is missing", &detail);
}

#[tokio::test]
async fn a_key_whose_maker_is_gone_is_refused() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = key_of(&app, &eve, ada.org.parse().unwrap(), &[Scope::EventsRead]).await;
    assert_eq!(call(&app, &key).await.problem(401), "invalid_token");
    let verdict = verify(&app, &ada.token, &key).send().await.expect(200);
    assert_eq!((&verdict["valid"], &verdict["code"]), (&json!(false), &json!("DISABLED")));
    assert_eq!(verdict["scopes"], json!([]));
}
