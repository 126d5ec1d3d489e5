//! Mails to send: what travels from the functions that people call to `mailer`, which writes and
//! sends them. A task names things and holds no token and no secret: the mailer makes the link.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{ApiKeyId, InvitationId, LinkId, OrgId, SessionId, UserId, WebhookId};
use crate::queue::QueueError;
use crate::user::Email;

/// One mail to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailTask {
    /// Of this form.
    version: u8,
    /// When it was asked for.
    pub at: Timestamp,
    /// Which.
    pub mail: Mail,
}

/// Which mail. Where it depends on whether an account exists, the mailer finds out: whoever asked for it
/// learns nothing, not even from the time that the answer takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mail {
    /// Somebody registered: the link that makes the account or, where the address has one, that it has.
    Registration {
        /// The registration.
        link: LinkId,
    },
    /// Somebody asks for their verification link once more.
    Verification {
        /// [`Email::digest`] of the address.
        email: String,
        /// What the mailer calls a link that it has to make.
        link: LinkId,
    },
    /// Somebody forgot their password.
    PasswordReset {
        /// [`Email::digest`] of the address.
        email: String,
        /// What the mailer calls the link.
        link: LinkId,
    },
    /// A person wants to move to another address: the link goes there or, where that address has an
    /// account, that somebody tried.
    EmailChange {
        /// The change.
        link: LinkId,
    },
    /// They have moved: to the address before.
    EmailChanged {
        /// Who.
        user: UserId,
        /// The address before.
        old: Email,
    },
    /// The password was changed or reset.
    PasswordChanged {
        /// Whose.
        user: UserId,
    },
    /// The second factor was switched on or off.
    SecondFactorChanged {
        /// Whose.
        user: UserId,
        /// Whether it is on.
        enabled: bool,
    },
    /// They signed in on a device that they had not used before.
    NewDevice {
        /// Who.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// A used-up refresh token came back, and the session was ended.
    SessionStolen {
        /// Whose.
        user: UserId,
    },
    /// Somebody showed that they have an API key which they should not have, and it was switched off.
    ApiKeyLeaked {
        /// Who made it.
        user: UserId,
        /// Which.
        key: ApiKeyId,
    },
    /// The receiver of a webhook has failed for days.
    WebhookFailing {
        /// An administrator.
        user: UserId,
        /// Of which organisation.
        organization: OrgId,
        /// Which webhook.
        webhook: WebhookId,
        /// Whether it was switched off; else it will be.
        disabled: bool,
    },
    /// An invitation.
    Invitation {
        /// Into which organisation.
        organization: OrgId,
        /// Which.
        invitation: InvitationId,
        /// As it was sent for the so many-th time.
        generation: u32,
    },
}

impl Mail {
    /// Its name in logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Registration { .. } => "registration",
            Self::Verification { .. } => "verification",
            Self::PasswordReset { .. } => "password_reset",
            Self::EmailChange { .. } => "email_change",
            Self::EmailChanged { .. } => "email_changed",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SecondFactorChanged { .. } => "second_factor_changed",
            Self::NewDevice { .. } => "new_device",
            Self::SessionStolen { .. } => "session_stolen",
            Self::ApiKeyLeaked { .. } => "api_key_leaked",
            Self::WebhookFailing { .. } => "webhook_failing",
            Self::Invitation { .. } => "invitation",
        }
    }
}

/// A message that is no task of ours.
#[derive(Debug, thiserror::Error)]
pub enum MailTaskError {
    /// Not the fields of a task.
    #[error("not a mail task: {0}")]
    Form(#[from] serde_json::Error),
    /// Of a form that this code does not know.
    #[error("a mail task of version {0}")]
    Version(u8),
}

impl MailTask {
    const VERSION: u8 = 1;

    /// A mail that is asked for now.
    pub fn new(mail: Mail, now: Timestamp) -> Self {
        Self { version: Self::VERSION, at: now, mail }
    }

    /// From the body of a message: every field, and none else.
    pub fn parse(body: &str) -> Result<Self, MailTaskError> {
        let task: Self = serde_json::from_str(body)?;
        if task.version == Self::VERSION { Ok(task) } else { Err(MailTaskError::Version(task.version)) }
    }
}

/// The queue of mails.
#[derive(Clone)]
pub struct MailQueue {
    client: Client,
    url: String,
}

impl MailQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Asks for one mail. An error does not mean that it will not be sent: a mail can be sent twice.
    pub async fn send(&self, mail: Mail, now: Timestamp) -> Result<(), QueueError> {
        let form = |error: &dyn std::fmt::Display| QueueError::Form(error.to_string());
        let body = serde_json::to_string(&MailTask::new(mail, now)).map_err(|error| form(&error))?;
        let entry = SendMessageBatchRequestEntry::builder().id("0").message_body(body).build()?;
        crate::queue::send_batch(&self.client, &self.url, vec![entry]).await
    }
}

/// How late a mail may be: what was asked for longer ago is not sent any more, since the reader would
/// take it for something that just happened.
pub const LATE_AFTER: Duration = Duration::from_hours(12);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    fn task() -> MailTask {
        let now = Timestamp::from_seconds(1_767_225_600);
        let link = LinkId::new(now, &Entropy::system()).unwrap();
        MailTask::new(Mail::Registration { link }, now)
    }

    #[test]
    fn a_task_comes_back_from_its_message() {
        let task = task();
        assert_eq!(MailTask::parse(&serde_json::to_string(&task).unwrap()).unwrap(), task);
    }

    #[test]
    fn what_is_no_task_of_this_form_is_refused() {
        let mut later = serde_json::to_value(task()).unwrap();
        later["version"] = 2.into();
        assert!(matches!(MailTask::parse(&later.to_string()), Err(MailTaskError::Version(2))));
        let mut more = serde_json::to_value(task()).unwrap();
        more["more"] = 1.into();
        for body in ["", "{}", "[]", &more.to_string()] {
            assert!(matches!(MailTask::parse(body), Err(MailTaskError::Form(_))), "{body}");
        }
    }
}
