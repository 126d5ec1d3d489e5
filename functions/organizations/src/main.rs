//! The Lambda function `organizations`: a wire between the runtime and the router.

use axum::Router;
use organizations::{Dns, Organizations};
use shared::boot::{self, boot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    boot::logs();
    boot::explain(boot::serve_when_ready("organizations", router).await)
}

async fn router() -> Result<Router, lambda_http::Error> {
    let boot = boot("organizations").await?;
    let dns = boot.settings.dns_resolver()?.map_or_else(Dns::system, Dns::at)?;
    let extra_modules = boot.settings.extra_modules()?.into_iter().collect();
    let (mail, operational) = (boot.mail()?, boot.operational()?);
    let organizations = Organizations { core: boot.core, mail, operational, dns, extra_modules };
    Ok(organizations::router(organizations))
}
