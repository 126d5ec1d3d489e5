//! The Lambda function `mailer`: a wire between the runtime and the library.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mailer::Mailer;
use shared::boot::{self, boot};
use shared::clock::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    let boot = boot("mailer").await?;
    let ses = shared::client!(aws_sdk_sesv2, "SES", boot.aws(), boot.settings, "AWS_ENDPOINT_URL_SESV2");
    let from = boot.settings.mail_from()?.to_owned();
    let link_url = boot.settings.link_url()?;
    let mailer = &Mailer { core: boot.core, ses, from, link_url };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        // What is not done a second before the end is given back.
        let deadline = Timestamp::from_millis(deadline).minus(Duration::from_secs(1));
        let left = deadline.since(mailer.core.clock.now());
        Ok::<_, Error>(mailer.handle(event.payload, left).await)
    }))
    .await
}
