//! `POST /auth/email/resend` asks for the verification link once more. The answer is the same to
//! everybody: whether there is anything to send is found out where the mails are made.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::Origin;
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::id::LinkId;
use shared::mail::Mail;
use shared::problem::{Kind, Problem};
use shared::user::Email;

use crate::Auth;
use crate::mailing::{Sent, take_mail};

#[derive(JsonSchema)]
#[schemars(rename = "MailRequest", deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) email: Email,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { email: fields.text("email")? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("resendVerification", "Ask for the verification link once more")
        .takes::<Request>(json!({ "email": "ada@example.com" }))
        .answers::<Sent>(202, "A mail is on its way, if there is something to verify.", Sent::example())
        .fails(&[Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let (email, now) = (request.email, auth.core.clock.now());
    take_mail(&auth, &origin, &email).await?;
    let link = LinkId::new(now, &auth.core.entropy)?;
    auth.mail.send(Mail::Verification { email: email.digest(), link }, now).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent::new())))
}
