//! `POST /api/webhooks`

use it::App;
use serde_json::json;
use shared::id::WebhookId;
use shared::webhook::Webhook;

#[tokio::test]
async fn a_new_webhook_shows_its_secret_this_once() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "url": "http://127.0.0.1:4000/Hook?x=1",
        "event_types": ["invoice.paid", "user.*"],
        "description": "Billing",
        "metadata": { "team": "money" },
        "timeout_seconds": 30,
    });
    let answer = app.post("/api/webhooks/", &ada.token, &body).send().await;
    let mut made = answer.expect(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let id = made["id"].as_str().unwrap().to_owned();
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    let expected = json!({
        "id": id,
        "url": "http://127.0.0.1:4000/Hook?x=1",
        "event_types": ["invoice.paid", "user.*"],
        "description": "Billing",
        "metadata": { "team": "money" },
        "timeout_seconds": 30,
        "status": "active",
        "disabled_reason": null,
        "disabled_at": null,
            "max_per_second": null,
            "paused_at": null,
            "channels": [],
            "filter": [],
            "headers": {},
        "public_keys": made["public_keys"],
            "retry_schedule_seconds": [5, 300, 1800, 7200, 18_000, 36_000, 36_000],
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(made, expected);
    assert_eq!(app.get(&format!("/api/webhooks/{id}"), &ada.token).send().await.expect(200), expected);
    let list = app.get("/api/webhooks", &ada.token).send().await.expect(200);
    assert_eq!(list, json!({ "data": [expected], "next_cursor": null }));

    let secret = secret.as_str().unwrap().strip_prefix("whsec_").unwrap();
    let dump = app.dump().await;
    for start in 0..secret.len() - 8 {
        assert!(!dump.contains(&secret[start..start + 8]), "a part of the secret is in the table");
    }
}

#[tokio::test]
async fn a_secret_of_ones_own_is_taken() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({ "url": "http://127.0.0.1:4000/", "secret": secret });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    assert_eq!(made["secret"], secret);
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once_and_nothing_is_made() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({
        "url": "http://10.0.0.1/",
        "event_types": ["ok", "no good"],
        "description": 7,
        "metadata": [],
        "timeout_seconds": 31,
        "secret": "whsec_short",
        "organization_id": "org_01kdvdna000w3ge1r70w3ge1r7",
    });
    let answer = app.post("/api/webhooks", &ada.token, &body).send().await;
    let expected = [
        ("/url", "url_not_allowed"),
        ("/event_types/1", "invalid_event_type"),
        ("/description", "wrong_type"),
        ("/metadata", "wrong_type"),
        ("/timeout_seconds", "out_of_range"),
        ("/secret", "invalid_secret"),
        ("/organization_id", "unknown_field"),
    ];
    assert_eq!(
        answer.field_problems(),
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    let list = app.get("/api/webhooks", &ada.token).send().await.expect(200);
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn addresses_that_nobody_should_reach_are_refused_when_they_are_set() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://167772161/",
        "https://0x0a000001/",
        "https://012.0.0.1/",
        "https://10.1/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://user:pass@example.com/",
        "https://example.com:22/",
        "ftp://example.com/",
        "https://metadata.google.internal.:99999/",
        "//example.com/",
        "",
    ] {
        let answer = app.post("/api/webhooks", &ada.token, &json!({ "url": url })).send().await;
        assert_eq!(answer.field_problems(), [("/url".to_owned(), "url_not_allowed".to_owned())], "{url}");
    }
}

#[tokio::test]
async fn a_repeated_creation_makes_one_webhook_and_hides_the_secret() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let create = |url: &str| {
        let request = app.post("/api/webhooks", &ada.token, &json!({ "url": url }));
        request.header("idempotency-key", "one").send()
    };
    let first = create("http://127.0.0.1:4000/").await.expect(201);
    let again = create("http://127.0.0.1:4000/").await;
    assert_eq!(again.problem(409), "secret_already_shown");
    assert_eq!(again.json()["id"], first["id"]);
    assert_eq!(create("http://127.0.0.1:4001/").await.problem(422), "idempotency_key_reused");
    let list = app.get("/api/webhooks", &ada.token).send().await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);

    app.advance(24 * 3600);
    let signed_in = app.call(http::Method::POST, "/auth/login");
    let body = json!({ "email": "ada@example.com", "password": it::PASSWORD });
    let token = signed_in.json(&body).send().await.expect(200)["access_token"].as_str().unwrap().to_owned();
    let request = app.post("/api/webhooks", &token, &json!({ "url": "http://127.0.0.1:4001/" }));
    request.header("idempotency-key", "one").send().await.expect(201);
}

#[tokio::test]
async fn an_organisation_has_a_thousand_webhooks_at_the_most() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let body = json!({ "url": "http://127.0.0.1:4000/" });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let (org, first) = (ada.org.parse().unwrap(), made["id"].as_str().unwrap().parse().unwrap());
    let first = app.core.table.webhook(org, first).await.unwrap().unwrap();
    let copy = || Webhook { id: WebhookId::new(App::START, &app.core.entropy).unwrap(), ..first.clone() };
    for _ in 0..998 {
        let put = app.core.table.transaction().put_webhook(&copy()).unwrap();
        put.commit().await.unwrap().unwrap();
    }
    let last = app.post("/api/webhooks", &ada.token, &body).header("idempotency-key", "last");
    last.send().await.expect(201);
    assert_eq!(app.post("/api/webhooks", &ada.token, &body).send().await.problem(409), "limit_reached");
    let last = app.post("/api/webhooks", &ada.token, &body).header("idempotency-key", "last");
    assert_eq!(last.send().await.problem(409), "secret_already_shown", "it made the thousandth");
}
