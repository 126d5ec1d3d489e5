//! The Lambda function `dispatcher`: a wire between the runtime and the library.

use aws_lambda_events::event::sqs::SqsEvent;
use dispatcher::Dispatcher;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::boot::{self, boot};
use shared::clock::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    let boot = boot("dispatcher").await?;
    let (queue, mails, egress) = (boot.queue()?, boot.mail()?, boot.egress()?);
    let dispatcher = &Dispatcher::new(boot.core, queue, mails, egress)?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        Ok::<_, Error>(dispatcher.handle(event.payload, Timestamp::from_millis(deadline)).await)
    }))
    .await
}
