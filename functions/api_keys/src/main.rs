//! The Lambda function `api_keys`: a wire between the runtime and the router.

use api_keys::ApiKeys;
use axum::Router;
use shared::boot::{self, boot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    boot::logs();
    boot::explain(boot::serve_when_ready("api_keys", router).await)
}

async fn router() -> Result<Router, lambda_http::Error> {
    let boot = boot("api_keys").await?;
    let (mail, operational) = (boot.mail()?, boot.operational()?);
    Ok(api_keys::router(ApiKeys::new(boot.core, mail, operational)))
}
