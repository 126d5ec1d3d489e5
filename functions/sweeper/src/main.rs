//! The Lambda function `sweeper`: a wire between the runtime and the library.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::boot::{self, boot};
use shared::clock::Timestamp;
use sweeper::Sweeper;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    let boot = boot("sweeper").await?;
    let queue = boot.queue()?;
    let sweeper = &Sweeper::new(boot.core, queue);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        Ok::<_, Error>(sweeper.handle(event.payload, Timestamp::from_millis(deadline)).await?)
    }))
    .await
}
