//! How often every route may be called: by whoever calls and from where they do, over every row of `routes()`.

use http::Method;
use it::{Answer, App, Harm, Plan, Request};
use serde_json::json;
use shared::http::{Access, RouteRow};
use shared::rate::{By, Class, Rate};

use crate::documents::functions;
use crate::routes::at_once;
use crate::security::path_of;

fn rows() -> Vec<RouteRow> {
    functions().into_iter().flat_map(|(_, rows)| rows).collect()
}

/// A call that is refused for something else, where it gets that far, and changes nothing.
fn call(app: &App, row: &RouteRow) -> Request {
    app.call(row.method.clone(), &path_of(row))
}

fn fields(answer: &Answer) -> [Option<String>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.header(name).map(str::to_owned))
}

/// What a full limit of three in a minute says.
fn full(app: &App, class: Class, by: &str) -> [Option<String>; 3] {
    let name = format!("{}-by-{by}", class.as_str());
    // The windows of what is exact begin for everybody at once; the others slide by slices of six seconds.
    let of_window = 60 - app.core.clock.now().seconds() % 60;
    let wait = if class.is_exact() { of_window } else { 66 };
    let text = |text: String| Some(text);
    [text(format!("\"{name}\";q=3;w=60")), text(format!("\"{name}\";r=0;t={wait}")), text(wait.to_string())]
}

#[test]
fn each_row_is_of_the_class_that_it_is_like() {
    let of = |class: Class| {
        let rows = rows().into_iter().filter(move |row| row.class == class);
        rows.map(|row| format!("{} {}", row.method, row.path)).collect::<Vec<_>>()
    };
    assert_eq!(of(Class::Publish), ["POST /api/events", "POST /api/events/batch"]);
    assert_eq!(of(Class::Verify), ["POST /api/api-keys/verify", "POST /oauth/introspect"]);
    for row in rows() {
        let expected = match (row.access, &row.method) {
            (Access::Public, &Method::GET) => Class::Public,
            (Access::Public, _) => Class::Auth,
            (_, &Method::GET) => Class::Read,
            (_, _) if matches!(row.class, Class::Publish | Class::Verify) => continue,
            (_, _) => Class::Write,
        };
        assert_eq!(row.class, expected, "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn every_row_that_knows_its_caller_holds_the_limit_of_its_class_for_each() {
    let app = App::with_rate_limits("*.*=off,*.principal=3/60").await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let key = app.api_key(&ada, &["events:read"]).await;
    let other = app.api_key(&eve, &["events:read"]).await;
    let protected: Vec<_> = rows().into_iter().filter(|row| row.access != Access::Public).collect();
    assert!(protected.len() > 60, "every function's");
    for row in protected {
        let what = format!("{} {}", row.method, row.path);
        app.advance(66);
        for _ in 0..3 {
            let answer = call(&app, &row).bearer(&key).send().await;
            assert_ne!(answer.status, 429, "{what}: {}", answer.text);
        }
        let refused = call(&app, &row).bearer(&key).send().await;
        assert_eq!(refused.problem(429), "rate_limited", "{what}");
        assert_eq!(fields(&refused), full(&app, row.class, "principal"), "{what}");
        // Nobody else's calls are taken by that: not another tenant's, and not from the same address.
        let neighbour = call(&app, &row).bearer(&other).send().await;
        assert_ne!(neighbour.status, 429, "{what}: {}", neighbour.text);
    }
}

#[tokio::test]
async fn every_row_holds_the_limit_of_its_class_for_each_address() {
    let app = App::with_rate_limits("*.*=off,*.address=3/60").await;
    for row in rows() {
        let what = format!("{} {}", row.method, row.path);
        app.advance(66);
        let from = |address: &str| {
            let call = call(&app, &row).from(address);
            // A caller's word on where they are is no word.
            call.header("x-forwarded-for", "198.51.100.1").header("x-viewer-address", "198.51.100.2").send()
        };
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"] {
            let answer = from(address).await;
            assert_ne!(answer.status, 429, "{what}: {}", answer.text);
        }
        let refused = from("2001:db8::3").await;
        assert_eq!(refused.problem(429), "rate_limited", "{what}");
        assert_eq!(fields(&refused), full(&app, row.class, "address"), "{what}");
        for address in ["2001:db8:0:1::1", "198.51.100.1", "198.51.100.2"] {
            let answer = from(address).await;
            assert_ne!(answer.status, 429, "{what} {address}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn an_address_at_its_limit_is_refused_before_anything_is_looked_up() {
    let app = App::with_rate_limits("read.address=2/60").await;
    let ada = app.register("ada@example.com").await;
    let read = || app.get("/auth/me", &ada.token).from("192.0.2.1").send();
    read().await.expect(200);
    read().await.expect(200);
    app.table_calls();
    app.limit_calls();
    assert_eq!(read().await.problem(429), "rate_limited");
    app.table_calls();
    let (mut calls, mut writes) = (0, 0);
    for _ in 0..5 {
        assert_eq!(read().await.problem(429), "rate_limited");
        calls += app.table_calls().len();
    }
    writes += app.limit_calls().len();
    // The first refusal is a question; the others this process knows.
    assert_eq!((calls, writes), (0, 1));
}

async fn through(calls: impl Iterator<Item = Request>) -> usize {
    let answers = at_once(calls).await;
    answers.iter().filter(|answer| answer.status != 429).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_the_limit_gets_through() {
    let app = App::with_rate_limits("auth.address=20/60,read.principal=200/60").await;
    let refresh = || {
        let call = app.call(Method::POST, "/auth/refresh").from("192.0.2.1");
        call.json(&json!({ "refresh_token": "rt_nobody" }))
    };
    assert_eq!(through((0..50).map(|_| refresh())).await, 20);
    // Of these, two pass by the process's own count, and are counted in the table with what comes after.
    let ada = app.register("ada@example.com").await;
    assert_eq!(through((0..250).map(|_| app.get("/auth/sessions", &ada.token))).await, 200);
}

#[tokio::test]
async fn most_callers_cost_no_count_and_whoever_is_in_a_hurry_few() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.limit_calls();
    let mut writes = Vec::new();
    for upto in [12, 100, 500, 1200] {
        let made: usize = writes.iter().map(|(calls, _)| *calls).sum();
        for _ in made..upto {
            app.get("/auth/sessions", &ada.token).send().await.expect(200);
        }
        writes.push((upto - made, app.limit_calls().len()));
    }
    // 1,200 reads of a person in one second. Where the rest of the limit is less than would be taken ahead, each
    // call asks for itself.
    assert_eq!(writes, [(12, 0), (88, 8), (400, 7), (700, 28)]);
    assert_eq!(app.get("/auth/sessions", &ada.token).send().await.problem(429), "rate_limited");
}

#[tokio::test]
async fn several_processes_together_let_through_the_limit_and_a_hundredth_for_each() {
    let app = App::start().await;
    let (now, entropy) = (app.core.clock.now(), &app.core.entropy);
    let (rate, mut through) = (Rate { limit: 600, seconds: 60 }, Vec::new());
    for limiter in [app.another_limiter(), app.another_limiter(), app.another_limiter()] {
        let mut passed = 0;
        for _ in 0..700 {
            let limit = (Class::Write, By::Principal, rate);
            passed += usize::from(limiter.pass(limit, "usr_x", now, entropy).await.unwrap().is_none());
        }
        through.push(passed);
    }
    assert_eq!(through, [600, 6, 6]);
}

#[tokio::test]
async fn exact_limits_are_exact_over_processes() {
    let app = App::start().await;
    let (now, entropy) = (app.core.clock.now(), &app.core.entropy);
    let (rate, mut passed) = (Rate { limit: 600, seconds: 60 }, 0);
    let limiters = [app.another_limiter(), app.another_limiter(), app.another_limiter()];
    for n in 0..700 {
        let limit = (Class::Auth, By::Address, rate);
        passed +=
            usize::from(limiters[n % 3].pass(limit, "192.0.2.1", now, entropy).await.unwrap().is_none());
    }
    assert_eq!(passed, 600);
}

#[tokio::test]
async fn no_span_of_the_window_holds_more_than_the_limit_and_what_was_taken_ahead_ends_with_its_slice() {
    let app = App::with_rate_limits("read.principal=100/60").await;
    let ada = app.register("ada@example.com").await;
    let burst = async |calls: usize| {
        let mut through = 0;
        for _ in 0..calls {
            let answer = app.get("/auth/sessions", &ada.token).send().await;
            through += usize::from(answer.status == 200);
        }
        through
    };
    app.advance(57);
    assert_eq!(burst(150).await, 100);
    // Another window of this process has begun: of its own accord it lets one through.
    app.advance(61);
    assert_eq!(burst(150).await, 1);
    app.advance(5);
    assert_eq!(burst(150).await, 99);
}

#[tokio::test]
async fn while_the_limits_do_not_answer_nobody_signs_in_and_the_others_go_on_for_a_while() {
    let app = App::with_rate_limits("read.principal=100/60,public.address=100/60").await;
    let ada = app.register("ada@example.com").await;
    app.limit_faults.begin(Plan::ByChance { seed: 1, per_mille: 2000, harm: Harm::Fails });
    let refresh = || {
        let call = app.call(Method::POST, "/auth/refresh").from("192.0.2.1");
        call.json(&json!({ "refresh_token": ada.refresh_token })).send()
    };
    let refused = refresh().await;
    assert_eq!((refused.problem(503).as_str(), refused.header("retry-after")), ("unavailable", Some("1")));
    let read = || app.get("/auth/sessions", &ada.token).send();
    let health = || app.call(Method::GET, "/health").from("192.0.2.1").send();
    // A hundredth that is never counted, and a tenth without the table.
    for _ in 0..11 {
        assert_eq!((read().await.status.as_u16(), health().await.status.as_u16()), (200, 200));
    }
    app.limit_calls();
    let refused = read().await;
    assert_eq!((refused.problem(503).as_str(), refused.header("retry-after")), ("unavailable", Some("1")));
    assert_eq!(app.limit_calls(), [""; 0], "it is left alone for a moment");
    app.limit_faults.pause();
    app.advance(2);
    read().await.expect(200);
    health().await.expect(200);
    refresh().await.expect(200);
}
