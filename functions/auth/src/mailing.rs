//! Mails that anybody can ask for: how many, and what is said about them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::audit::Origin;
use shared::problem::Problem;
use shared::user::Email;

use crate::Auth;

/// A mail is on its way, if there is reason to send one: the same answer to everybody.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MailSent")]
pub(crate) struct Sent {
    /// Always `sent`.
    status: &'static str,
}

impl Sent {
    pub(crate) const VERIFICATION: &'static str = "verification_sent";

    pub(crate) fn new() -> Self {
        Self { status: "sent" }
    }

    pub(crate) fn example() -> Value {
        json!({ "status": "sent" })
    }
}

/// Counts a mail to `email`, which need not have an account, that somebody at an address asks for.
pub(crate) async fn take_mail(auth: &Auth, origin: &Origin, email: &Email) -> Result<(), Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    core.limiter.take_mail(&origin.address.subject(), &email.digest(), now).await
}
