//! `POST /auth/logout`.

use http::Method;
use it::{App, Request};
use serde_json::json;

use super::{Tokens, assert_ended, assert_goes_on, log_in, me, refresh};

fn log_out(app: &App, tokens: &Tokens, scope: &str) -> Request {
    app.post("/auth/logout", &tokens.access, &json!({ "scope": scope }))
}

/// A person with three sessions, and somebody else.
async fn people(app: &App) -> (Tokens, Tokens, Tokens, Tokens) {
    app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let mut sessions = Vec::new();
    for email in ["ada@example.com", "ada@example.com", "ada@example.com", "eve@example.com"] {
        let tokens = log_in(app, email).await;
        // The functions know the session: they have to forget it.
        me(app, &tokens.access).await.expect(200);
        sessions.push(tokens);
    }
    let (eve, third, second, first) =
        (sessions.pop().unwrap(), sessions.pop().unwrap(), sessions.pop().unwrap(), sessions.pop().unwrap());
    (first, second, third, eve)
}

#[tokio::test]
async fn local_ends_the_session_that_asks_and_no_other() {
    let app = App::start().await;
    let (first, second, third, eve) = people(&app).await;
    let answer = log_out(&app, &first, "local").send().await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    app.advance(5);
    assert_ended(&app, &first).await;
    for tokens in [&second, &third, &eve] {
        assert_goes_on(&app, tokens).await;
    }
}

#[tokio::test]
async fn others_ends_all_of_the_persons_but_the_one_that_asks() {
    let app = App::start().await;
    let (first, second, third, eve) = people(&app).await;
    log_out(&app, &second, "others").send().await.expect(204);
    app.advance(5);
    for tokens in [&first, &third] {
        assert_ended(&app, tokens).await;
    }
    for tokens in [&second, &eve] {
        assert_goes_on(&app, tokens).await;
    }
}

#[tokio::test]
async fn global_ends_all_of_the_persons() {
    let app = App::start().await;
    let (first, second, third, eve) = people(&app).await;
    log_out(&app, &third, "global").send().await.expect(204);
    app.advance(5);
    for tokens in [&first, &second, &third] {
        assert_ended(&app, tokens).await;
    }
    assert_goes_on(&app, &eve).await;
}

#[tokio::test]
async fn without_a_scope_it_is_the_session_that_asks() {
    let app = App::start().await;
    let (first, second, third, _) = people(&app).await;
    app.call(Method::POST, "/auth/logout").bearer(&first.access).send().await.expect(204);
    app.post("/auth/logout", &second.access, &json!({ "scope": null })).send().await.expect(204);
    app.advance(5);
    assert_ended(&app, &first).await;
    assert_ended(&app, &second).await;
    assert_goes_on(&app, &third).await;
}

#[tokio::test]
async fn the_refresh_token_is_worth_nothing_at_once_and_the_access_token_after_five_seconds() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let tokens = log_in(&app, "ada@example.com").await;
    log_out(&app, &tokens, "local").send().await.expect(204);
    assert_eq!(refresh(&app, &tokens.refresh).send().await.problem(401), "invalid_refresh_token");
    app.advance(5);
    assert_eq!(me(&app, &tokens.access).await.problem(401), "invalid_token");
    assert_eq!(app.get("/api/api-keys", &tokens.access).send().await.problem(401), "invalid_token");
}

#[tokio::test]
async fn a_function_that_has_not_seen_the_session_refuses_it_at_once() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (asking, other) = (log_in(&app, "ada@example.com").await, log_in(&app, "ada@example.com").await);
    log_out(&app, &asking, "others").send().await.expect(204);
    assert_eq!(me(&app, &other.access).await.problem(401), "invalid_token");
}

#[tokio::test]
async fn logging_out_twice_does_no_harm() {
    let app = App::start().await;
    let (first, second, ..) = people(&app).await;
    log_out(&app, &first, "local").send().await.expect(204);
    log_out(&app, &first, "local").send().await.expect(204);
    app.advance(5);
    assert_eq!(log_out(&app, &first, "global").send().await.problem(401), "invalid_token");
    assert_goes_on(&app, &second).await;
}

#[tokio::test]
async fn after_logging_out_everywhere_a_person_can_log_in_again() {
    let app = App::start().await;
    let (first, ..) = people(&app).await;
    log_out(&app, &first, "global").send().await.expect(204);
    let again = log_in(&app, "ada@example.com").await;
    assert_goes_on(&app, &again).await;
}

#[tokio::test]
async fn what_is_no_scope_ends_nothing() {
    let app = App::start().await;
    let (first, ..) = people(&app).await;
    for (body, pointer, code) in [
        (json!({ "scope": "everywhere" }), "/scope", "unknown_value"),
        (json!({ "scope": ["local"] }), "/scope", "wrong_type"),
        (json!({ "session_id": "ses_01kdvdna000w3ge1r70w3ge1r7" }), "/session_id", "unknown_field"),
    ] {
        let answer = app.post("/auth/logout", &first.access, &body).send().await;
        assert_eq!(answer.field_problems(), [(pointer.to_owned(), code.to_owned())]);
    }
    app.advance(5);
    assert_goes_on(&app, &first).await;
}

#[tokio::test]
async fn a_key_ends_no_session() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let key = app.api_key(&ada, &["members:write"]).await;
    let answer = app.post("/auth/logout", &key, &json!({ "scope": "global" })).send().await;
    assert_eq!(answer.problem(403), "session_required");
    app.advance(5);
    assert_goes_on(&app, &Tokens { access: ada.token, refresh: ada.refresh_token }).await;
}

#[tokio::test]
async fn one_session_costs_a_record_and_a_write_and_all_of_them_a_query_more() {
    let app = App::start().await;
    let (first, second, ..) = people(&app).await;
    app.table_calls();
    log_out(&app, &first, "local").send().await.expect(204);
    assert_eq!(app.table_calls(), ["DeleteItem", "GetItem", "TransactWriteItems"]);
    // The person's next epoch with its record; then the session of the registration, this one and the third.
    log_out(&app, &second, "global").send().await.expect(204);
    assert_eq!(
        app.table_calls(),
        ["Query", "GetItem", "GetItem", "TransactWriteItems", "DeleteItem", "DeleteItem", "DeleteItem"]
    );
}
