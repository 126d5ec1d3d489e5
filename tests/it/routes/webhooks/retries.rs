//! `retry_schedule_seconds`, and `GET /api/webhooks/{id}/retry-preview`.

use http::Method;
use it::App;
use serde_json::{Value, json};

#[tokio::test]
async fn a_webhook_has_a_schedule_of_its_own_and_shows_what_it_means() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    receiver.otherwise(500);
    let body = json!({ "url": receiver.url(), "retry_schedule_seconds": [10, 3600] });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    assert_eq!(made["retry_schedule_seconds"], json!([10, 3600]));
    let id = made["id"].as_str().unwrap();
    let preview = app.get(&format!("/api/webhooks/{id}/retry-preview"), &ada.token).send().await.expect(200);
    let attempt = |number: u16, after: u32, earliest: &str, latest: &str| {
        let at = |time: &str| format!("2026-01-01T{time}.000Z");
        json!({ "number": number, "after_seconds": after, "earliest_at": at(earliest), "latest_at": at(latest) })
    };
    assert_eq!(
        preview["attempts"],
        json!([
            attempt(1, 0, "00:00:00", "00:00:00"),
            attempt(2, 10, "00:00:08", "00:00:12"),
            attempt(3, 3600, "00:48:08", "01:12:12"),
        ])
    );
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.sweep().await;
    app.drain().await;
    for seconds in [12, 4320] {
        app.advance(seconds);
        app.sweep().await;
        app.drain().await;
    }
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let delivery = app.delivery(&ada, &event, id).await;
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("exhausted"), &json!(3)));
}

#[tokio::test]
async fn null_is_the_default_again_and_none_is_one_attempt() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let change = async |schedule: Value| {
        let call = app.call(Method::PATCH, &format!("/api/webhooks/{}", webhook.id)).bearer(&ada.token);
        call.json(&json!({ "retry_schedule_seconds": schedule })).send().await
    };
    let default = json!([5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
    assert_eq!(change(json!([])).await.expect(200)["retry_schedule_seconds"], json!([]));
    receiver.answer(500);
    let event = app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    assert_eq!(app.delivery(&ada, &event, &webhook.id).await["status"], "exhausted");
    assert_eq!(change(json!(null)).await.expect(200)["retry_schedule_seconds"], default);
    for (odd, pointer, code) in [
        (json!("5"), "/retry_schedule_seconds", "wrong_type"),
        (json!([1.5]), "/retry_schedule_seconds", "wrong_type"),
        (json!([5, 0]), "/retry_schedule_seconds/1", "out_of_range"),
        (json!([259_201]), "/retry_schedule_seconds/0", "out_of_range"),
        (json!(vec![1; 16]), "/retry_schedule_seconds", "out_of_range"),
        (json!(vec![259_200; 6]), "/retry_schedule_seconds", "out_of_range"),
    ] {
        assert_eq!(
            change(odd.clone()).await.field_problems(),
            [(pointer.to_owned(), code.to_owned())],
            "{odd}"
        );
    }
}
