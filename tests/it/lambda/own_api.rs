//! `docs/examples/own-api`: an API of a deployer's own beside the product, with our authorizer before it.

use http::Method;
use it::Request;
use serde_json::json;
use stack::{Options, Stack};

use crate::product::Product;

/// The example, beside the product, whose authorizer is named as the output of the product's stack names it.
async fn beside(product: &Product) -> Stack {
    let authorizer = product.stack.template().function("authorizer").unwrap().arn();
    let options = Options {
        parameters: vec![("AuthorizerFunctionArn".to_owned(), format!("{authorizer}:live"))],
        ..Options::new(it::repository().join("docs/examples/own-api/template.yaml"))
    };
    product.stack.start_beside(options).await.unwrap()
}

fn call(own: &Stack, method: Method, path: &str) -> Request {
    Request::new(reqwest::Client::new().request(method, format!("{}{path}", own.url())))
}

#[tokio::test]
async fn an_api_of_ones_own_knows_who_calls() {
    let product = Product::start().await;
    let token = product.register().await;
    let body = json!({ "name": "A key", "scopes": ["events:read"] });
    let key = product.post("/api/api-keys", &token, &body).await.expect(201);
    let own = beside(&product).await;

    let nobody = call(&own, Method::GET, "/hello").send().await;
    assert_eq!((nobody.status.as_u16(), nobody.text.as_str()), (401, r#"{"message":"Unauthorized"}"#));
    let stranger = call(&own, Method::GET, "/hello").bearer("nonsense").send().await;
    assert_eq!((stranger.status.as_u16(), stranger.text.as_str()), (403, r#"{"message":"Forbidden"}"#));
    assert_eq!(call(&own, Method::GET, "/open").send().await.expect(200), json!({ "hello": null }));

    let program = call(&own, Method::GET, "/hello").bearer(key["key"].as_str().unwrap()).send().await;
    let hello = &program.expect(200)["hello"];
    assert_eq!((&hello["principal_id"], &hello["scopes"]), (&key["id"], &json!("events:read")));
    let person = call(&own, Method::POST, "/orders/7").bearer(&token).send().await.expect(200);
    assert_eq!(person["hello"]["role"], "owner");
    assert_eq!(person["hello"]["organization_id"], hello["organization_id"]);

    own.shutdown().await;
    product.stack.shutdown().await;
}
