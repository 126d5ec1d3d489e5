//! The least that a function behind an HTTP API can be.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| {
        let answer = Response::builder().header("content-type", "application/json");
        Ok::<_, Error>(answer.body(Body::from(r#"{"status":"ok"}"#))?)
    }))
    .await
}
