//! The Lambda function `api_keys`: a wire between the runtime and the router.

use shared::boot::{self, boot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), lambda_http::Error> {
    boot::serve(api_keys::router(boot("api_keys").await?.core)).await
}
