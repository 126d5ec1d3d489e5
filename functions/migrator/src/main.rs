//! The Lambda function `migrator`: a wire between the runtime and the library.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use migrator::Migrator;
use serde_json::Value;
use shared::boot::{self, boot};
use shared::clock::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(Box::pin(run()).await)
}

async fn run() -> Result<(), Error> {
    let core = boot("migrator").await?.core;
    let observer = &core.observer.clone();
    let migrator = &Migrator::new(core);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let work = migrator.handle(event.payload, Timestamp::from_millis(deadline));
        Ok::<_, Error>(observer.invocation(Box::pin(work)).await?)
    }))
    .await
}
