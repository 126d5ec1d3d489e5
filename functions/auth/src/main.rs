//! The function `auth`, wired to Lambda.

use auth::Auth;
use lambda_http::Error;
use shared::boot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::logs();
    boot::explain(run().await)
}

async fn run() -> Result<(), Error> {
    boot::serve(auth::router(Auth::new(boot::boot("auth").await?.core)?)).await
}
