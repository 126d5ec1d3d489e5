//! The Lambda function `rotator`: a wire between the runtime and the library.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rotator::Rotator;
use serde_json::Value;
use shared::boot::{self, boot};
use shared::client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(Box::pin(run()).await)
}

async fn run() -> Result<(), Error> {
    let boot = boot("rotator").await?;
    let secrets = client!(
        aws_sdk_secretsmanager,
        "Secrets Manager",
        boot.aws(),
        boot.settings,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER"
    );
    let secret_id = boot.settings.require("SECRET_KEY_ARN")?.to_owned();
    let observer = &boot.core.observer.clone();
    let rotator = &Rotator::new(boot.core, secrets, secret_id);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        Ok::<_, Error>(observer.invocation(Box::pin(rotator.handle(event.payload))).await?)
    }))
    .await
}
