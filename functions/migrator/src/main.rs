//! The Lambda function `migrator`: a wire between the runtime and the library.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use migrator::Migrator;
use serde_json::Value;
use shared::boot::{self, boot};
use shared::clock::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    let migrator = &Migrator::new(boot("migrator").await?.core);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        Ok::<_, Error>(migrator.handle(event.payload, Timestamp::from_millis(deadline)).await?)
    }))
    .await
}
