//! `POST /api/api-keys/{id}/rotate`.

use it::{Answer, App};
use serde_json::json;
use shared::scope::{Role, Scope};

use super::{call, change, code, in_seconds, join, key_of, made, made_with, read, revoke, rotate};
use crate::routes::{at_once, text};

#[tokio::test]
async fn the_old_key_works_to_the_second_its_grace_ends_and_the_new_one_goes_on() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let old = made(&app, &ada, &["events:read"], None).await;
    let answer = rotate(&app, &ada.token, &old.id, &json!({ "grace_seconds": 60 })).send().await;
    let rotated = answer.expect(200);
    let new = text(&rotated, "/key");
    assert_eq!(
        rotated,
        json!({ "id": old.id, "key": new, "previous_expires_at": "2026-01-01T00:01:00.000Z" })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // The public part stays: it is the same key.
    assert_eq!(new.split('_').nth(2), old.key.split('_').nth(2));
    for seconds in [0, 59] {
        app.advance(seconds);
        for key in [new, &old.key] {
            assert_eq!(call(&app, key).await.problem(404), "not_found", "after {seconds} s");
            assert_eq!(code(&app, &ada.token, key).await, "VALID", "after {seconds} s");
        }
    }
    app.advance(1);
    assert_eq!(call(&app, &old.key).await.problem(401), "invalid_token");
    assert_eq!(code(&app, &ada.token, &old.key).await, "NOT_FOUND");
    assert_eq!(call(&app, new).await.problem(404), "not_found");
}

#[tokio::test]
async fn the_new_text_works_at_once_where_the_old_one_is_remembered() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let old = made(&app, &ada, &["events:read"], None).await;
    assert_eq!(call(&app, &old.key).await.problem(404), "not_found");
    assert_eq!(code(&app, &ada.token, &old.key).await, "VALID");
    let new = rotate(&app, &ada.token, &old.id, &json!({ "grace_seconds": 0 })).send().await.expect(200);
    let new = text(&new, "/key");
    assert_eq!(call(&app, new).await.problem(404), "not_found");
    assert_eq!(code(&app, &ada.token, new).await, "VALID");
    // What was read for the new one is what is known now.
    assert_eq!(call(&app, &old.key).await.problem(401), "invalid_token");
}

#[tokio::test]
async fn a_rotation_that_is_refused_is_on_record() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let org = ada.org.parse().unwrap();
    let owners = made(&app, &ada, &["audit:read"], None).await;
    let member = join(&app, &bob, org, Role::Member).await;
    let refused = rotate(&app, &member, &owners.id, &json!({})).send().await;
    assert_eq!(refused.problem(403), "insufficient_scope");
    let newest = app.core.table.audit_page(org, None, 1).await.unwrap().remove(0).entry;
    assert_eq!((newest.action.as_str(), newest.target), ("api_key.rotated", Some(owners.id)));
    assert_eq!(serde_json::to_value(newest.result).unwrap(), "failure");
}

#[tokio::test]
async fn without_grace_the_old_key_is_refused_within_five_seconds() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let old = made(&app, &ada, &["events:read"], None).await;
    assert_eq!(call(&app, &old.key).await.problem(404), "not_found");
    let new = rotate(&app, &ada.token, &old.id, &json!({ "grace_seconds": 0 })).send().await.expect(200);
    app.advance(5);
    assert_eq!(call(&app, &old.key).await.problem(401), "invalid_token");
    assert_eq!(call(&app, text(&new, "/key")).await.problem(404), "not_found");
}

#[tokio::test]
async fn the_grace_is_a_day_if_not_given_at_most_a_week_and_never_past_the_keys_own_end() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let until = async |expires_at, body| {
        let key = made(&app, &ada, &["events:read"], expires_at).await;
        let rotated = rotate(&app, &ada.token, &key.id, &body).send().await.expect(200);
        text(&rotated, "/previous_expires_at").to_owned()
    };
    assert_eq!(until(None, json!({})).await, "2026-01-02T00:00:00.000Z");
    assert_eq!(until(None, json!({ "grace_seconds": 604_800 })).await, "2026-01-08T00:00:00.000Z");
    assert_eq!(until(Some(in_seconds(60)), json!({})).await, "2026-01-01T00:01:00.000Z");
    let key = made(&app, &ada, &["events:read"], None).await;
    let answer = rotate(&app, &ada.token, &key.id, &json!({ "grace_seconds": 604_801 })).send().await;
    assert_eq!(answer.field_problems(), [("/grace_seconds".to_owned(), "out_of_range".to_owned())]);
}

#[tokio::test]
async fn limits_scopes_end_and_notes_stay_and_the_last_use_of_the_old_text_is_shown() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "expires_at": in_seconds(86_400),
        "allowed_cidrs": ["10.0.0.0/8", "192.0.2.7"],
        "rate_limit": { "limit": 10, "window_seconds": 60 },
        "quota": { "limit": 1000, "period": "day" },
        "metadata": { "team": "money" },
    });
    let old = made_with(&app, &ada, &body).await;
    let mut expected = read(&app, &ada.token, &old.id).await.expect(200);
    let rotated = rotate(&app, &ada.token, &old.id, &json!({ "grace_seconds": 3600 })).send().await;
    let rotated = rotated.expect(200);
    expected["previous_expires_at"] = rotated["previous_expires_at"].clone();
    assert_eq!(read(&app, &ada.token, &old.id).await.expect(200), expected);
    let from = async |key: &str| {
        let answer = app.get("/api/events/evt_01kdvdna000w3ge1r70w3ge1r7", key).from("10.1.2.3").send().await;
        answer.problem(404)
    };
    app.advance(10);
    from(&old.key).await;
    app.advance(10);
    from(text(&rotated, "/key")).await;
    expected["previous_last_used_at"] = json!("2026-01-01T00:00:10.000Z");
    expected["last_used_at"] = json!("2026-01-01T00:00:20.000Z");
    assert_eq!(read(&app, &ada.token, &old.id).await.expect(200), expected);
}

#[tokio::test]
async fn a_key_that_is_not_active_is_not_rotated() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (revoked, expired) = (
        made(&app, &ada, &["events:read"], None).await,
        made(&app, &ada, &["events:read"], Some(in_seconds(1))).await,
    );
    revoke(&app, &ada.token, &revoked.id).await.expect(204);
    app.advance(1);
    let before = app.dump().await;
    for key in [&revoked, &expired] {
        let answer = rotate(&app, &ada.token, &key.id, &json!({})).send().await;
        assert_eq!(answer.problem(409), "key_not_active");
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn what_is_anothers_does_not_exist_and_no_key_rotates_or_changes_a_key() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = made(&app, &ada, &["api_keys:read", "events:read"], None).await;
    // Its first use is on record then.
    call(&app, &key.key).await;
    let before = app.dump().await;
    assert_eq!(rotate(&app, &eve.token, &key.id, &json!({})).send().await.problem(404), "not_found");
    assert_eq!(change(&app, &eve.token, &key.id, &json!({})).await.problem(404), "not_found");
    assert_eq!(rotate(&app, &key.key, &key.id, &json!({})).send().await.problem(403), "insufficient_scope");
    assert_eq!(change(&app, &key.key, &key.id, &json!({})).await.problem(403), "insufficient_scope");
    assert_eq!(app.dump().await, before);
}

/// Its text would be a way to what the member may not do.
#[tokio::test]
async fn nobody_rotates_or_changes_a_key_that_holds_more_than_they_do() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let org = ada.org.parse().unwrap();
    let member = join(&app, &bob, org, Role::Member).await;
    let strong = key_of(&app, &ada, org, &[Scope::EventsRead, Scope::MembersWrite]).await;
    let list = app.get("/api/api-keys", &ada.token).send().await.expect(200);
    let id = text(&list, "/data/0/id");
    for answer in [
        rotate(&app, &member, id, &json!({})).send().await,
        change(&app, &member, id, &json!({ "quota": null })).await,
    ] {
        assert_eq!(answer.problem(403), "insufficient_scope");
        assert_eq!(answer.json()["detail"], "the key holds `members:write`, which you do not");
    }
    assert_eq!(call(&app, &strong).await.problem(404), "not_found");
    // Switching off is for everybody who may manage keys.
    revoke(&app, &member, id).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_rotations_at_once_every_key_that_was_shown_last_works() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    let body = json!({ "grace_seconds": 0 });
    let answers = at_once((0..10).map(|_| rotate(&app, &ada.token, &key.id, &body))).await;
    let (won, lost): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    for answer in lost {
        assert_eq!(answer.problem(409), "conflict");
    }
    // Each of those that won was made of the one before; the last is the one that stays.
    let mut valid = 0;
    for answer in &won {
        valid += usize::from(code(&app, &ada.token, text(&answer.json(), "/key")).await == "VALID");
    }
    assert_eq!((valid, code(&app, &ada.token, &key.key).await), (1, "NOT_FOUND".to_owned()));
}
