//! How fast, how much and from where a key may be used.

use http::Method;
use it::{Answer, App, Request};
use serde_json::{Value, json};

use super::{call, change, code, made, made_with, verify};
use crate::routes::{at_once, text};

fn weigh(app: &App, token: &str, key: &str, cost: u32) -> Request {
    app.post("/api/api-keys/verify", token, &json!({ "key": key, "cost": cost }))
}

fn rate(limit: u32, window_seconds: u32) -> Value {
    json!({ "rate_limit": { "limit": limit, "window_seconds": window_seconds } })
}

fn quota(limit: u32, period: &str) -> Value {
    json!({ "quota": { "limit": limit, "period": period } })
}

async fn codes(app: &App, token: &str, key: &str, calls: usize) -> Vec<String> {
    let mut codes = Vec::new();
    for _ in 0..calls {
        codes.push(code(app, token, key).await);
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_times_as_many_at_once_as_may_through_exactly_as_many_are_let_through() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &rate(20, 60)).await;
    let answers = at_once((0..60).map(|_| verify(&app, &ada.token, &key.key))).await;
    let mut codes: Vec<_> = answers.iter().map(|answer| text(&answer.json(), "/code").to_owned()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [vec!["RATE_LIMITED"; 40], vec!["VALID"; 20]].concat());
}

#[tokio::test]
async fn a_hot_limit_is_spread_over_items_that_let_through_exactly_the_limit_together() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &rate(1200, 1)).await;
    // In large pieces: 1200 in calls of 100, of which each item takes its part.
    let mut through = 0;
    for _ in 0..36 {
        let answer = weigh(&app, &ada.token, &key.key, 100).send().await.expect(200);
        through += usize::from(answer["valid"] == true);
    }
    assert_eq!(through, 12);
}

#[tokio::test]
async fn no_span_of_the_window_holds_more_than_the_limit_and_it_opens_slice_by_slice() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &rate(4, 100)).await;
    app.advance(95);
    assert_eq!(codes(&app, &ada.token, &key.key, 2).await, ["VALID"; 2]);
    app.advance(10);
    assert_eq!(codes(&app, &ada.token, &key.key, 3).await, ["VALID", "VALID", "RATE_LIMITED"]);
    let refused = verify(&app, &ada.token, &key.key).send().await.expect(200);
    // The slice of the first two, from 90 to 100, is a window old at 200.
    let state = json!({ "limit": 4, "window_seconds": 100, "remaining": 0, "reset_seconds": 95 });
    assert_eq!(refused["rate_limit"], state);
    app.advance(94);
    assert_eq!(code(&app, &ada.token, &key.key).await, "RATE_LIMITED");
    app.advance(1);
    assert_eq!(codes(&app, &ada.token, &key.key, 3).await, ["VALID", "VALID", "RATE_LIMITED"]);
}

#[tokio::test]
async fn a_call_that_is_refused_for_another_reason_takes_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut body = rate(2, 60);
    body["quota"] = json!({ "limit": 2, "period": "day" });
    body["allowed_cidrs"] = json!(["192.0.2.0/24"]);
    let key = made_with(&app, &ada, &body).await;
    let ask = async |more: Value| {
        let mut body = json!({ "key": key.key, "address": "192.0.2.7" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let verdict = app.post("/api/api-keys/verify", &ada.token, &body).send().await.expect(200);
        (text(&verdict, "/code").to_owned(), verdict["remaining"].clone())
    };
    for (more, expected) in [
        (json!({ "environment": "test" }), "FORBIDDEN"),
        (json!({ "address": "198.51.100.1" }), "FORBIDDEN"),
        (json!({ "address": null }), "FORBIDDEN"),
        (json!({ "scopes": ["events:write"] }), "INSUFFICIENT_SCOPE"),
        (json!({ "cost": 3 }), "RATE_LIMITED"),
        (json!({ "cost": 0 }), "VALID"),
    ] {
        assert_eq!(ask(more).await, (expected.to_owned(), json!(null)));
    }
    assert_eq!(ask(json!({})).await, ("VALID".to_owned(), json!(1)));
    assert_eq!(ask(json!({})).await, ("VALID".to_owned(), json!(0)));
    assert_eq!(ask(json!({})).await.0, "RATE_LIMITED");
    // The rate is free again, the quota is not.
    app.advance(66);
    assert_eq!(ask(json!({})).await, ("USAGE_EXCEEDED".to_owned(), json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_spent_once_by_however_many_at_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &quota(10, "day")).await;
    let answers = at_once((0..30).map(|_| verify(&app, &ada.token, &key.key))).await;
    let mut left: Vec<_> = answers
        .iter()
        .map(Answer::json)
        .filter(|verdict| verdict["valid"] == true)
        .map(|verdict| verdict["remaining"].as_u64().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_quota_is_there_again_with_the_next_day_or_month() {
    let app = App::start().await;
    let mut ada = app.register("ada@example.com").await;
    let (daily, monthly) =
        (made_with(&app, &ada, &quota(1, "day")).await, made_with(&app, &ada, &quota(1, "month")).await);
    let both =
        async |token: &str| [code(&app, token, &daily.key).await, code(&app, token, &monthly.key).await];
    assert_eq!(both(&ada.token).await, ["VALID", "VALID"]);
    assert_eq!(both(&ada.token).await, ["USAGE_EXCEEDED", "USAGE_EXCEEDED"]);
    app.advance(86_400);
    ada = app.sign_in(&ada, "ada@example.com").await;
    assert_eq!(both(&ada.token).await, ["VALID", "USAGE_EXCEEDED"]);
    app.advance(30 * 86_400);
    let ada = app.register("grace@example.com").await;
    // Another organisation's person sees nothing of it; its own does.
    assert_eq!(code(&app, &ada.token, &monthly.key).await, "NOT_FOUND");
}

#[tokio::test]
async fn our_own_routes_count_and_say_how_the_limit_stands() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &rate(2, 60)).await;
    let first = call(&app, &key.key).await;
    assert_eq!(first.problem(404), "not_found");
    let fields = |answer: &Answer| {
        ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.header(name).map(str::to_owned))
    };
    let policy = Some("\"api-key\";q=2;w=60".to_owned());
    assert_eq!(fields(&first), [policy.clone(), Some("\"api-key\";r=1;t=66".to_owned()), None]);
    call(&app, &key.key).await;
    let refused = call(&app, &key.key).await;
    assert_eq!(refused.problem(429), "rate_limited");
    assert_eq!(fields(&refused), [policy, Some("\"api-key\";r=0;t=66".to_owned()), Some("66".to_owned())]);
    // One counter for both: here and at verify.
    assert_eq!(code(&app, &ada.token, &key.key).await, "RATE_LIMITED");
    app.advance(66);
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
}

#[tokio::test]
async fn a_call_to_our_own_routes_that_may_not_be_made_takes_nothing() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &quota(1, "month")).await;
    for _ in 0..3 {
        let answer = app.post("/api/events", &key.key, &json!({ "type": "a.b", "data": {} })).send().await;
        assert_eq!(answer.problem(403), "insufficient_scope");
    }
    assert_eq!(call(&app, &key.key).await.problem(404), "not_found");
    let refused = call(&app, &key.key).await;
    assert_eq!(refused.problem(429), "quota_exceeded");
    let month = (31 * 86_400).to_string();
    assert_eq!(refused.header("retry-after"), Some(month.as_str()));
}

#[tokio::test]
async fn a_key_without_limits_costs_no_count() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made(&app, &ada, &["events:read"], None).await;
    app.limit_calls();
    let answer = call(&app, &key.key).await;
    assert_eq!((answer.header("ratelimit"), app.limit_calls()), (None, vec![]));
}

#[tokio::test]
async fn a_key_that_is_bound_to_networks_is_refused_elsewhere_whatever_headers_say() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &json!({ "allowed_cidrs": ["192.0.2.0/24", "2001:db8::/32"] })).await;
    let from = |address: &str| {
        let call = app.call(Method::GET, "/api/events/evt_01kdvdna000w3ge1r70w3ge1r7").bearer(&key.key);
        call.header("x-forwarded-for", "192.0.2.7").from(address).send()
    };
    for address in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8:ffff::1"] {
        assert_eq!(from(address).await.problem(404), "not_found", "{address}");
    }
    for address in ["192.0.3.0", "2001:db9::1", "198.51.100.7"] {
        assert_eq!(from(address).await.problem(403), "address_not_allowed", "{address}");
    }
}

#[tokio::test]
async fn another_limit_counts_anew() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = made_with(&app, &ada, &rate(1, 60)).await;
    assert_eq!(codes(&app, &ada.token, &key.key, 2).await, ["VALID", "RATE_LIMITED"]);
    change(&app, &ada.token, &key.id, &rate(2, 60)).await.expect(200);
    app.advance(5);
    assert_eq!(codes(&app, &ada.token, &key.key, 3).await, ["VALID", "VALID", "RATE_LIMITED"]);
}
