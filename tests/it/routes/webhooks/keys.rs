//! `GET /.well-known/webhook-keys/{organization_id}/{webhook_id}`, and what the keys verify.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use it::{Account, App, Call, MadeWebhook, Receiver};
use serde_json::{Value, json};
use shared::clock::Clock;

fn path(account: &Account, webhook: &MadeWebhook) -> String {
    format!("/.well-known/webhook-keys/{}/{}", account.org, webhook.id)
}

async fn delivered(app: &App, account: &Account, receiver: &Receiver) -> Call {
    app.publish(account, "a.b", &json!({ "n": 1 })).await;
    app.drain().await;
    receiver.calls().pop().unwrap()
}

fn versions(call: &Call) -> Vec<&str> {
    let parts = call.header("webhook-signature").unwrap().split(' ');
    parts.map(|part| part.split_once(',').unwrap().0).collect()
}

/// Whether a key of the answer made one of the signatures, as a receiver finds out that has another library.
fn verifies(call: &Call, key: &Value) -> bool {
    let header = |name: &str| call.header(name).unwrap();
    let mut message = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    message.extend_from_slice(&call.body);
    let key = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, key);
    let mut signatures = header("webhook-signature").split(' ').filter_map(|part| part.strip_prefix("v1a,"));
    signatures.any(|text| key.verify(&message, &STANDARD.decode(text).unwrap()).is_ok())
}

#[tokio::test]
async fn a_delivery_verifies_with_the_key_that_anybody_can_read() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let answer = app.call(Method::GET, &path(&ada, &webhook)).send().await;
    let keys = answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let key = &keys["keys"][0];
    let expected = json!({
        "keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "x": key["x"],
            "kid": key["kid"],
            "use": "sig",
            "alg": "EdDSA",
        }],
    });
    assert_eq!(keys, expected);
    let shown = app.get(&format!("/api/webhooks/{}", webhook.id), &ada.token).send().await.expect(200);
    let bytes = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    assert_eq!(shown["public_keys"], json!([format!("whpk_{}", STANDARD.encode(bytes))]));

    let call = delivered(&app, &ada, &receiver).await;
    assert_eq!(versions(&call), ["v1", "v1a"]);
    assert!(verifies(&call, key));
    let another = Call { body: b"{}".as_slice().into(), ..call };
    assert!(!verifies(&another, key));
}

#[tokio::test]
async fn the_public_library_of_standard_webhooks_takes_a_delivery_with_both_signatures() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    // It reads the machine's clock.
    app.hands.advance(Clock::system().now().since(App::START));
    let ada = app.sign_in(&ada, "ada@example.com").await;
    let call = delivered(&app, &ada, &receiver).await;
    let library = standardwebhooks::Webhook::new(&webhook.secret).unwrap();
    library.verify(&call.body, &call.headers).unwrap();
    assert!(library.verify(b"{}", &call.headers).is_err());
}

#[tokio::test]
async fn a_rotation_replaces_the_key_with_the_secret_and_both_sign_meanwhile() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let keys = async || app.call(Method::GET, &path(&ada, &webhook)).send().await.expect(200)["keys"].clone();
    let old = keys().await[0].clone();
    let rotate = format!("/api/webhooks/{}/rotate-secret", webhook.id);
    let body = json!({ "overlap_seconds": 60 });
    let rotated = app.post(&rotate, &ada.token, &body).send().await.expect(200);
    let both = keys().await;
    assert_eq!((both.as_array().unwrap().len(), &both[1]), (2, &old));
    let shown = async || {
        let shown = app.get(&format!("/api/webhooks/{}", webhook.id), &ada.token).send().await;
        shown.expect(200)["public_keys"].clone()
    };
    assert_eq!(shown().await, rotated["public_keys"]);
    let call = delivered(&app, &ada, &receiver).await;
    assert_eq!(versions(&call), ["v1", "v1", "v1a", "v1a"]);
    assert!(verifies(&call, &both[0]) && verifies(&call, &old));

    app.advance(60);
    let call = delivered(&app, &ada, &receiver).await;
    assert_eq!(versions(&call), ["v1", "v1a"]);
    assert!(verifies(&call, &both[0]) && !verifies(&call, &old));
    assert_eq!(keys().await, json!([both[0]]));
    assert_eq!(shown().await, json!([rotated["public_keys"][0]]));
}

#[tokio::test]
async fn a_webhook_from_before_there_were_keys_has_none_until_it_is_rotated() {
    let (app, ada, receiver, webhook) = App::with_webhook().await;
    let table = &app.core.table;
    let (org, id) = (ada.org.parse().unwrap(), webhook.id.parse().unwrap());
    let mut before = table.webhook(org, id).await.unwrap().unwrap();
    before.secrets[0].key = None;
    before.version += 1;
    table.transaction().update_webhook(&before).unwrap().commit().await.unwrap().unwrap();
    assert_eq!(versions(&delivered(&app, &ada, &receiver).await), ["v1"]);
    assert_eq!(app.call(Method::GET, &path(&ada, &webhook)).send().await.problem(404), "not_found");
    let rotate = format!("/api/webhooks/{}/rotate-secret", webhook.id);
    app.post(&rotate, &ada.token, &json!({})).send().await.expect(200);
    assert_eq!(versions(&delivered(&app, &ada, &receiver).await), ["v1", "v1", "v1a"]);
}

#[tokio::test]
async fn of_what_does_not_exist_there_are_no_keys() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let eve = app.register("eve@example.com").await;
    let made_up = MadeWebhook { id: "whk_01kdvdna000w3ge1r70w3ge1r7".to_owned(), ..webhook.clone() };
    let odd = MadeWebhook { id: "key".to_owned(), ..webhook.clone() };
    for path in [path(&eve, &webhook), path(&ada, &made_up), path(&ada, &odd)] {
        assert_eq!(app.call(Method::GET, &path).send().await.problem(404), "not_found", "{path}");
    }
}

#[tokio::test]
async fn nothing_of_a_private_key_is_in_an_answer() {
    let (app, ada, _receiver, webhook) = App::with_webhook().await;
    let (org, id) = (ada.org.parse().unwrap(), webhook.id.parse().unwrap());
    let stored = app.core.table.webhook(org, id).await.unwrap().unwrap();
    let key = stored.secrets[0].key.as_ref().unwrap();
    let sealed = serde_json::to_value(key).unwrap()["sealed"].as_str().unwrap().to_owned();
    let shown = app.get(&format!("/api/webhooks/{}", webhook.id), &ada.token).send().await;
    let public = app.call(Method::GET, &path(&ada, &webhook)).send().await;
    assert!(!shown.text.contains(&sealed) && !public.text.contains(&sealed));
}
