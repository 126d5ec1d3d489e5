//! The migrator takes what is encrypted from one key of SECRET_KEY to the next: all of it, however often it dies.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use http::Method;
use it::{Account, App, Harm, MadeWebhook, Plan, Receiver};
use serde_json::{Value, json};
use shared::scope::{Modules, Role};
use shared::secret::{KEPT, KeyRing, SecretKey};
use shared::token::{AccessClaims, RefreshToken};
use standardwebhooks::Webhook;

fn reseal() -> Value {
    json!({ "migration": "reseal", "segments": 1 })
}

/// Somebody with so many webhooks to one receiver, each with a header of its own.
async fn with_webhooks(app: &App, many: usize) -> (Account, Receiver, Vec<MadeWebhook>) {
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let mut made = Vec::new();
    for number in 0..many {
        let body = json!({ "url": receiver.url(), "headers": { "x-number": number.to_string() } });
        let webhook = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
        let text = |name: &str| webhook[name].as_str().unwrap().to_owned();
        made.push(MadeWebhook { id: text("id"), secret: text("secret") });
    }
    (ada, receiver, made)
}

/// An event reaches every webhook, signed by its secret, with its header.
async fn all_are_delivered(app: &App, ada: &Account, receiver: &Receiver, webhooks: &[MadeWebhook]) {
    let ada = app.sign_in(ada, "ada@example.com").await;
    let before = receiver.calls().len();
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    let calls = receiver.calls().split_off(before);
    assert_eq!(calls.len(), webhooks.len());
    // The local receiver cannot tell the webhooks apart, but by their header.
    for call in calls {
        let number: usize = call.header("x-number").unwrap().parse().unwrap();
        // The public library makes the signature that has to be there: its verification reads the machine's clock.
        let (id, seconds) = (call.header("webhook-id").unwrap(), app.hands.now().seconds());
        let expected = Webhook::new(&webhooks[number].secret).unwrap().sign(id, seconds, &call.body).unwrap();
        let signatures = call.header("webhook-signature").unwrap();
        assert!(signatures.split(' ').any(|signature| signature == expected), "webhook {number}");
    }
}

/// How many values of the table are encrypted under a key.
async fn sealed_under(app: &App, kid: &str) -> usize {
    app.dump().await.matches(&format!("\"v1.{kid}.")).count()
}

type Invocation<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + 'a>>;

/// Lets an invocation go on until it has made so many calls of a kind to the table; what it is then.
async fn until<'a>(
    app: &App,
    mut invocation: Invocation<'a>,
    (operation, calls): (&str, usize),
) -> Invocation<'a> {
    let mut made = 0;
    app.table_calls();
    while made < calls {
        assert!((&mut invocation).now_or_never().is_none(), "it ended before");
        tokio::task::yield_now().await;
        made += app.table_calls().iter().filter(|call| *call == operation).count();
    }
    invocation
}

#[tokio::test]
async fn everything_is_encrypted_anew_and_works_and_nobody_sees_a_change() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 3).await;
    let path = format!("/api/webhooks/{}", webhooks[0].id);
    let rotate = json!({ "overlap_seconds": 60 });
    let rotated = app.post(&format!("{path}/rotate-secret"), &ada.token, &rotate).send().await.expect(200);
    app.post("/auth/mfa/totp", &ada.token, &json!({ "password": it::PASSWORD })).send().await.expect(200);
    let mut webhooks = webhooks;
    webhooks[0].secret = rotated["secret"].as_str().unwrap().to_owned();
    // Secrets and keys of three webhooks and of a rotation, three headers, one second factor.
    assert_eq!(sealed_under(&app, "k1").await, 8 + 3 + 1);
    let kid = app.rotate_and_settle().await;
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let before = app.get(&path, &ada.token).send().await;

    let answer = app.migrate(reseal()).await.unwrap();
    let expected = json!({
        "migration": "reseal", "dry_run": false, "done": true, "segments": 1, "pass": 2,
        "scanned": answer["scanned"], "changed": 12, "failed": 0, "unreadable": 0,
        "found": {}, "unused_keys": ["k1"],
    });
    assert_eq!(answer, expected);
    assert_eq!([sealed_under(&app, "k1").await, sealed_under(&app, &kid).await], [0, 12]);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
    let after = app.get(&path, &ada.token).send().await;
    assert_eq!((after.text.as_str(), after.header("etag")), (before.text.as_str(), before.header("etag")));
    let patch = app.call(Method::PATCH, &path).bearer(&ada.token).json(&json!({ "timeout_seconds": 9 }));
    patch.header("if-match", before.header("etag").unwrap()).send().await.expect(200);
}

#[tokio::test]
async fn a_run_that_is_killed_three_times_comes_to_its_end_and_loses_nothing() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 60).await;
    app.rotate_and_settle().await;
    for (killed, writes) in [7, 20, 11].into_iter().enumerate() {
        let run = until(&app, Box::pin(app.migrate(reseal())), ("UpdateItem", writes)).await;
        drop(run);
        let left = sealed_under(&app, "k1").await;
        assert!(0 < left && left < 60 * 3, "{killed}: {left}");
        let refused = app.migrate(reseal()).await.unwrap_err();
        assert!(refused.starts_with("another invocation works on this migration, until "), "{refused}");
        app.advance(60);
    }
    let answer = app.migrate(reseal()).await.unwrap();
    assert_eq!((&answer["done"], &answer["unused_keys"]), (&json!(true), &json!(["k1"])));
    assert_eq!(sealed_under(&app, "k1").await, 0);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}

#[tokio::test]
async fn of_two_at_once_one_is_refused() {
    let app = App::start().await;
    with_webhooks(&app, 5).await;
    app.rotate_and_settle().await;
    let (one, other) = join(app.migrate(reseal()), app.migrate(reseal())).await;
    let (done, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(done.unwrap()["done"], true);
    assert!(refused.unwrap_err().starts_with("another invocation works on this migration"));
}

#[tokio::test]
async fn a_run_that_lost_its_lease_stops() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 10).await;
    app.rotate_and_settle().await;
    let frozen = until(&app, Box::pin(app.migrate(reseal())), ("UpdateItem", 4)).await;
    app.advance(61);
    assert_eq!(app.migrate(reseal()).await.unwrap()["done"], true);
    assert_eq!(frozen.await, Err("the run is in other hands by now".to_owned()));
    assert_eq!(sealed_under(&app, "k1").await, 0);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}

#[tokio::test]
async fn what_a_person_changes_in_the_middle_of_it_wins() {
    let app = App::start().await;
    let (ada, receiver, mut webhooks) = with_webhooks(&app, 4).await;
    app.rotate_and_settle().await;
    let ada = app.sign_in(&ada, "ada@example.com").await;
    // It has read all, and writes the first.
    let run = until(&app, Box::pin(app.migrate(reseal())), ("UpdateItem", 1)).await;
    for webhook in &mut webhooks {
        let path = format!("/api/webhooks/{}/rotate-secret", webhook.id);
        let answer = app.post(&path, &ada.token, &json!({ "overlap_seconds": 0 })).send().await.expect(200);
        webhook.secret = answer["secret"].as_str().unwrap().to_owned();
    }
    assert_eq!(run.await.unwrap()["unused_keys"], json!(["k1"]));
    assert_eq!(sealed_under(&app, "k1").await, 0);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}

#[tokio::test]
async fn a_change_that_was_begun_before_an_item_was_encrypted_anew_does_not_undo_it() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 1).await;
    let (org, id) = (ada.org.parse().unwrap(), webhooks[0].id.parse().unwrap());
    let mut read = app.core.table.webhook(org, id).await.unwrap().unwrap();
    let kid = app.rotate_and_settle().await;
    app.migrate(reseal()).await.unwrap();
    read.version += 1;
    let written = app.core.table.transaction().update_webhook(&read).unwrap().commit().await.unwrap();
    assert!(written.is_err(), "it would bring the old key back");
    assert_eq!([sealed_under(&app, "k1").await, sealed_under(&app, &kid).await], [0, 3]);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}

#[tokio::test]
async fn a_dry_run_says_what_there_is_and_changes_nothing() {
    let app = App::start().await;
    with_webhooks(&app, 2).await;
    app.rotate_and_settle().await;
    let without_runs = |dump: String| -> Vec<String> {
        dump.lines().filter(|line| !line.contains("reseal")).map(str::to_owned).collect()
    };
    let before = without_runs(app.dump().await);
    let answer = app.migrate(json!({ "migration": "reseal", "dry_run": true })).await.unwrap();
    let expected = json!({
        "migration": "reseal", "dry_run": true, "done": true, "segments": 4, "pass": 1,
        "scanned": answer["scanned"], "changed": 6, "failed": 0, "unreadable": 0,
        "found": { "k1": 6 }, "unused_keys": [],
    });
    assert_eq!(answer, expected);
    let after = without_runs(app.dump().await);
    // The counts of its segments are the only items that are new.
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(new.iter().all(|line| line.contains("segment#")), "{new:?}");
    assert_eq!(after.len(), before.len() + new.len());
}

#[tokio::test]
async fn an_invocation_that_has_no_time_left_says_so_and_the_next_goes_on_at_once() {
    let app = App::start().await;
    with_webhooks(&app, 2).await;
    app.rotate_and_settle().await;
    let answer = app.migrate_within(reseal(), Duration::from_secs(30)).await.unwrap();
    assert_eq!((&answer["done"], &answer["changed"]), (&json!(false), &json!(0)));
    let answer = app.migrate(json!({ "migration": "reseal", "segments": 9 })).await.unwrap();
    assert_eq!((&answer["done"], &answer["segments"]), (&json!(true), &json!(1)), "the run keeps its own");
}

#[tokio::test]
async fn its_schedule_begins_a_run_only_when_a_key_has_settled_of_which_nothing_is_known() {
    let app = App::start().await;
    with_webhooks(&app, 1).await;
    let scheduled = || app.migrate(json!({ "migration": "reseal", "if_needed": true }));
    let not_needed = Ok(json!({ "migration": "reseal", "needed": false, "done": true }));
    assert_eq!(scheduled().await, not_needed);
    app.rotate().await;
    app.hands
        .advance((shared::secret::LEAD + shared::secret::SETTLED).saturating_sub(Duration::from_secs(1)));
    assert_eq!(scheduled().await, not_needed);
    app.advance(1);
    assert_eq!(scheduled().await.unwrap()["unused_keys"], json!(["k1"]));
    assert_eq!(scheduled().await, not_needed);
}

/// The names of the keys, the newest first.
async fn kids(app: &App) -> Vec<String> {
    app.ring().await.all().iter().map(|key| SecretKey::kid(key).to_owned()).collect()
}

/// What an access token gets that is made now with a ring of old.
async fn status_with(app: &App, of: &Account, ring: &KeyRing) -> u16 {
    let (ada, now) = (app.sign_in(of, "ada@example.com").await, app.hands.now());
    let session = RefreshToken::parse(&ada.refresh_token, &*app.ring().await).unwrap().session;
    let member = Some((ada.org.parse().unwrap(), Role::Owner, Modules::of_a_new_organization()));
    let who = (ada.user.parse().unwrap(), session);
    let claims = AccessClaims::new(&app.core.issuer, who, member, now, "j".to_owned());
    app.get("/auth/me", &claims.sign(ring).unwrap()).send().await.status.as_u16()
}

#[tokio::test]
async fn a_key_goes_when_nothing_is_sealed_under_it_and_takes_with_it_what_it_signed() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 2).await;
    let first = app.ring().await;
    let second = app.rotate_and_settle().await;
    app.hands.advance(KEPT);
    let third = app.rotate_and_settle().await;
    assert_eq!(kids(&app).await, [third.as_str(), second.as_str(), "k1"], "nobody has looked yet");

    let answer = app.migrate(reseal()).await.unwrap();
    assert_eq!(answer["unused_keys"], json!([second, "k1"]));
    app.hands.advance(KEPT.saturating_sub(Duration::from_secs(1)));
    let fourth = app.rotate().await;
    assert_eq!(kids(&app).await, [&fourth, &third, &second, "k1"], "too soon after it");
    assert_eq!(status_with(&app, &ada, &first).await, 200);
    app.advance(1);
    let fifth = app.rotate_and_settle().await;
    assert_eq!(kids(&app).await, [fifth, fourth, third]);
    assert_eq!(status_with(&app, &ada, &first).await, 401);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}

#[tokio::test]
async fn a_key_that_something_is_sealed_under_which_cannot_be_read_is_kept() {
    let app = App::start().await;
    let (ada, _receiver, webhooks) = with_webhooks(&app, 2).await;
    app.damage(&ada.org, &webhooks[0].id, "url").await;
    let second = app.rotate_and_settle().await;
    let answer = app.migrate(reseal()).await.unwrap();
    let told = ["done", "changed", "unreadable", "unused_keys"].map(|name| answer[name].clone());
    assert_eq!(told, [json!(true), json!(3), json!(1), json!([])]);
    let scheduled = || app.migrate(json!({ "migration": "reseal", "if_needed": true }));
    let not_needed = Ok(json!({ "migration": "reseal", "needed": false, "done": true }));
    assert_eq!(scheduled().await, not_needed, "nothing else would be found");
    app.advance(24 * 3600);
    assert_eq!(scheduled().await.unwrap()["unreadable"], json!(1), "once a day it may have been mended");
    app.hands.advance(KEPT * 2);
    let third = app.rotate().await;
    assert_eq!(kids(&app).await, [third.as_str(), &second, "k1"]);
}

#[tokio::test]
async fn what_comes_back_from_an_earlier_state_of_the_table_keeps_its_key_after_all() {
    let app = App::start().await;
    let (ada, _receiver, webhooks) = with_webhooks(&app, 1).await;
    let (org, id) = (ada.org.parse().unwrap(), webhooks[0].id.parse().unwrap());
    let earlier = app.core.table.webhook(org, id).await.unwrap().unwrap();
    app.rotate_and_settle().await;
    app.migrate(reseal()).await.unwrap();
    app.core.table.forget_webhook(org, id).await.unwrap();
    app.core.table.transaction().put_webhook(&earlier).unwrap().commit().await.unwrap().unwrap();
    assert_eq!(app.core.table.unused_keys().await.unwrap().len(), 1);
    app.advance(60);
    let answer = app.migrate(reseal()).await.unwrap();
    assert_eq!((&answer["changed"], &answer["unused_keys"]), (&json!(3), &json!(["k1"])));
    let since = app.core.table.unused_keys().await.unwrap()["k1"];
    assert_eq!(since, app.hands.now(), "its time begins anew");
}

#[tokio::test]
async fn while_calls_fail_before_and_after_they_take_effect_nothing_is_lost() {
    let app = App::start().await;
    let (ada, receiver, webhooks) = with_webhooks(&app, 20).await;
    app.rotate_and_settle().await;
    let mut failed = 0;
    for seed in 1..=30 {
        app.faults.begin(Plan::ByChance { seed, per_mille: 80, harm: Harm::Fails });
        let answer = app.migrate(reseal()).await;
        app.faults.pause();
        failed += app.faults.made();
        // Whoever died without giving it out of hand keeps it for a minute.
        app.advance(61);
        if answer.is_ok_and(|answer| answer["done"] == true) {
            break;
        }
    }
    assert!(failed > 0);
    let answer = app.migrate(reseal()).await.unwrap();
    assert_eq!(answer["done"], true);
    assert_eq!(sealed_under(&app, "k1").await, 0);
    all_are_delivered(&app, &ada, &receiver, &webhooks).await;
}
