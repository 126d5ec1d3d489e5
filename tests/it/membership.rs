//! Organisations: who is invited, joins, changes and leaves.

use http::Method;
use it::{Account, Answer, App, Mail, PASSWORD, Request};
use serde_json::{Value, json};
use shared::audit::chain::verify;
use tokio::task::JoinSet;

pub(crate) fn token(mail: &Mail) -> String {
    mail.text.as_deref().unwrap().split("token=").nth(1).unwrap().lines().next().unwrap().to_owned()
}

/// Somebody is invited: the token that they get.
pub(crate) async fn invite(app: &App, owner: &Account, email: &str, role: &str) -> String {
    app.mails();
    let path = format!("/api/organizations/{}/invitations", owner.org);
    app.post(&path, &owner.token, &json!({ "email": email, "role": role })).send().await.expect(201);
    let mails = app.deliver_mails().await;
    assert_eq!(mails.len(), 1);
    token(&mails[0])
}

pub(crate) fn accept(app: &App, account: &Account, token: &str) -> Request {
    app.post("/auth/invitations/accept", &account.token, &json!({ "invitation_token": token }))
}

/// They go on in another organisation.
pub(crate) async fn switched(app: &App, account: &Account, org: &str) -> Account {
    let body = json!({ "organization_id": org });
    let answer = app.post("/auth/organization", &account.token, &body).send().await.expect(200);
    let token = answer["access_token"].as_str().unwrap().to_owned();
    Account { token, org: org.to_owned(), ..account.clone() }
}

pub(crate) async fn change(app: &App, by: &Account, user: &str, role: &str) -> Answer {
    let path = format!("/api/organizations/{}/members/{user}", by.org);
    app.call(Method::PATCH, &path).bearer(&by.token).json(&json!({ "role": role })).send().await
}

pub(crate) async fn remove(app: &App, by: &Account, user: &str) -> Answer {
    let path = format!("/api/organizations/{}/members/{user}", by.org);
    app.call(Method::DELETE, &path).bearer(&by.token).send().await
}

/// An owner and a colleague who accepted their invitation.
async fn colleagues(role: &str) -> (App, Account, Account) {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let token = invite(&app, &ada, "bob@example.com", role).await;
    accept(&app, &bob, &token).send().await.expect(200);
    let bob = switched(&app, &bob, &ada.org).await;
    (app, ada, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_acceptances_at_once_make_one_membership() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let token = invite(&app, &ada, "bob@example.com", "member").await;
    let calls: JoinSet<Answer> = (0..20).map(|_| accept(&app, &bob, &token).send()).collect();
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 404, 409].contains(&answer.status.as_u16())));
    let organization = app.get(&format!("/api/organizations/{}", ada.org), &ada.token).send().await;
    assert_eq!(organization.expect(200)["members"], 2);
}

#[tokio::test]
async fn an_invitation_is_for_its_address_only_and_stays_when_another_tries() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let bob = app.register("bob@example.com").await;
    let token = invite(&app, &ada, "bob@example.com", "member").await;
    let refused = accept(&app, &eve, &token).send().await;
    assert_eq!(refused.problem(403), "invitation_for_another");
    assert_eq!(refused.json()["detail"], "it was sent to b***@e***.com");
    accept(&app, &bob, &token).send().await.expect(200);
    // Used, unknown, and of the person themselves: one answer.
    for token in [token.as_str(), "nonsense", &ada.refresh_token] {
        assert_eq!(accept(&app, &bob, token).send().await.problem(404), "not_found");
    }
}

#[tokio::test]
async fn whoever_registers_by_an_invitation_is_a_verified_member_at_once() {
    let app = App::verifying().await;
    let ada = verified(&app, "ada@example.com").await;
    let token = invite(&app, &ada, "bob@example.com", "viewer").await;
    let mut body = json!({ "email": "eve@example.com", "password": PASSWORD, "invitation_token": token });
    let register = |body: &Value| app.call(Method::POST, "/auth/register").json(body).send();
    assert_eq!(register(&body).await.problem(403), "invitation_for_another");
    body["email"] = json!("Bob@Example.com");
    let bob = register(&body).await.expect(201);
    assert_eq!(bob["user"]["email_verified"], true);
    assert_eq!(bob["organization"], json!({ "id": ada.org, "name": "Acme", "role": "viewer" }));
    assert_eq!(register(&body).await.problem(404), "not_found");
}

/// Somebody registers where addresses are verified.
pub(crate) async fn verified(app: &App, email: &str) -> Account {
    let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
    app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
    let token = token(&app.deliver_mails().await[0]);
    let verify = app.call(Method::POST, "/auth/email/verify").json(&json!({ "token": token }));
    verify.send().await.expect(200);
    let body = json!({ "email": email, "password": PASSWORD });
    let answer = app.call(Method::POST, "/auth/login").json(&body).send().await.expect(200);
    let text = |pointer: &str| answer.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    Account {
        token: text("/access_token"),
        refresh_token: text("/refresh_token"),
        user: text("/user/id"),
        org: text("/organization/id"),
    }
}

#[tokio::test]
async fn nobody_gives_or_takes_more_than_they_are() {
    let (app, ada, bob) = colleagues("admin").await;
    let path = format!("/api/organizations/{}/invitations", ada.org);
    let body = json!({ "email": "eve@example.com", "role": "owner" });
    assert_eq!(app.post(&path, &bob.token, &body).send().await.problem(403), "insufficient_role");
    assert_eq!(change(&app, &bob, &bob.user, "owner").await.problem(403), "insufficient_role");
    assert_eq!(change(&app, &bob, &ada.user, "member").await.problem(403), "insufficient_role");
    assert_eq!(remove(&app, &bob, &ada.user).await.problem(403), "insufficient_role");
    let delete = app.call(Method::DELETE, &format!("/api/organizations/{}", ada.org));
    assert_eq!(delete.bearer(&bob.token).send().await.problem(403), "insufficient_role");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_also_when_both_leave_at_once() {
    let (app, ada, bob) = colleagues("owner").await;
    let calls: JoinSet<Answer> = [(&ada, &ada.user), (&bob, &bob.user)]
        .map(|(by, user)| {
            let path = format!("/api/organizations/{}/members/{user}", by.org);
            app.call(Method::DELETE, &path).bearer(&by.token).send()
        })
        .into_iter()
        .collect();
    let mut statuses: Vec<_> = calls.join_all().await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}

#[tokio::test]
async fn the_last_owner_cannot_be_demoted_leave_or_be_deleted() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    assert_eq!(change(&app, &ada, &ada.user, "admin").await.problem(409), "last_owner");
    assert_eq!(remove(&app, &ada, &ada.user).await.problem(409), "last_owner");
    let delete = app.call(Method::DELETE, "/auth/me").bearer(&ada.token);
    assert_eq!(delete.json(&json!({ "password": PASSWORD })).send().await.problem(409), "last_owner");
}

#[tokio::test]
async fn a_removed_member_is_out_within_five_seconds_and_goes_on_in_no_organisation() {
    let (app, ada, bob) = colleagues("member").await;
    app.get("/api/webhooks", &bob.token).send().await.expect(200);
    remove(&app, &ada, &bob.user).await.expect(204);
    app.advance(5);
    assert_eq!(app.get("/api/webhooks", &bob.token).send().await.problem(401), "invalid_token");
    let body = json!({ "refresh_token": bob.refresh_token });
    let next = app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
    assert_eq!(next["organization"], Value::Null);
    let token = next["access_token"].as_str().unwrap();
    app.get("/auth/me", token).send().await.expect(200);
    assert_eq!(app.get("/api/webhooks", token).send().await.problem(403), "organization_required");
}

#[tokio::test]
async fn removing_the_inviter_voids_what_they_offered_and_sending_again_voids_the_link_before() {
    let (app, ada, bob) = colleagues("admin").await;
    let eve = app.register("eve@example.com").await;
    let first = invite(&app, &bob, "eve@example.com", "member").await;
    let list = app.get(&format!("/api/organizations/{}/invitations", ada.org), &ada.token).send().await;
    let list = list.expect(200);
    let hers = |invitation: &&Value| invitation["email"] == "eve@example.com";
    let id = list["data"].as_array().unwrap().iter().find(hers).unwrap()["id"].as_str().unwrap();
    app.advance(60);
    let path = format!("/api/organizations/{}/invitations/{id}/resend", ada.org);
    app.post(&path, &bob.token, &json!({})).send().await.expect(200);
    let second = token(&app.deliver_mails().await[0]);
    assert_eq!(accept(&app, &eve, &first).send().await.problem(404), "not_found");
    remove(&app, &ada, &bob.user).await.expect(204);
    assert_eq!(accept(&app, &eve, &second).send().await.problem(404), "not_found");
}

#[tokio::test]
async fn a_module_that_is_switched_off_refuses_its_routes_and_unknown_ones_are_named() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let put = |modules: Value| {
        let path = format!("/api/organizations/{}/modules", ada.org);
        app.call(Method::PUT, &path).bearer(&ada.token).json(&json!({ "modules": modules })).send()
    };
    let refused = put(json!(["webhooks", "teleport"])).await;
    assert_eq!(refused.field_problems(), [("/modules/1".to_owned(), "unknown_module".to_owned())]);
    assert_eq!(
        put(json!(["api_keys", "billing"])).await.expect(200)["modules"],
        json!(["api_keys", "billing"])
    );
    app.advance(5);
    assert_eq!(app.get("/api/webhooks", &ada.token).send().await.problem(403), "module_disabled");
    app.get("/api/api-keys", &ada.token).send().await.expect(200);
}

#[tokio::test]
async fn a_deleted_organisation_is_gone_for_its_keys_sessions_and_invitations() {
    let app = App::start().await;
    let (ada, bob) = (app.register("ada@example.com").await, app.register("bob@example.com").await);
    let key = app.api_key(&ada, &["events:write", "events:read"]).await;
    let token = invite(&app, &ada, "bob@example.com", "member").await;
    let delete = app.call(Method::DELETE, &format!("/api/organizations/{}", ada.org));
    delete.bearer(&ada.token).send().await.expect(204);
    app.advance(5);
    let event = app.get("/api/events/evt_01kdvdna000w3ge1r70w3ge1r7", &key).send().await;
    assert_eq!(event.problem(401), "invalid_token");
    assert_eq!(app.get("/api/webhooks", &ada.token).send().await.problem(401), "invalid_token");
    assert_eq!(accept(&app, &bob, &token).send().await.problem(404), "not_found");
    let me = app.sign_in(&ada, "ada@example.com").await;
    let me = app.get("/auth/me", &me.token).send().await.expect(200);
    assert_eq!(me["organizations"], json!([]));
}

/// Items of the table with `id` in them that do not end by themselves, but for the audit log.
async fn kept_of(app: &App, id: &str) -> Vec<Value> {
    let items = app.dump().await;
    let items = items.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let audit = |item: &Value| item["pk"].as_str().unwrap().ends_with("#audit");
    items.filter(|item| item.to_string().contains(id) && item["expires"].is_null() && !audit(item)).collect()
}

#[tokio::test]
async fn of_a_deleted_organisation_nothing_stays_for_ever_but_its_audit_log() {
    let (app, ada, bob) = colleagues("admin").await;
    app.api_key(&ada, &["events:write"]).await;
    app.webhook(&bob, &app.receiver().await).await;
    let path = format!("/api/organizations/{}", ada.org);
    app.post(&format!("{path}/domains"), &ada.token, &json!({ "domain": "acme.example" })).send().await;
    invite(&app, &ada, "eve@example.com", "member").await;
    app.publish(&ada, "a.b", &json!({})).await;
    app.call(Method::DELETE, &path).bearer(&ada.token).send().await.expect(204);
    // What logs a person in says where they were last; it is theirs.
    let left = kept_of(&app, &ada.org).await;
    let theirs = |item: &&Value| item["pk"].as_str().unwrap().starts_with("email#");
    assert_eq!(left.iter().filter(|item| !theirs(item)).collect::<Vec<_>>(), [&json!(null); 0]);
    let log = app.core.table.audit_after(ada.org.parse().unwrap(), 0, 100).await.unwrap();
    verify(&log).unwrap();
}

#[tokio::test]
async fn of_a_deleted_account_nothing_stays_for_ever_and_its_address_is_free() {
    let (app, _, bob) = colleagues("admin").await;
    // Bob's own organisation goes first: he is its last owner.
    let own = app.get("/auth/me", &bob.token).send().await.expect(200)["organizations"].clone();
    let own = own.as_array().unwrap().iter().find(|one| one["id"] != bob.org.as_str()).unwrap();
    let own = switched(&app, &bob, own["id"].as_str().unwrap()).await;
    let path = format!("/api/organizations/{}", own.org);
    app.call(Method::DELETE, &path).bearer(&own.token).send().await.expect(204);
    let again = app.sign_in(&bob, "bob@example.com").await;
    let delete = app.call(Method::DELETE, "/auth/me").bearer(&again.token);
    delete.json(&json!({ "password": PASSWORD })).send().await.expect(204);
    // What is left names who invited whom.
    let left = kept_of(&app, &bob.user).await;
    assert_eq!(left, [json!(null); 0]);
    assert!(!app.dump().await.lines().any(|line| line.contains("bob@example.com") && !line.contains("inv_")));
    app.register("bob@example.com").await;
}

#[tokio::test]
async fn whoever_proves_a_domain_takes_in_those_who_have_an_address_there() {
    let app = App::verifying().await;
    let ada = verified(&app, "ada@acme.example").await;
    let path = format!("/api/organizations/{}/domains", ada.org);
    let made = app.post(&path, &ada.token, &json!({ "domain": "acme.example", "join": "automatic" }));
    let made = made.send().await.expect(201);
    let verify = || app.post(&format!("{path}/acme.example/verify"), &ada.token, &json!({})).send();
    assert_eq!(verify().await.problem(409), "domain_not_proved");
    app.names.add_txt(made["record_name"].as_str().unwrap(), made["record_value"].as_str().unwrap());
    assert_eq!(verify().await.expect(200)["status"], "verified");

    let body = json!({ "email": "bob@acme.example", "password": PASSWORD, "join": true });
    app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
    let token = token(&app.deliver_mails().await[0]);
    let verify = app.call(Method::POST, "/auth/email/verify").json(&json!({ "token": token }));
    verify.send().await.expect(200);
    let login = json!({ "email": "bob@acme.example", "password": PASSWORD });
    let bob = app.call(Method::POST, "/auth/login").json(&login).send().await.expect(200);
    assert_eq!(bob["organization"], json!({ "id": ada.org, "name": "Acme", "role": "member" }));
    let public = app.post(&path, &ada.token, &json!({ "domain": "gmail.com" })).send().await;
    assert_eq!(public.field_problems(), [("/domain".to_owned(), "public_provider".to_owned())]);
    app.names.stop();
    app.post(&path, &ada.token, &json!({ "domain": "other.example" })).send().await.expect(201);
    let silent = app.post(&format!("{path}/other.example/verify"), &ada.token, &json!({})).send().await;
    assert_eq!(silent.problem(503), "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_a_whole_chain_however_many_write_at_once() {
    let (app, ada, bob) = colleagues("member").await;
    let org = ada.org.parse().unwrap();
    let calls: JoinSet<Answer> = (0..8)
        .map(|n| {
            let body = json!({ "email": format!("guest-{n}@example.com") });
            app.post(&format!("/api/organizations/{}/invitations", ada.org), &ada.token, &body).send()
        })
        .collect();
    let made = calls.join_all().await.iter().filter(|answer| answer.status == 201).count();
    remove(&app, &ada, &bob.user).await.expect(204);
    assert!(made > 0, "nobody was let through");
    let records = app.core.table.audit_after(org, 0, 100).await.unwrap();
    assert_eq!(verify(&records), Ok(()));
    let named = |name: &str| records.iter().filter(|record| record.entry.action.as_str() == name).count();
    assert_eq!(named("invitation.created"), made + 1);
    assert_eq!(named("member.removed"), 1);
    let page = app.get(&format!("/api/organizations/{}/audit-log?limit=1", ada.org), &ada.token).send().await;
    let page = page.expect(200);
    assert_eq!(page["data"][0]["action"], "member.removed");
    assert_eq!(page["data"][0]["actor"], ada.user.as_str());
    assert!(page["next_cursor"].is_string());
}

#[tokio::test]
async fn whoever_asks_to_join_is_listed_and_let_in() {
    let app = App::verifying().await;
    let ada = verified(&app, "ada@acme.example").await;
    let path = format!("/api/organizations/{}", ada.org);
    let made = app.post(&format!("{path}/domains"), &ada.token, &json!({ "domain": "acme.example" }));
    let made = made.send().await.expect(201);
    app.names.add_txt(made["record_name"].as_str().unwrap(), made["record_value"].as_str().unwrap());
    let verify = app.post(&format!("{path}/domains/acme.example/verify"), &ada.token, &json!({}));
    verify.send().await.expect(200);
    let body = json!({ "email": "bob@acme.example", "password": PASSWORD, "join": true });
    app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
    let token = token(&app.deliver_mails().await[0]);
    let verify = app.call(Method::POST, "/auth/email/verify").json(&json!({ "token": token }));
    verify.send().await.expect(200);
    let asks =
        app.get(&format!("{path}/members?requested=true&limit=5"), &ada.token).send().await.expect(200);
    let bob = asks["data"][0]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(
        asks,
        json!({
            "data": [{
                "user_id": bob,
                "email": "bob@acme.example",
                "name": null,
                "role": null,
                "since": "2026-01-01T00:00:00.000Z",
            }],
            "next_cursor": null,
        })
    );
    assert_eq!(change(&app, &ada, &bob, "member").await.expect(200)["role"], "member");
    assert_eq!(
        change(&app, &ada, "usr_01kdvdna000w3ge1r70w3ge1r7", "member").await.problem(404),
        "not_found"
    );
    let asks = app.get(&format!("{path}/members?requested=true"), &ada.token).send().await.expect(200);
    assert_eq!(asks, json!({ "data": [], "next_cursor": null }));
    let odd = app.get(&format!("{path}/members?requested=yes"), &ada.token).send().await;
    assert_eq!(odd.problem(400), "invalid_request");
}

async fn newest(app: &App, org: &str) -> shared::audit::Entry {
    app.core.table.audit_page(org.parse().unwrap(), None, 1).await.unwrap().remove(0).entry
}

#[tokio::test]
async fn an_organisation_that_somebody_left_learns_nothing_of_them_any_more() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let invitation = invite(&app, &ada, "bob@example.com", "member").await;
    let body = json!({ "email": "bob@example.com", "password": PASSWORD, "invitation_token": invitation });
    let bob = app.call(Method::POST, "/auth/register").json(&body).send().await.expect(201);
    let user = bob["user"]["id"].as_str().unwrap();
    let fail = async || {
        let body = json!({ "email": "bob@example.com", "password": "not the password of bob" });
        app.call(Method::POST, "/auth/login").json(&body).send().await.problem(401)
    };
    fail().await;
    assert_eq!(newest(&app, &ada.org).await.action.as_str(), "user.login_failed");
    remove(&app, &ada, user).await.expect(204);
    fail().await;
    assert_eq!(newest(&app, &ada.org).await.action.as_str(), "member.removed");
}

#[tokio::test]
async fn no_key_takes_its_own_maker_out_where_that_is_more_than_a_key_may() {
    let (app, ada, bob) = colleagues("owner").await;
    let key = app.api_key(&ada, &["members:write"]).await;
    let by_key = Account { token: key, ..ada.clone() };
    assert_eq!(remove(&app, &by_key, &ada.user).await.problem(403), "insufficient_role");
    assert_eq!(remove(&app, &by_key, &bob.user).await.problem(403), "insufficient_role");
    assert_eq!(serde_json::to_value(newest(&app, &ada.org).await.result).unwrap(), "failure");
    remove(&app, &ada, &ada.user).await.expect(204);
}

#[tokio::test]
async fn an_inviter_who_left_and_came_back_has_invited_nobody() {
    let (app, ada, bob) = colleagues("admin").await;
    app.advance(60);
    let offered = invite(&app, &bob, "eve@example.com", "member").await;
    remove(&app, &ada, &bob.user).await.expect(204);
    app.advance(60);
    let again = invite(&app, &ada, "bob@example.com", "admin").await;
    let alone = app.sign_in(&bob, "bob@example.com").await;
    accept(&app, &alone, &again).send().await.expect(200);
    let eve = app.register("eve@example.com").await;
    assert_eq!(accept(&app, &eve, &offered).send().await.problem(404), "not_found");
}

#[tokio::test]
async fn invitations_are_mails_like_others_five_an_hour_to_one_address_and_five_a_minute_from_one() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let path = format!("/api/organizations/{}/invitations", ada.org);
    let invite = async |email: &str, from: &str| {
        let body = json!({ "email": email });
        app.post(&path, &ada.token, &body).from(from).send().await
    };
    for n in 0..5 {
        invite(&format!("guest-{n}@example.com"), "192.0.2.1").await.expect(201);
    }
    assert_eq!(invite("guest-5@example.com", "192.0.2.1").await.problem(429), "rate_limited");
    invite("guest-5@example.com", "192.0.2.2").await.expect(201);
    for n in 0..4 {
        app.advance(60);
        invite("guest-5@example.com", &format!("192.0.2.{}", 3 + n)).await.expect(201);
    }
    app.advance(60);
    assert_eq!(invite("guest-5@example.com", "192.0.2.9").await.problem(429), "rate_limited");
}

#[tokio::test]
async fn a_refresh_that_a_switch_right_after_signing_in_has_overtaken_gets_the_token_of_the_switch() {
    let (app, _, bob) = colleagues("member").await;
    let now = app.sign_in(&bob, "bob@example.com").await;
    let body = json!({ "organization_id": bob.org });
    let switched = app.post("/auth/organization", &now.token, &body).send().await.expect(200);
    let body = json!({ "refresh_token": now.refresh_token });
    let refreshed = app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
    assert_eq!(refreshed["refresh_token"], switched["refresh_token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_while_another_tab_refreshes_logs_nobody_out() {
    for seconds in [0, 60] {
        let (app, ada, bob) = colleagues("member").await;
        app.advance(seconds);
        for round in 0..10 {
            let to = if round % 2 == 0 { &bob.org } else { &ada.org };
            let now = app.sign_in(&bob, "bob@example.com").await;
            app.advance(seconds);
            let body = json!({ "organization_id": to });
            let switch = app.post("/auth/organization", &now.token, &body);
            let body = json!({ "refresh_token": now.refresh_token });
            let refresh = app.call(Method::POST, "/auth/refresh").json(&body);
            let (switch, refresh) = tokio::join!(switch.send(), refresh.send());
            let (switch, refresh) = (switch.expect(200), refresh.expect(200));
            // Whichever of the two the program keeps, long after.
            app.advance(11);
            for kept in [&switch, &refresh] {
                assert_eq!(kept["refresh_token"], switch["refresh_token"], "round {round}");
            }
            let body = json!({ "refresh_token": switch["refresh_token"] });
            app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
        }
    }
}
