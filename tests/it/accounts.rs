//! People and organisations, walked through as a person does: with the mails that they get.

use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use data_encoding::BASE32_NOPAD;
use http::Method;
use it::{Account, Answer, App, Mail, PASSWORD, Request};
use serde_json::{Value, json};
use tokio::task::JoinSet;

fn post(app: &App, path: &str, body: &Value) -> Request {
    app.call(Method::POST, path).json(body)
}

fn login(app: &App, email: &str, password: &str) -> Request {
    post(app, "/auth/login", &json!({ "email": email, "password": password }))
}

async fn at_once(calls: Vec<Request>) -> Vec<u16> {
    let calls: JoinSet<Answer> = calls.into_iter().map(Request::send).collect();
    let mut statuses: Vec<_> = calls.join_all().await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

/// The token of the link in a mail, which both of its forms have.
fn token(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap();
    let link = text.lines().find(|line| line.starts_with("https://app.example.com/link#")).unwrap();
    assert!(mail.html.as_deref().unwrap().contains(&link.replace('&', "&amp;")), "{link}");
    link.split("token=").nth(1).unwrap().to_owned()
}

async fn the_mail(app: &App) -> Mail {
    let mut mails = app.deliver_mails().await;
    assert_eq!(mails.len(), 1, "one mail");
    mails.remove(0)
}

fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } })
}

/// What a caller could tell one answer from another by.
fn shape(answer: &Answer) -> (u16, Option<String>, String) {
    (answer.status.as_u16(), answer.header("content-type").map(str::to_owned), answer.text.clone())
}

#[tokio::test]
async fn whoever_registers_has_an_account_once_they_use_their_link() {
    let app = App::verifying().await;
    let answer = post(&app, "/auth/register", &registration("ada@example.com")).send().await;
    assert_eq!(answer.expect(202), json!({ "status": "verification_sent" }));
    assert_eq!(login(&app, "ada@example.com", PASSWORD).send().await.problem(401), "invalid_credentials");

    let mail = the_mail(&app).await;
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str()),
        (["ada@example.com".to_owned()].as_slice(), "Confirm your e-mail address")
    );
    let token = token(&mail);
    assert!(!app.dump().await.contains(&token), "the token is stored nowhere");
    // Mail scanners open links: that uses nothing up.
    app.call(Method::GET, "/auth/link").send().await;
    let verify = || post(&app, "/auth/email/verify", &json!({ "token": token }));
    assert_eq!(
        verify().send().await.expect(200),
        json!({ "status": "verified", "email": "ada@example.com" })
    );
    assert_eq!(verify().send().await.problem(400), "invalid_link");
    let signed_in = login(&app, "ada@example.com", PASSWORD).send().await.expect(200);
    assert_eq!(signed_in["user"]["email_verified"], true);
    assert_eq!(signed_in["organization"]["role"], "owner");
}

#[tokio::test]
async fn registering_tells_nobody_whether_an_address_has_an_account() {
    let app = App::verifying().await;
    let mut answers = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..2 {
        app.table_calls();
        let answer = post(&app, "/auth/register", &registration("ada@example.com")).send().await;
        answers.push(shape(&answer));
        calls.push(app.table_calls());
        let mail = the_mail(&app).await;
        if answers.len() == 1 {
            post(&app, "/auth/email/verify", &json!({ "token": token(&mail) })).send().await.expect(200);
            app.advance(60);
        } else {
            assert_eq!(mail.subject, "You already have an account");
        }
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_link_posted_twenty_times_at_once_makes_one_account() {
    let app = App::verifying().await;
    post(&app, "/auth/register", &registration("ada@example.com")).send().await.expect(202);
    let body = json!({ "token": token(&the_mail(&app).await) });
    let statuses = at_once((0..20).map(|_| post(&app, "/auth/email/verify", &body)).collect()).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 400, 409].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_posted_twenty_times_at_once_is_used_once_and_ends_every_session() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    post(&app, "/auth/password/forgot", &json!({ "email": "ada@example.com" })).send().await.expect(202);
    let body = json!({ "token": token(&the_mail(&app).await), "password": "purple monkey dishwasher" });
    let statuses = at_once((0..20).map(|_| post(&app, "/auth/password/reset", &body)).collect()).await;
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 400].contains(status)), "{statuses:?}");
    app.advance(5);
    assert_eq!(app.get("/auth/me", &ada.token).send().await.problem(401), "invalid_token");
    let refresh = json!({ "refresh_token": ada.refresh_token });
    assert_eq!(post(&app, "/auth/refresh", &refresh).send().await.problem(401), "invalid_refresh_token");
    assert_eq!(login(&app, "ada@example.com", PASSWORD).send().await.problem(401), "invalid_credentials");
    login(&app, "ada@example.com", "purple monkey dishwasher").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_twenty_register_by_at_once_makes_one_account() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    let path = format!("/api/organizations/{}/invitations", ada.org);
    app.post(&path, &ada.token, &json!({ "email": "bob@example.com" })).send().await.expect(201);
    let token = token(&the_mail(&app).await);
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "invitation_token": token });
    let statuses = at_once((0..20).map(|_| post(&app, "/auth/register", &body)).collect()).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 404, 409].contains(status)), "{statuses:?}");
    let members = app.get(&format!("/api/organizations/{}/members", ada.org), &ada.token).send().await;
    assert_eq!(members.expect(200)["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_another_address_posted_twenty_times_at_once_is_used_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.mails();
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    app.post("/auth/email/change", &ada.token, &body).send().await.expect(202);
    let body = json!({ "token": token(&the_mail(&app).await) });
    let statuses = at_once((0..20).map(|_| post(&app, "/auth/email/change/confirm", &body)).collect()).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 400, 409].contains(status)), "{statuses:?}");
    login(&app, "ada@example.org", PASSWORD).send().await.expect(200);
}

#[tokio::test]
async fn one_address_registers_five_times_and_asks_for_five_mails_a_minute_whatever_its_headers_say() {
    let app = App::verifying().await;
    let from = |path: &str, body: &Value, n: u32| {
        let call = post(&app, path, body).from("192.0.2.1");
        call.header("x-forwarded-for", &format!("198.51.100.{n}"))
    };
    for n in 0..5 {
        let body = registration(&format!("guest-{n}@example.com"));
        from("/auth/register", &body, n).send().await.expect(202);
    }
    let sixth = from("/auth/register", &registration("guest-5@example.com"), 5).send().await;
    assert_eq!(sixth.problem(429), "rate_limited");
    app.advance(60);
    for n in 0..5 {
        let body = json!({ "email": format!("somebody-{n}@example.com") });
        from("/auth/password/forgot", &body, n).send().await.expect(202);
    }
    let sixth = from("/auth/password/forgot", &json!({ "email": "somebody-5@example.com" }), 5).send().await;
    assert_eq!(sixth.problem(429), "rate_limited");
}

#[tokio::test]
async fn a_lock_that_ended_early_ends_on_other_instances_within_five_seconds() {
    use shared::limit::{Attempt, Guard};
    let app = App::start().await;
    app.register("ada@example.com").await;
    let email: shared::user::Email = "ada@example.com".parse().unwrap();
    // Another instance has seen the hammering, and remembers it.
    let other = app.another_limiter();
    let attempt = async || {
        let now = app.core.clock.now();
        other.attempt(Guard::FACTORS, &email.digest(), now).await.unwrap()
    };
    for _ in 0..10 {
        assert!(matches!(attempt().await, Attempt::Allowed(_)));
    }
    assert!(matches!(attempt().await, Attempt::Locked { wait_seconds: 900, .. }));
    app.core.limiter.forgive(Guard::FACTORS, &email.digest()).await.unwrap();
    app.advance(4);
    assert!(matches!(attempt().await, Attempt::Locked { wait_seconds: 896, .. }), "it is remembered");
    app.advance(1);
    assert!(matches!(attempt().await, Attempt::Allowed(_)));
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_whether_or_not_there_is_an_account() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.mails();
    let forgot = |email: &str| post(&app, "/auth/password/forgot", &json!({ "email": email }));
    let (known, unknown) = (forgot("ada@example.com").send().await, forgot("eve@example.com").send().await);
    assert_eq!(shape(&known), shape(&unknown));
    assert_eq!(app.deliver_mails().await.len(), 1);
    for email in ["ada@example.com", "eve@example.com"] {
        let again = forgot(email).send().await;
        assert_eq!(again.problem(429), "rate_limited");
        assert_eq!(again.header("retry-after"), Some("60"));
        assert_eq!(again.header("ratelimit-policy"), Some("\"mails-to-account\";q=1;w=60"));
        assert_eq!(again.header("ratelimit"), Some("\"mails-to-account\";r=0;t=60"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_wrong_passwords_at_once_five_are_tried_and_the_right_one_waits_its_time() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        let wrong = |_| login(&app, email, "not the password").header("x-forwarded-for", "203.0.113.9");
        let statuses = at_once((0..50).map(wrong).collect()).await;
        assert_eq!(statuses, [vec![401; 5], vec![429; 45]].concat(), "{email}");
    }
    let right = || login(&app, "ada@example.com", PASSWORD).send();
    assert_eq!(right().await.problem(429), "rate_limited");
    app.get("/auth/me", &ada.token).send().await.expect(200);
    app.hands.advance(Duration::from_millis(999));
    right().await.problem(429);
    app.hands.advance(Duration::from_millis(1));
    right().await.expect(200);
}

#[tokio::test]
async fn one_address_logs_in_twenty_times_a_minute_whatever_its_headers_say() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    for n in 0..20 {
        let from = format!("2001:db8:1:2::{n:x}");
        login(&app, "ada@example.com", PASSWORD).from(&from).send().await.expect(200);
    }
    app.limit_calls();
    for n in 0..3 {
        let call = login(&app, "ada@example.com", PASSWORD).from("2001:db8:1:2::ffff");
        let answer = call.header("x-forwarded-for", &format!("198.51.100.{n}")).send().await;
        assert_eq!(answer.problem(429), "rate_limited");
    }
    // Each is a call of its class. The first is refused by the table, the others by what this process knows.
    assert_eq!(app.limit_calls(), ["UpdateItem"; 4]);
    login(&app, "ada@example.com", PASSWORD).from("2001:db8:1:3::1").send().await.expect(200);
}

/// A code of an authenticator (RFC 6238).
fn code(secret: &str, app: &App) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
    let tag = sign(&key, &(app.hands.now().seconds() / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let bits = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", bits % 1_000_000)
}

/// Somebody switches their second factor on: its secret and the recovery codes.
async fn with_factor(app: &App, ada: &Account) -> (String, Vec<String>) {
    let begun = app.post("/auth/mfa/totp", &ada.token, &json!({ "password": PASSWORD })).send().await;
    let secret = begun.expect(200)["secret"].as_str().unwrap().to_owned();
    let body = json!({ "code": code(&secret, app) });
    let on = app.post("/auth/mfa/totp/confirm", &ada.token, &body).send().await.expect(200);
    let codes: Vec<String> = serde_json::from_value(on["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (secret, codes)
}

async fn challenge(app: &App, email: &str) -> String {
    let answer = login(app, email, PASSWORD).send().await;
    assert_eq!(answer.problem(401), "mfa_required");
    answer.json()["challenge"].as_str().unwrap().to_owned()
}

fn answer(app: &App, challenge: &str, code: &str) -> Request {
    post(app, "/auth/mfa/challenge", &json!({ "challenge": challenge, "code": code }))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_second_factor_a_code_signs_in_once_of_twenty_at_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (secret, recovery) = with_factor(&app, &ada).await;
    let dump = app.dump().await;
    assert!(!dump.contains(&secret) && !recovery.iter().any(|code| dump.contains(code)));

    app.advance(30);
    let mut challenges = Vec::new();
    for _ in 0..4 {
        challenges.push(challenge(&app, "ada@example.com").await);
    }
    let right = code(&secret, &app);
    for what in [right.as_str(), recovery[0].as_str()] {
        let calls = challenges.iter().map(|challenge| answer(&app, challenge, what)).collect();
        let statuses = at_once(calls).await;
        assert_eq!(statuses, [200, 401, 401, 401], "{what}");
    }
    assert_eq!(answer(&app, "nonsense", &right).send().await.problem(401), "invalid_code");
    app.advance(600);
    let late = answer(&app, &challenges[0], &recovery[1]).send().await;
    assert_eq!(late.problem(401), "invalid_code");
}

#[tokio::test]
async fn ten_wrong_codes_in_a_row_lock_the_second_factor_for_a_quarter_of_an_hour() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (secret, recovery) = with_factor(&app, &ada).await;
    for _ in 0..2 {
        let challenge = challenge(&app, "ada@example.com").await;
        for _ in 0..5 {
            assert_eq!(answer(&app, &challenge, "000000").send().await.problem(401), "invalid_code");
        }
        assert_eq!(answer(&app, &challenge, "000000").send().await.problem(429), "rate_limited");
    }
    let locked = challenge(&app, "ada@example.com").await;
    assert_eq!(answer(&app, &locked, &recovery[0]).send().await.problem(429), "rate_limited");
    app.advance(900);
    let open = challenge(&app, "ada@example.com").await;
    answer(&app, &open, &code(&secret, &app)).send().await.expect(200);
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_those_before() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (_, before) = with_factor(&app, &ada).await;
    let body = json!({ "password": PASSWORD, "code": before[0] });
    let made = app.post("/auth/mfa/recovery-codes", &ada.token, &body).send().await.expect(200);
    let after: Vec<String> = serde_json::from_value(made["recovery_codes"].clone()).unwrap();
    assert_eq!((after.len(), after.iter().any(|code| before.contains(code))), (10, false));
    let challenge = challenge(&app, "ada@example.com").await;
    for old in &before[..2] {
        assert_eq!(answer(&app, &challenge, old).send().await.problem(401), "invalid_code");
    }
    answer(&app, &challenge, &after[0]).send().await.expect(200);
}

#[tokio::test]
async fn a_reset_does_not_go_around_the_second_factor() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    with_factor(&app, &ada).await;
    app.mails();
    post(&app, "/auth/password/forgot", &json!({ "email": "ada@example.com" })).send().await.expect(202);
    let body = json!({ "token": token(&the_mail(&app).await), "password": "purple monkey dishwasher" });
    post(&app, "/auth/password/reset", &body).send().await.expect(204);
    let answer = login(&app, "ada@example.com", "purple monkey dishwasher").send().await;
    assert_eq!(answer.problem(401), "mfa_required");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_every_link_and_this_one_goes_on() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let other = app.sign_in(&ada, "ada@example.com").await;
    app.mails();
    post(&app, "/auth/password/forgot", &json!({ "email": "ada@example.com" })).send().await.expect(202);
    let link = token(&the_mail(&app).await);
    let wrong = json!({ "current_password": "not the password", "new_password": "purple monkey dishwasher" });
    let refused = app.post("/auth/password", &ada.token, &wrong).send().await;
    assert_eq!(refused.field_problems(), [("/current_password".to_owned(), "wrong_password".to_owned())]);
    let body = json!({ "current_password": PASSWORD, "new_password": "purple monkey dishwasher" });
    let next = app.post("/auth/password", &ada.token, &body).send().await.expect(200);
    app.advance(5);
    assert_eq!(app.get("/auth/me", &other.token).send().await.problem(401), "invalid_token");
    let reset = json!({ "token": link, "password": "another long passphrase" });
    assert_eq!(post(&app, "/auth/password/reset", &reset).send().await.problem(400), "invalid_link");
    app.get("/auth/me", next["access_token"].as_str().unwrap()).send().await.expect(200);
    // The token before is not graced after that, but stolen.
    let refresh = |token: &str| post(&app, "/auth/refresh", &json!({ "refresh_token": token }));
    refresh(&ada.refresh_token).send().await.problem(401);
    refresh(next["refresh_token"].as_str().unwrap()).send().await.problem(401);
}
