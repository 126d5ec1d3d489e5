//! A function of your own behind the authorizer: it says who called, as the authorizer told it.

use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}

async fn hello(request: Request) -> Result<Response<Body>, Error> {
    let caller = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.authorizer.as_ref().map(|authorizer| &authorizer.fields)
        }
        _ => None,
    };
    let body = json!({ "hello": caller }).to_string();
    Ok(Response::builder().header("content-type", "application/json").body(body.into())?)
}
