//! The authorizer, asked as API Gateway asks it. With a gateway and as the real binary: `lambda/own_api.rs`.

use authorizer::{Authorizer, Requirements};
use it::{Account, App};
use serde_json::{Value, json};

const ROUTES: &str = "GET /orders/{id}=events:read; POST /orders/{id}=events:write; *=";

fn authorizer(app: &App, routes: &str) -> Authorizer {
    Authorizer::new(app.core.clone(), Requirements::parse(routes).unwrap())
}

/// A call of an HTTP API whose identity is the credential and the route.
fn call(route: &str, token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeKey": route,
        "identitySource": [bearer, route],
        "headers": { "authorization": bearer },
        "requestContext": { "http": { "method": "GET", "sourceIp": "192.0.2.1" } },
    })
}

async fn verdict(authorizer: &Authorizer, route: &str, token: &str) -> Value {
    authorizer.handle(call(route, token)).await.unwrap()
}

fn refused(code: &str) -> Value {
    json!({ "isAuthorized": false, "context": { "code": code } })
}

async fn key(app: &App, account: &Account, body: &Value) -> (String, String) {
    let mut whole = json!({ "name": "A key", "scopes": ["events:read"] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let made = app.post("/api/api-keys", &account.token, &whole).send().await.expect(201);
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn people_and_keys_are_let_in_and_described() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let authorizer = authorizer(&app, ROUTES);
    assert_eq!(
        verdict(&authorizer, "GET /orders/{id}", &secret).await,
        json!({
            "isAuthorized": true,
            "context": {
                "organization_id": ada.org,
                "principal_id": id,
                "principal_type": "api_key",
                "user_id": ada.user,
                "scopes": "events:read",
                "modules": "api_keys audit webhooks",
            },
        })
    );
    let person = verdict(&authorizer, "POST /orders/{id}", &ada.token).await;
    assert_eq!(
        (&person["isAuthorized"], &person["context"]["principal_id"], &person["context"]["role"]),
        (&json!(true), &json!(ada.user), &json!("owner"))
    );
    assert_eq!(verdict(&authorizer, "POST /orders/{id}", &secret).await, refused("insufficient_scope"));
    assert_eq!(verdict(&authorizer, "GET /others", &secret).await["isAuthorized"], true);
}

#[tokio::test]
async fn a_rest_api_gets_a_policy_for_the_one_method_that_was_called() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({})).await;
    let authorizer = authorizer(&app, ROUTES);
    let arn = |method: &str| format!("arn:aws:execute-api:us-east-1:123456789012:a1/prod/{method}/orders/7");
    let policy = |method: &str, effect: &str| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": arn(method) }],
        })
    };
    for (method, effect, principal) in [("GET", "Allow", id.as_str()), ("POST", "Deny", "nobody")] {
        let bearer = format!("Bearer {secret}");
        let token = json!({ "type": "TOKEN", "authorizationToken": bearer, "methodArn": arn(method) });
        let request = json!({
            "type": "REQUEST",
            "methodArn": arn(method),
            "resource": "/orders/{id}",
            "httpMethod": method,
            "headers": { "Authorization": bearer },
            "requestContext": { "identity": { "sourceIp": "192.0.2.1" } },
        });
        for event in [token, request] {
            let answer = authorizer.handle(event).await.unwrap();
            assert_eq!(answer["policyDocument"], policy(method, effect));
            assert_eq!(answer["principalId"], principal);
            let texts = answer["context"].as_object().unwrap().values().all(Value::is_string);
            assert!(texts, "REST APIs take no lists: {answer}");
        }
    }
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (id, secret) = key(&app, &ada, &json!({ "allowed_cidrs": ["198.51.100.0/24"] })).await;
    let authorizer = authorizer(&app, "");
    let route = "GET /orders";
    assert_eq!(verdict(&authorizer, route, &secret).await, refused("address_not_allowed"));
    for token in ["nonsense", &secret[..secret.len() - 1], &ada.refresh_token] {
        assert_eq!(verdict(&authorizer, route, token).await, refused("invalid_token"), "{token}");
    }
    let mut without = call(route, "");
    without["headers"] = json!({});
    assert_eq!(authorizer.handle(without).await.unwrap(), refused("unauthenticated"));
    let path = format!("/api/api-keys/{id}");
    app.call(http::Method::DELETE, &path).bearer(&ada.token).send().await.expect(204);
    app.advance(5);
    assert_eq!(verdict(&authorizer, route, &secret).await, refused("invalid_token"));
    app.suspend(&ada.org).await;
    app.advance(5);
    assert_eq!(verdict(&authorizer, route, &ada.token).await, refused("organization_suspended"));
}

#[tokio::test]
async fn where_routes_differ_a_verdict_without_its_route_is_refused() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut event = call("GET /orders/{id}", &ada.token);
    event["identitySource"] = json!([format!("Bearer {}", ada.token)]);
    let strict = authorizer(&app, ROUTES).handle(event.clone()).await.unwrap();
    assert_eq!(strict, refused("route_not_in_identity_source"));
    // Where all ask for the same, it makes no difference.
    assert_eq!(authorizer(&app, "*=events:read").handle(event).await.unwrap()["isAuthorized"], true);
}

#[tokio::test]
async fn a_key_that_is_bound_to_networks_needs_the_address_in_the_identity() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (_, secret) = key(&app, &ada, &json!({ "allowed_cidrs": ["192.0.2.0/24"] })).await;
    let authorizer = authorizer(&app, "");
    assert_eq!(verdict(&authorizer, "GET /orders", &secret).await, refused("address_not_in_identity_source"));
    let mut event = call("GET /orders", &secret);
    event["identitySource"] = json!([format!("Bearer {secret}"), "192.0.2.1"]);
    assert_eq!(authorizer.handle(event).await.unwrap()["isAuthorized"], true);
}

#[tokio::test]
async fn the_limits_of_a_key_hold_and_only_calls_that_are_let_in_count() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (_, secret) = key(&app, &ada, &json!({ "quota": { "limit": 2, "period": "day" } })).await;
    let authorizer = authorizer(&app, ROUTES);
    for _ in 0..3 {
        assert_eq!(verdict(&authorizer, "POST /orders/{id}", &secret).await, refused("insufficient_scope"));
    }
    for _ in 0..2 {
        assert_eq!(verdict(&authorizer, "GET /orders/{id}", &secret).await["isAuthorized"], true);
    }
    assert_eq!(verdict(&authorizer, "GET /orders/{id}", &secret).await, refused("rate_limited"));
}

#[tokio::test]
async fn there_is_no_verdict_while_the_table_does_not_answer() {
    let app = App::without_table().await;
    let secret = crate::routes::api_keys::unknown_key(&app);
    let failed = authorizer(&app, "").handle(call("GET /orders", &secret)).await.unwrap_err();
    assert_eq!(failed.to_string(), "the caller could not be looked up, or its limits not be asked");
    assert!(authorizer(&app, "").handle(json!({ "Records": [] })).await.is_err());
}
