//! The Lambda function `webhooks`: a wire between the runtime and the router.

use axum::Router;
use shared::boot::{self, boot_with_queue};
use webhooks::Webhooks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    boot::logs();
    boot::explain(boot::serve_when_ready("webhooks", router).await)
}

async fn router() -> Result<Router, lambda_http::Error> {
    let (boot, queue) = boot_with_queue("webhooks").await?;
    let (egress, operational) = (boot.egress()?, boot.operational()?);
    Ok(webhooks::router(Webhooks::new(boot.core, queue, egress, operational)))
}
