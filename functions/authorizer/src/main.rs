//! The Lambda function `authorizer`: a wire between the runtime and the library.

use authorizer::{Authorizer, Requirements};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::boot::{self, boot};
use shared::config::ConfigError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    let boot = boot("authorizer").await?;
    let rules = boot.settings.get(Requirements::SETTING).unwrap_or_default();
    let requirements =
        Requirements::parse(rules).map_err(|why| ConfigError::bad(Requirements::SETTING, why))?;
    let authorizer = &Authorizer::new(boot.core, requirements);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        Ok::<_, Error>(authorizer.handle(event.payload).await?)
    }))
    .await
}
