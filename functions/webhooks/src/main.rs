//! The Lambda function `webhooks`: a wire between the runtime and the router.

use shared::boot::{self, boot};
use webhooks::{Schemas, Webhooks};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), lambda_http::Error> {
    let boot = boot("webhooks").await?;
    let (queue, egress, operational) = (boot.queue()?, boot.egress()?, boot.operational()?);
    let schemas = Schemas::default();
    boot::serve(webhooks::router(Webhooks { core: boot.core, queue, egress, operational, schemas })).await
}
