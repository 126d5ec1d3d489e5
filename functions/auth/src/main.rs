//! The function `auth`, wired to Lambda.

use auth::{Auth, Passwords};
use axum::Router;
use lambda_http::Error;
use shared::boot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(boot::serve_when_ready(router).await)
}

async fn router() -> Result<Router, Error> {
    let boot = boot::boot("auth").await?;
    let passwords = Passwords::from_settings(&boot.settings)?;
    let verification = boot.settings.email_verification()?;
    let mail = boot.mail()?;
    Ok(auth::router(Auth::new(boot.core, passwords, mail, verification)?))
}
