//! Mails: from a task that names what happened to a mail that is sent.
//!
//! [`find`] looks up what the task names and decides what there is to say; [`write`] says it; SES sends
//! it. `Err` means that *we* failed, and SQS hands the task out again. That there is nothing to say any
//! more is no error, and neither is an address that SES does not take.

mod find;
mod page;
mod write;

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_lambda_events::sqs::BatchItemFailure;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use futures_util::StreamExt;
use shared::context::Core;
use shared::mail::{LATE_AFTER, MailTask, MailTaskError};
use shared::observe::{Metric, redacted};
use shared::problem::chain;
use shared::table::StoreError;
use shared::user::Email;
use url::Url;

use crate::page::Page;

/// A mail, ready to be sent.
pub(crate) struct Letter {
    pub(crate) to: Email,
    pub(crate) page: Page,
}

/// What this function holds while it runs.
#[derive(Clone)]
pub struct Mailer {
    /// What every function holds.
    pub core: Core,
    /// What sends mails.
    pub ses: Client,
    /// What mails say they come from.
    pub from: String,
    /// The page that links lead to.
    pub link_url: Url,
}

/// Why a mail was not sent, this time.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Task(#[from] MailTaskError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a mail cannot be put together: {0}")]
    Form(#[from] BuildError),
    #[error("SES does not answer: {0}")]
    Ses(String),
    #[error("there was no time left")]
    Late,
}

impl Mailer {
    /// How many are sent at a time.
    const AT_A_TIME: usize = 4;

    /// Sends what the messages of a batch ask for, within `left`; those that were not done are handed out
    /// again.
    pub async fn handle(&self, event: SqsEvent, left: Duration) -> SqsBatchResponse {
        self.core.observer.invocation(Box::pin(self.batch(event, left))).await
    }

    async fn batch(&self, event: SqsEvent, left: Duration) -> SqsBatchResponse {
        let deadline = tokio::time::Instant::now() + left;
        let failures = futures_util::stream::iter(event.records)
            .map(|message| async move {
                let id = message.message_id.clone().unwrap_or_default();
                let done = tokio::time::timeout_at(deadline, self.one(message)).await;
                let error = match done {
                    Ok(Ok(())) => return None,
                    Ok(Err(error)) => error,
                    Err(_) => Error::Late,
                };
                // SES names the addresses that it does not like.
                tracing::error!(message_id = id, error = redacted(&error.to_string()), "a mail was not sent");
                self.core.observer.count(Metric::MailsFailed, 1);
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                Some(failure)
            })
            .buffer_unordered(Self::AT_A_TIME)
            .filter_map(|failure| async move { failure })
            .collect()
            .await;
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures;
        response
    }

    async fn one(&self, message: SqsMessage) -> Result<(), Error> {
        let task = MailTask::parse(message.body.as_deref().unwrap_or_default())?;
        let now = self.core.clock.now();
        if now.since(task.at) > LATE_AFTER {
            tracing::warn!(mail = task.mail.kind(), "a mail is too late to be sent");
            return Ok(());
        }
        let Some(letter) = find::letter(self, &task, now).await? else {
            tracing::info!(mail = task.mail.kind(), "there is nothing to send");
            return Ok(());
        };
        self.send(letter, task.mail.kind()).await
    }

    async fn send(&self, Letter { to, page }: Letter, kind: &'static str) -> Result<(), Error> {
        let content = |text: String| Content::builder().data(text).charset("UTF-8").build();
        let body = Body::builder().text(content(page.text())?).html(content(page.html())?).build();
        let message = Message::builder().subject(content(page.subject())?).body(body).build();
        let sent = self
            .ses
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await;
        let Err(error) = sent else {
            self.core.observer.count(Metric::MailsSent, 1);
            tracing::info!(mail = kind, "sent");
            return Ok(());
        };
        match error.as_service_error() {
            // No address: it will be none the next five times. What SES rejects otherwise may be our own
            // sender, so it goes to the dead letters, which have an alarm.
            Some(SendEmailError::BadRequestException(_)) => {
                tracing::warn!(mail = kind, error = redacted(&chain(&error)), "SES does not take a mail");
                Ok(())
            }
            _ => Err(Error::Ses(chain(&error))),
        }
    }
}
