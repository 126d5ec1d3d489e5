//! `POST /api/webhooks/{id}/rotate-secret` makes a new signing secret and shows it, this once, and a new signing key.
//! For a while those before sign beside them, so that receivers can change over.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::http::{Fields, FromFields, IfMatch, Json as Body, NoStore, Operation, PathId};
use shared::id::WebhookId;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::webhook::{PublicKey, SealedSecret, SigningSecret};

use crate::Webhooks;

const OVERLAP_SECONDS_DEFAULT: u32 = 24 * 3600;
const OVERLAP_SECONDS_MAX: u32 = 7 * 24 * 3600;

#[derive(JsonSchema)]
#[schemars(rename = "RotateSecret")]
pub(crate) struct Request {
    /// How long the secret before goes on signing; a day if not given.
    #[schemars(range(min = 0, max = 604_800))]
    overlap_seconds: Option<u32>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { overlap_seconds: fields.optional_integer("overlap_seconds", 0..=OVERLAP_SECONDS_MAX) })
    }
}

/// The new secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RotatedSecret")]
pub(crate) struct Answer {
    id: WebhookId,
    /// What deliveries are signed with, in this answer only.
    secret: String,
    /// What deliveries verify with, beside the secret: the new key first.
    public_keys: Vec<PublicKey>,
    /// Until when the secret and the key before sign, too.
    previous_valid_until: Timestamp,
}

pub(crate) fn operation() -> Operation {
    Operation::new("rotateWebhookSecret", "Make a new signing secret; it is in this answer only")
        .takes::<Request>(json!({ "overlap_seconds": 86400 }))
        .answers::<Answer>(
            200,
            "The new secret, this once",
            json!({
                "id": "whk_01kdvdna000w3ge1r70w3ge1r7",
                "secret": "whsec_…44 characters of base64…",
                "public_keys": ["whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
                "previous_valid_until": "2026-01-02T00:00:00.000Z",
            }),
        )
        .conditional()
        .fails(&[Kind::Conflict, Kind::LimitReached])
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<WebhookId>,
    if_match: IfMatch,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let overlap = Duration::from_secs(request.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT).into());
    let (table, org) = (&core.table, caller.org());
    let mut webhook = table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    if_match.check(webhook.version)?;
    let now = core.clock.now();
    let secret = SigningSecret::generate(&core.entropy)?;
    let new = SealedSecret::with_new_key(&secret, &*core.keys.ring().await, id, &core.entropy)?;
    let rotated = webhook.rotate(new, overlap, now);
    let previous_valid_until = rotated.map_err(|error| Problem::because(Kind::LimitReached, error))?;
    webhook.updated_at = now;
    webhook.version += 1;
    // Not tried again: two rotations at once would leave each caller with a secret that counts for less
    // than they think. The one that lost is told so.
    let entry = caller.entry(&origin, Action::WebhookSecretRotated, now).on(id);
    let written =
        table.commit_audited(org, &[entry], || table.transaction().update_webhook(&webhook)).await?;
    if written.is_ok() {
        let public_keys = webhook.public_keys(now).collect();
        Ok(NoStore(Json(Answer { id, secret: secret.reveal_once(), public_keys, previous_valid_until })))
    } else {
        Err(Problem::of(Kind::Conflict).retry_after(1))
    }
}
