//! `POST /api/api-keys/{id}/rotate` gives a key another text and shows it, this once. For a while the one
//! before is accepted beside it, so that programs can change over; never longer than the key itself.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::api_key::KeyStatus;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation, PathId};
use shared::id::ApiKeyId;
use shared::operational::{Operational, OperationalKind};
use shared::principal::{Person, Principal};
use shared::problem::{Kind, Problem};
use shared::token::KeyToken;

use crate::update::own_key;

const GRACE_SECONDS_DEFAULT: u32 = 24 * 3600;
const GRACE_SECONDS_MAX: u32 = 7 * 24 * 3600;

#[derive(JsonSchema)]
#[schemars(rename = "RotateApiKey", deny_unknown_fields)]
pub(crate) struct Request {
    /// How long the text before is accepted, too; a day if not given.
    #[schemars(range(min = 0, max = 604_800))]
    grace_seconds: Option<u32>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { grace_seconds: fields.optional_integer("grace_seconds", 0..=GRACE_SECONDS_MAX) })
    }
}

/// The new text.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RotatedApiKey")]
pub(crate) struct Answer {
    id: ApiKeyId,
    /// The key itself, in this answer only.
    key: String,
    /// Until when the text before is accepted, too.
    previous_expires_at: Timestamp,
}

pub(crate) fn operation() -> Operation {
    Operation::new("rotateApiKey", "Give a key another text; it is in this answer only")
        .takes::<Request>(json!({ "grace_seconds": 86400 }))
        .answers::<Answer>(
            200,
            "The new text, this once. Limits, scopes and end stay.",
            json!({
                "id": "key_01kdvdna000w3ge1r70w3ge1r7",
                "key": "aif_live_02sNqQCj5Kv7mS2HcYdXtA_…43 characters…_0k2Xb9",
                "previous_expires_at": "2026-01-02T00:00:00.000Z",
            }),
        )
        .fails(&[Kind::Conflict, Kind::KeyNotActive, Kind::SessionRequired])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    State(operational): State<Operational>,
    _: Person,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<ApiKeyId>,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::ApiKeyRotated, now).on(id);
    let old = own_key(&core, &caller, id, &entry).await?;
    if old.key.status(now) != KeyStatus::Active {
        return Err(Problem::of(Kind::KeyNotActive));
    }
    let grace = Duration::from_secs(request.grace_seconds.unwrap_or(GRACE_SECONDS_DEFAULT).into());
    let previous_expires_at = old.key.expires_at.map_or(now.plus(grace), |end| end.min(now.plus(grace)));
    let token = KeyToken::generate(id, old.key.environment, &core.entropy)?;
    let new = old.rotated(&token, previous_expires_at);
    let entries = [entry.with("previous_expires_at", previous_expires_at)];
    // Not tried again: of two rotations at once, one would make the other's text worthless unseen.
    let told = json!({ "id": id, "previous_expires_at": previous_expires_at });
    let event = operational.prepare(org, OperationalKind::ApiKeyRotated, None, told).await?;
    let build = || table.transaction().rotate_api_key(&new)?.tell(event.as_ref());
    if table.commit_audited(org, &entries, build).await?.is_err() {
        return Err(Problem::of(Kind::Conflict).retry_after(1));
    }
    operational.dispatch(event).await;
    Ok(NoStore(Json(Answer { id, key: token.reveal_once(), previous_expires_at })))
}
