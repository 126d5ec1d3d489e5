//! `GET /.well-known/webhook-keys/{organization_id}/{webhook_id}` shows the keys that a webhook's deliveries verify
//! with, as a JSON Web Key Set (RFC 7517, RFC 8037). For anybody: a public key is no secret, and who asks is a receiver.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::http::{Operation, PathPair};
use shared::id::{OrgId, WebhookId};
use shared::problem::Problem;
use shared::webhook::PublicKey;

use crate::Webhooks;

/// A key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JsonWebKey")]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    /// The thumbprint of the key (RFC 7638).
    kid: String,
    r#use: &'static str,
    alg: &'static str,
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self { kty: "OKP", crv: "Ed25519", x: key.x(), kid: key.thumbprint(), r#use: "sig", alg: "EdDSA" }
    }
}

/// The keys that sign, the current one first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JsonWebKeySet")]
pub(crate) struct KeySet {
    keys: Vec<Jwk>,
}

pub(crate) fn operation() -> Operation {
    let example = json!({ "keys": [{
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "sig",
        "alg": "EdDSA",
    }] });
    Operation::new("readWebhookKeys", "Show the public keys of a webhook, for its receiver")
        .answers::<KeySet>(200, "The keys; they can be kept for five minutes", example)
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    PathPair(org, id): PathPair<OrgId, WebhookId>,
) -> Result<Response, Problem> {
    let webhook = core.table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    let keys: Vec<_> = webhook.public_keys(core.clock.now()).map(Jwk::from).collect();
    if keys.is_empty() {
        return Err(Problem::not_found());
    }
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(KeySet { keys })).into_response())
}
