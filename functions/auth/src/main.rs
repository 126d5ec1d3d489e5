//! The function `auth`, wired to Lambda.

use auth::{Auth, HashMemory, Passwords};
use axum::Router;
use lambda_http::Error;
use shared::boot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(boot::serve_when_ready("auth", router).await)
}

async fn router() -> Result<Router, Error> {
    // Work for a processor, while the rest mostly waits for answers.
    let memory = tokio::task::spawn_blocking(HashMemory::for_one);
    let boot = boot::boot("auth").await?;
    let passwords = Passwords::from_settings(&boot.settings)?;
    let verification = boot.settings.email_verification()?;
    let queues = (boot.mail()?, boot.operational()?);
    Ok(auth::router(Auth::new(boot.core, passwords, queues, verification, memory.await?)?))
}
