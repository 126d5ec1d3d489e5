//! `POST /api/webhooks/{id}/replay` sends events of a webhook again: those that were given up, those that are
//! missing, or all. A dry run counts them first.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::http::{Fields, FromFields, IdempotencyKey, Json as Body, Operation, PathId};
use shared::id::{OrgId, ReplayId, WebhookId};
use shared::idempotency::{Claim, Created, Creation, Record};
use shared::lane::Lane;
use shared::limit::Window;
use shared::principal::Principal;
use shared::problem::{Kind, Problem, Violation};
use shared::queue::TurnTask;
use shared::replay::{Progress, Replay, What};
use shared::table::StoreError;
use shared::webhook::{EventPattern, Status};

use super::view::View;
use crate::Webhooks;

#[derive(JsonSchema)]
#[schemars(rename = "StartReplay")]
pub(crate) struct Request {
    /// Which deliveries.
    what: What,
    /// Of events that were published from then on; 30 days back if not given.
    since: Option<Timestamp>,
    /// And before that; now if not given.
    until: Option<Timestamp>,
    /// Of these types: types, or beginnings such as `invoice.*`; empty means all.
    #[schemars(default, length(max = 50))]
    types: Vec<EventPattern>,
    /// Only count: nothing is sent.
    dry_run: Option<bool>,
    /// How many are sent in a second, at the most; 10 if not given.
    #[schemars(range(min = 1, max = 100))]
    rate: Option<u32>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let what = fields.text("what");
        let since: Option<Timestamp> = fields.optional_text("since");
        let until: Option<Timestamp> = fields.optional_text("until");
        let types = fields.texts("types", Replay::TYPES_MAX);
        let dry_run = fields.optional("dry_run", |json| {
            serde_json::from_str(json.get())
                .map_err(|_| Violation::new("wrong_type", "expected `true` or `false`"))
        });
        let rate = fields.optional_integer("rate", 1..=Replay::RATE_MAX);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            fields.reject("until", Violation::new("out_of_range", "has to be after `since`"));
        }
        Some(Self { what: what?, since, until, types, dry_run, rate })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("startReplay", "Send events of a webhook again")
        .takes::<Request>(json!({ "what": "missing", "since": "2025-12-31T00:00:00.000Z", "dry_run": true }))
        .answers::<View>(202, "It runs: ask for it", View::example())
        .idempotent()
        .fails(&[Kind::Conflict, Kind::RateLimited, Kind::IdempotencyInProgress])
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    PathId(webhook): PathId<WebhookId>,
    Body { value: request, digest }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, org, now) = (&state.core.table, caller.org(), state.core.clock.now());
    let route = format!("POST /api/webhooks/{webhook}/replay");
    let claim = idempotency.map(|key| Claim::new(org, &key, &route, digest));
    let found = table.webhook(org, webhook).await?.ok_or_else(Problem::not_found)?;
    if found.status != Status::Active {
        return Err(Problem::because(Kind::Conflict, "the webhook does not receive: resume it first"));
    }
    let id = ReplayId::new(now, &state.core.entropy)?;
    let replay = new_replay(id, (org, webhook), request, now);
    if let Some(claim) = &claim
        && let Some(record) = table.claimed(claim, now).await?
    {
        return before(&state, org, claim, &record).await;
    }
    state.core.limiter.take(Window::REPLAYS, &org.to_string(), now).await?.or_refuse()?;
    let entry = caller.entry(&origin, Action::ReplayStarted, now).on(webhook).with("replay", id.to_string());
    let creation =
        Creation { org, made: id.to_string(), entry, claim: claim.as_ref(), now, running_until: None };
    let build = || table.transaction().put_replay(&replay, now);
    match (table.create_once(&creation, build).await?, &claim) {
        (Created::Before(record), Some(claim)) => before(&state, org, claim, &record).await,
        (Created::Refused(_), _) => Err(StoreError::Contended.into()),
        (Created::Before(_) | Created::Now, _) => {
            let task = TurnTask::new(org, Lane::Replay(id), replay.turn, now);
            // Should it be lost, the sweeper sends another within minutes.
            if let Err(error) = state.queue.send(&[task.into()], now).await {
                tracing::warn!(%error, replay = %id, "a replay waits for the sweeper");
            }
            Ok((StatusCode::ACCEPTED, Json(replay.into())))
        }
    }
}

fn new_replay(id: ReplayId, (org, webhook): (OrgId, WebhookId), request: Request, now: Timestamp) -> Replay {
    let oldest = now.minus(Replay::KEPT);
    Replay {
        id,
        org,
        webhook,
        what: request.what,
        since: request.since.unwrap_or(oldest).max(oldest),
        until: request.until.unwrap_or(now).min(now),
        types: request.types,
        dry_run: request.dry_run.unwrap_or(false),
        rate: request.rate.unwrap_or(Replay::RATE),
        progress: Progress::Running { due: now },
        turn: 0,
        after: None,
        examined: 0,
        matched: 0,
    }
}

/// A repetition gets the replay that the first request made, as it is now.
async fn before(
    Webhooks { core, .. }: &Webhooks,
    org: OrgId,
    claim: &Claim,
    record: &Record,
) -> Result<(StatusCode, Json<View>), Problem> {
    record.check(claim)?;
    let id: ReplayId = record.made.parse().map_err(|_| Problem::of(Kind::Internal))?;
    let replay = core.table.replay(org, id, core.clock.now()).await?.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::ACCEPTED, Json(replay.into())))
}
