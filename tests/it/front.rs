//! A deployment that is called through a front only: what goes around it gets nowhere, and where calls come
//! from is what the front says.

use http::Method;
use it::{App, Request};
use serde_json::json;

use crate::documents::functions;
use crate::security::path_of;

const OLD: &str = "k3J9-xQ2_vB7nM4tR8wY1zC6pL5hD0sFa";
const NEW: &str = "Zq8Wn3Xe7Rv2Ty6Ui1Op5As9Df4Gh0Jk";
const HEADER: &str = "x-origin-secret";

#[tokio::test]
async fn no_path_answers_what_did_not_come_through_the_front() {
    let app = App::behind_front(OLD).await;
    let rows = functions().into_iter().flat_map(|(_, rows)| rows);
    let mut calls: Vec<_> = rows.map(|row| (row.method.clone(), path_of(&row))).collect();
    calls.extend([(Method::GET, "/no/such/path".to_owned()), (Method::DELETE, "/health".to_owned())]);
    for (method, path) in calls {
        let call = || app.call(method.clone(), &path).bearer("nonsense");
        let refused = |call: Request| async {
            let answer = call.send().await;
            assert_eq!(answer.problem(403), "front_required", "{method} {path}");
        };
        refused(call()).await;
        refused(call().header(HEADER, "")).await;
        refused(call().header(HEADER, NEW)).await;
        refused(call().header(HEADER, &OLD[1..])).await;
        refused(call().header(HEADER, &format!("{OLD},{OLD}"))).await;
        refused(call().header(HEADER, OLD).header(HEADER, OLD)).await;
        assert_eq!(app.table_calls(), [""; 0], "nothing was looked up for any of them");
        let answer = call().header(HEADER, OLD).send().await;
        app.table_calls();
        assert!(!answer.text.contains("front_required"), "{method} {path}: {}", answer.text);
        assert!(!answer.text.contains(OLD) && !answer.headers.contains_key(HEADER), "{method} {path}");
    }
}

#[tokio::test]
async fn while_the_secret_is_changed_both_are_accepted() {
    let app = App::behind_front(&format!("{NEW},{OLD}")).await;
    let health = |secret: &str| app.call(Method::GET, "/health").header(HEADER, secret).send();
    health(OLD).await.expect(200);
    health(NEW).await.expect(200);
    assert_eq!(health(&OLD.to_lowercase()).await.problem(403), "front_required");
}

#[tokio::test]
async fn a_call_comes_from_where_the_front_says_and_only_the_front_is_heard() {
    let app = App::behind_front(OLD).await;
    let register =
        json!({ "email": "ada@example.com", "password": it::PASSWORD, "organization": { "name": "Acme" } });
    let through = |method, path: &str| app.call(method, path).header(HEADER, OLD);
    let ada = through(Method::POST, "/auth/register").json(&register).send().await.expect(201);
    let body = json!({ "name": "Bound", "scopes": ["events:read"], "allowed_cidrs": ["192.0.2.0/24", "2001:db8::/32"] });
    let token = ada["access_token"].as_str().unwrap();
    let key = through(Method::POST, "/api/api-keys").bearer(token).json(&body).send().await.expect(201);
    let read = || through(Method::GET, "/api/events").bearer(key["key"].as_str().unwrap()).from("192.0.2.9");
    for address in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
        read().header("x-viewer-address", address).send().await.expect(200);
    }
    // The gateway sees the front at an address that the key is bound to: that does not count.
    for odd in ["198.51.100.1", "", "192.0.2.7, 198.51.100.1", "192.0.2.7:443"] {
        let answer = read().header("x-viewer-address", odd).send().await;
        assert_eq!(answer.problem(403), "address_not_allowed", "{odd}");
    }
    assert_eq!(read().send().await.problem(403), "address_not_allowed");
    let twice = read().header("x-viewer-address", "192.0.2.7").header("x-viewer-address", "192.0.2.7");
    assert_eq!(twice.send().await.problem(403), "address_not_allowed");
    let forwarded = read().header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!(forwarded.problem(403), "address_not_allowed");
}
