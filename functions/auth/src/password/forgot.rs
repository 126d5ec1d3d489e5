//! `POST /auth/password/forgot` asks for a link to choose another password. The answer is the same to
//! everybody: whether there is an account is found out where the mails are made.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use shared::audit::Origin;
use shared::http::{Json as Body, Operation};
use shared::id::LinkId;
use shared::mail::Mail;
use shared::problem::{Kind, Problem};

use crate::Auth;
use crate::email::resend::Request;
use crate::mailing::{Sent, take_mail};

pub(crate) fn operation() -> Operation {
    Operation::new("forgotPassword", "Ask for a link to choose another password")
        .takes::<Request>(json!({ "email": "ada@example.com" }))
        .answers::<Sent>(202, "A mail is on its way, if there is such an account.", Sent::example())
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
    auth.mail.send(Mail::PasswordReset { email: email.digest(), link }, now).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent::new())))
}
