//! `headers` of a webhook: what goes along with its deliveries, and is shown to nobody.

use http::Method;
use it::{Account, App, Receiver};
use serde_json::{Value, json};

const TOKEN: &str = "Bearer s3cr3t-of-the-gateway";

async fn with_headers(headers: Value) -> (App, Account, Receiver, Value) {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let receiver = app.receiver().await;
    let body = json!({ "url": receiver.url(), "headers": headers });
    let made = app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    (app, ada, receiver, made)
}

/// The values that the next delivery has for each of the names.
async fn delivered(app: &App, ada: &Account, receiver: &Receiver, names: &[&str]) -> Vec<Option<String>> {
    app.publish(ada, "a.b", &json!({})).await;
    app.drain().await;
    let call = receiver.calls().pop().unwrap();
    names.iter().map(|name| call.header(name).map(str::to_owned)).collect()
}

fn values<const N: usize>(values: [Option<&str>; N]) -> Vec<Option<String>> {
    values.into_iter().map(|value| value.map(str::to_owned)).collect()
}

#[tokio::test]
async fn headers_go_along_with_each_delivery_and_their_values_are_shown_nowhere() {
    let (app, ada, receiver, made) = with_headers(json!({ "Authorization": TOKEN, "X-Team": "a b" })).await;
    let masked = json!({ "authorization": "***", "x-team": "***" });
    assert_eq!(made["headers"], masked);
    assert_eq!(
        delivered(&app, &ada, &receiver, &["authorization", "x-team", "content-type"]).await,
        values([Some(TOKEN), Some("a b"), Some("application/json")])
    );

    let listens = app.receiver().await;
    let body = json!({ "url": listens.url(), "event_types": ["webhook.updated"] });
    app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let patch = app.call(Method::PATCH, &path).bearer(&ada.token).json(&json!({ "timeout_seconds": 9 }));
    patch.send().await.expect(200);
    app.drain().await;
    assert_eq!(listens.next_call().await.json()["data"]["headers"], masked);
    assert_eq!(app.get(&path, &ada.token).send().await.expect(200)["headers"], masked);
    let list = app.get("/api/webhooks", &ada.token).send().await;
    assert!(!list.text.contains("s3cr3t"), "{}", list.text);
    let dump = app.dump().await;
    for start in 0..TOKEN.len() - 8 {
        assert!(!dump.contains(&TOKEN[start..start + 8]), "a part of the value is in the table");
    }
}

#[tokio::test]
async fn a_patch_changes_headers_one_by_one_and_null_clears_them() {
    let (app, ada, receiver, made) = with_headers(json!({ "x-a": "1", "x-b": "2" })).await;
    let path = format!("/api/webhooks/{}", made["id"].as_str().unwrap());
    let patch = async |headers: Value| {
        let patch = app.call(Method::PATCH, &path).bearer(&ada.token).json(&json!({ "headers": headers }));
        patch.send().await
    };
    let names = ["x-a", "x-b", "x-c"];
    let changed = patch(json!({ "X-A": "3", "x-b": null, "x-c": "4", "x-d": null })).await.expect(200);
    assert_eq!(changed["headers"], json!({ "x-a": "***", "x-c": "***" }));
    assert_eq!(delivered(&app, &ada, &receiver, &names).await, values([Some("3"), None, Some("4")]));
    let read_back = patch(changed["headers"].clone()).await.field_problems();
    let masked = |pointer: &str| (pointer.to_owned(), "masked_value".to_owned());
    assert_eq!(read_back, [masked("/headers/x-a"), masked("/headers/x-c")]);
    let nine: Value = (0..9).map(|n| (format!("x-n{n}"), json!("v"))).collect();
    assert_eq!(patch(nine).await.field_problems(), [("/headers".to_owned(), "too_many".to_owned())]);
    assert_eq!(delivered(&app, &ada, &receiver, &names).await, values([Some("3"), None, Some("4")]));
    assert_eq!(patch(json!(null)).await.expect(200)["headers"], json!({}));
    assert_eq!(delivered(&app, &ada, &receiver, &names).await, values([None, None, None]));
}

#[tokio::test]
async fn headers_that_cannot_be_sent_or_are_ours_are_named_and_nothing_is_made() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let headers = json!({
        "Host": "example.com",
        "X-Same": "1",
        "webhook-signature": "v1,forged",
        "x y": "1",
        "x-line": "a\r\nx-injected: 1",
        "x-number": 7,
        "x-right": "1",
        "x-same": "2",
    });
    let body = json!({ "url": "http://127.0.0.1:4000/", "headers": headers });
    let expected = [
        ("/headers/Host", "reserved_header"),
        ("/headers/webhook-signature", "reserved_header"),
        ("/headers/x y", "invalid_header"),
        ("/headers/x-line", "invalid_header"),
        ("/headers/x-number", "wrong_type"),
        ("/headers/x-same", "duplicate_field"),
    ];
    assert_eq!(
        app.post("/api/webhooks", &ada.token, &body).send().await.field_problems(),
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    let eleven: Value = (0..11).map(|n| (format!("x-{n}"), json!("v"))).collect();
    for (headers, code) in [(json!([]), "wrong_type"), (eleven, "too_many")] {
        let body = json!({ "url": "http://127.0.0.1:4000/", "headers": headers });
        let answer = app.post("/api/webhooks", &ada.token, &body).send().await;
        assert_eq!(answer.field_problems(), [("/headers".to_owned(), code.to_owned())]);
    }
    let list = app.get("/api/webhooks", &ada.token).send().await.expect(200);
    assert_eq!(list["data"], json!([]));
}
