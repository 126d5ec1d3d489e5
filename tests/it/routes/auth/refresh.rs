//! `POST /auth/refresh`.

use http::Method;
use it::{Account, App};
use serde_json::json;
use shared::id::{SessionId, UserId};
use shared::token::RefreshToken;

use super::{Tokens, assert_ended, assert_goes_on, log_in, me, refresh, refreshed};
use crate::routes::{anonymous, assert_problem, at_once, text};

const DAY: u64 = 24 * 3600;

/// Ada, and the tokens of her registration.
async fn ada(app: &App) -> (Account, Tokens) {
    let ada = app.register("ada@example.com").await;
    let tokens = Tokens { access: ada.token.clone(), refresh: ada.refresh_token.clone() };
    (ada, tokens)
}

#[tokio::test]
async fn a_refresh_token_gets_the_next_pair() {
    let app = App::start().await;
    let (ada, first) = ada(&app).await;
    app.advance(900);
    let answer = refresh(&app, &first.refresh).send().await;
    let body = answer.expect(200);
    assert_eq!(
        body,
        json!({
            "user": { "id": ada.user, "email": "ada@example.com", "email_verified": false, "name": null, "created_at": "2026-01-01T00:00:00.000Z" },
            "organization": { "id": ada.org, "name": "Acme", "role": "owner" },
            "access_token": body["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": body["refresh_token"],
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let second = Tokens::of(&body);
    assert_ne!(second.refresh, first.refresh);
    assert_ne!(second.access, first.access);
    me(&app, &first.access).await.problem(401);
    assert_goes_on(&app, &second).await;
}

#[tokio::test]
async fn it_takes_one_conditional_write_and_one_read_of_who_it_is_for() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    app.table_calls();
    refreshed(&app, &first.refresh).await;
    assert_eq!(app.table_calls(), ["UpdateItem", "BatchGetItem"]);
    // The verdict on a token that came again needs no read of its own.
    refreshed(&app, &first.refresh).await;
    assert_eq!(app.table_calls(), ["UpdateItem", "BatchGetItem"]);
}

#[tokio::test]
async fn a_client_whose_answer_was_lost_gets_the_same_token_within_ten_seconds() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let second = refreshed(&app, &first.refresh).await;
    for _ in 0..2 {
        app.advance(5);
        let again = refreshed(&app, &first.refresh).await;
        assert_eq!(again.refresh, second.refresh);
        me(&app, &again.access).await.expect(200);
    }
    let third = refreshed(&app, &second.refresh).await;
    assert_ne!(third.refresh, second.refresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_tabs_that_refresh_at_the_same_time_none_is_logged_out() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let answers = at_once((0..20).map(|_| refresh(&app, &first.refresh))).await;
    let pairs: Vec<_> = answers.iter().map(|answer| Tokens::of(&answer.expect(200))).collect();
    assert_eq!(pairs.len(), 20);
    for pair in &pairs {
        assert_eq!(pair.refresh, pairs[0].refresh);
        me(&app, &pair.access).await.expect(200);
    }
    app.advance(600);
    let next = refreshed(&app, &pairs[0].refresh).await;
    assert_goes_on(&app, &next).await;
}

#[tokio::test]
async fn a_stolen_token_ends_its_session_and_all_that_came_of_it() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let other = log_in(&app, "ada@example.com").await;
    let second = refreshed(&app, &first.refresh).await;
    let third = refreshed(&app, &second.refresh).await;
    me(&app, &third.access).await.expect(200);
    app.advance(11);
    let answer = refresh(&app, &second.refresh).send().await;
    let detail = json!({ "detail": "the refresh token is unknown, expired, used up or revoked" });
    assert_problem(&answer, 401, "invalid_refresh_token", "The refresh token is not accepted", &detail);
    for tokens in [&first, &second, &third] {
        let answer = refresh(&app, &tokens.refresh).send().await;
        assert_eq!(answer.problem(401), "invalid_refresh_token");
    }
    app.advance(5);
    for tokens in [&first, &second, &third] {
        assert_ended(&app, tokens).await;
    }
    assert_goes_on(&app, &other).await;
}

#[tokio::test]
async fn a_token_that_is_two_behind_gets_no_grace() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let second = refreshed(&app, &first.refresh).await;
    let third = refreshed(&app, &second.refresh).await;
    assert_eq!(refresh(&app, &first.refresh).send().await.problem(401), "invalid_refresh_token");
    assert_eq!(refresh(&app, &third.refresh).send().await.problem(401), "invalid_refresh_token");
}

#[tokio::test]
async fn grace_is_counted_from_the_refresh_and_not_from_the_last_repetition() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let second = refreshed(&app, &first.refresh).await;
    app.advance(10);
    assert_eq!(refreshed(&app, &first.refresh).await.refresh, second.refresh);
    app.advance(1);
    assert_eq!(refresh(&app, &first.refresh).send().await.problem(401), "invalid_refresh_token");
    assert_eq!(refresh(&app, &second.refresh).send().await.problem(401), "invalid_refresh_token");
}

#[tokio::test]
async fn after_log_out_there_is_no_grace() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let second = refreshed(&app, &first.refresh).await;
    app.post("/auth/logout", &second.access, &json!({})).send().await.expect(204);
    for tokens in [&first, &second] {
        assert_eq!(refresh(&app, &tokens.refresh).send().await.problem(401), "invalid_refresh_token");
    }
}

#[tokio::test]
async fn what_we_did_not_issue_is_refused_alike_and_without_a_look_at_the_table() {
    let app = App::start().await;
    let (ada, first) = ada(&app).await;
    let key = app.api_key(&ada, &["events:read"]).await;
    let text = &first.refresh;
    let last = if text.ends_with('A') { 'B' } else { 'A' };
    let middle = if &text[30..31] == "A" { "B" } else { "A" };
    app.table_calls();
    let refused = refresh(&app, "").send().await;
    assert_eq!(refused.problem(401), "invalid_refresh_token");
    for wrong in [
        format!("{}{last}", &text[..text.len() - 1]),
        format!("{}{middle}{}", &text[..30], &text[31..]),
        text[..text.len() - 1].to_owned(),
        format!("{text}="),
        text.to_uppercase(),
        format!("rt_{}", "A".repeat(100_000)),
        ada.token.clone(),
        key,
    ] {
        assert_eq!(anonymous(&refresh(&app, &wrong).send().await), anonymous(&refused), "{wrong}");
    }
    assert_eq!(app.table_calls(), [""; 0]);
    assert_goes_on(&app, &first).await;
}

#[tokio::test]
async fn a_token_leads_to_no_session_but_its_own() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let eve = app.register("eve@example.com").await;
    let ring = app.core.keys.ring().await;
    let (hers, of_eve) = (
        RefreshToken::parse(&first.refresh, &ring).unwrap(),
        RefreshToken::parse(&eve.refresh_token, &ring).unwrap(),
    );
    // Even if somebody could sign them.
    let nowhere = SessionId::new(App::START, &app.core.entropy).unwrap();
    for wrong in [
        RefreshToken { user: of_eve.user, ..hers },
        RefreshToken { session: of_eve.session, ..hers },
        RefreshToken { session: nowhere, ..hers },
    ] {
        let answer = refresh(&app, &wrong.reveal(&ring)).send().await;
        assert_eq!(answer.problem(401), "invalid_refresh_token");
    }
    assert_goes_on(&app, &first).await;
    assert_goes_on(&app, &Tokens { access: eve.token, refresh: eve.refresh_token }).await;
}

#[tokio::test]
async fn a_session_ends_after_seven_days_of_silence() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    app.advance(7 * DAY - 1);
    let second = refreshed(&app, &first.refresh).await;
    app.advance(7 * DAY);
    assert_ended(&app, &second).await;
    log_in(&app, "ada@example.com").await;
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_often_it_is_refreshed() {
    let app = App::start().await;
    let (_, mut tokens) = ada(&app).await;
    for _ in 0..4 {
        app.advance(6 * DAY);
        tokens = assert_goes_on(&app, &refreshed(&app, &tokens.refresh).await).await;
    }
    app.advance(6 * DAY - 6);
    tokens = refreshed(&app, &tokens.refresh).await;
    me(&app, &tokens.access).await.expect(200);
    app.advance(6);
    assert_ended(&app, &tokens).await;
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_not_told_from_one_that_never_was() {
    let app = App::start().await;
    let (_, first) = ada(&app).await;
    let ring = app.core.keys.ring().await;
    let (user, session) = (
        UserId::new(App::START, &app.core.entropy).unwrap(),
        SessionId::new(App::START, &app.core.entropy).unwrap(),
    );
    let never = RefreshToken { user, session, counter: 0 }.reveal(&ring);
    app.advance(8 * DAY);
    let over = refresh(&app, &first.refresh).send().await;
    assert_eq!(over.problem(401), "invalid_refresh_token");
    assert_eq!(anonymous(&refresh(&app, &never).send().await), anonymous(&over));
}

#[tokio::test]
async fn the_credential_of_whoever_asks_makes_no_difference() {
    let app = App::start().await;
    let (ada, first) = ada(&app).await;
    let eve = app.register("eve@example.com").await;
    app.advance(900);
    let answer = refresh(&app, &first.refresh).bearer(&eve.token).send().await;
    assert_eq!(text(&answer.expect(200), "/user/id"), ada.user);
}

#[tokio::test]
async fn the_token_is_the_only_field() {
    let app = App::start().await;
    let field = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    let send = |body| app.call(Method::POST, "/auth/refresh").json(&body).send();
    assert_eq!(send(json!({})).await.field_problems(), [field("/refresh_token", "required")]);
    let (_, first) = ada(&app).await;
    let body = json!({ "refresh_token": first.refresh, "organization_id": "org_01kdvdna000w3ge1r70w3ge1r7" });
    assert_eq!(send(body).await.field_problems(), [field("/organization_id", "unknown_field")]);
    assert_eq!(
        send(json!({ "refresh_token": 7 })).await.field_problems(),
        [field("/refresh_token", "wrong_type")]
    );
    assert_goes_on(&app, &first).await;
}

#[tokio::test]
async fn a_table_that_does_not_answer_logs_nobody_out() {
    let app = App::without_table().await;
    let ring = app.core.keys.ring().await;
    let (user, session) = (
        UserId::new(App::START, &app.core.entropy).unwrap(),
        SessionId::new(App::START, &app.core.entropy).unwrap(),
    );
    let answer = refresh(&app, &RefreshToken { user, session, counter: 0 }.reveal(&ring)).send().await;
    assert_problem(&answer, 503, "unavailable", "Temporarily unavailable", &json!({}));
    assert_eq!(answer.header("retry-after"), Some("1"));
}
