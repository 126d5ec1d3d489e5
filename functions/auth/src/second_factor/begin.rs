//! `POST /auth/mfa/totp` begins a second factor: a secret for the authenticator, which counts once a code
//! of it was shown.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::Origin;
use shared::clock::Timestamp;
use shared::factor::Factor;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::secret::{Purpose, Sealed};

use super::qr;
use super::totp::TotpSecret;
use crate::Auth;
use crate::login::confirm;
use crate::me::read::person;
use crate::password::Password;

#[derive(JsonSchema)]
#[schemars(rename = "ConfirmPassword", deny_unknown_fields)]
pub(crate) struct Request {
    pub(super) password: Password,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { password: fields.text("password")? })
    }
}

/// What the authenticator is told, in this answer only.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TotpBegun")]
pub(crate) struct Answer {
    /// For those who type it: base 32.
    secret: String,
    /// The same as authenticators read it.
    otpauth_uri: String,
    /// The same as a QR code, drawn as SVG.
    qr_svg: String,
    /// Until when a code of it has to be shown.
    expires_at: Timestamp,
}

pub(crate) fn operation() -> Operation {
    let example = json!({
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "otpauth_uri": "otpauth://totp/AI%20Foundry:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AI%20Foundry&algorithm=SHA1&digits=6&period=30",
        "qr_svg": "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 61 61\">…</svg>",
        "expires_at": "2026-01-01T00:10:00.000Z",
    });
    Operation::new("beginTotp", "Begin a second factor")
        .takes::<Request>(json!({ "password": "correct horse battery staple" }))
        .answers::<Answer>(200, "The secret, shown this once; show a code of it to switch it on.", example)
        .fails(&[Kind::MfaState, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let user = person(core, asker).await?;
    confirm(&auth, (asker, &origin), &user.email, &request.password, "/password").await?;
    let secret = TotpSecret::generate(&core.entropy)?;
    let (ring, owner) = (core.keys.ring().await, user.id.to_string());
    let sealed = Sealed::seal(&ring, Purpose::FactorSecret, &owner, secret.expose(), &core.entropy)?;
    let factor = Factor::begin(user.id, sealed, now);
    if !core.table.put_pending_factor(&factor).await? {
        return Err(Problem::because(Kind::MfaState, "it is on already"));
    }
    let otpauth_uri = secret.uri(&user.email);
    let qr_svg = qr::svg(&otpauth_uri).unwrap_or_default();
    let expires_at = factor.pending_until();
    Ok(NoStore(Json(Answer { secret: secret.text(), otpauth_uri, qr_svg, expires_at })))
}
