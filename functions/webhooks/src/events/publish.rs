//! `POST /api/events` accepts an event. 202 means: it is stored, and SQS has a task for every
//! webhook that subscribes to it.
//!
//! The effects come in this order, and a repetition with the same `Idempotency-Key` goes on where
//! the first one stopped:
//!
//! 1. the idempotency record, open until step 4, if there is a key;
//! 2. the event, with the webhooks it matched;
//! 3. the tasks, to SQS;
//! 4. the record is closed; 202.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::entropy::NoEntropy;
use shared::event::Event;
use shared::http::{BodyDigest, Fields, FromFields, IdempotencyKey, Json, Operation};
use shared::id::{EventId, OrgId};
use shared::idempotency::{Claim, Progress, Record};
use shared::observe::Metric;
use shared::operational::OperationalKind;
use shared::principal::Principal;
use shared::problem::{Kind, Problem, Violation};
use shared::queue::QueueError;
use shared::table::StoreError;
use shared::trace::TraceContext;
use shared::webhook::{Channel, EventData, EventType, Subscription};

use super::subscriptions::List;
use crate::Webhooks;

pub(super) const ROUTE: &str = "POST /api/events";

#[derive(JsonSchema)]
#[schemars(rename = "PublishEvent")]
pub(crate) struct Request {
    /// What happened.
    r#type: EventType,
    /// About what: an object. It reaches receivers as you write it.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    data: Box<RawValue>,
    /// An identifier of your own: counts as `Idempotency-Key` when that header is absent.
    #[schemars(with = "Option<String>", length(min = 1, max = 255))]
    id: Option<IdempotencyKey>,
    /// The channels that it is in: webhooks that name channels get it only if they name one of these.
    #[schemars(default, length(max = 20))]
    channels: Vec<Channel>,
    /// The trace that the call is in, of its headers.
    #[schemars(skip)]
    trace: Option<TraceContext>,
}

impl Request {
    /// The same, published in a trace.
    pub(super) fn within(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }
}

/// A type that others may publish.
pub(crate) struct OwnType(pub(crate) EventType);

impl std::str::FromStr for OwnType {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let kind: EventType = text.parse()?;
        if OperationalKind::is_reserved(&kind) {
            let rule = "is published by the product itself: choose another type";
            return Err(Violation::new("reserved_event_type", rule));
        }
        Ok(Self(kind))
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = fields.text("type").map(|OwnType(kind)| kind);
        let data = fields.raw_object("data");
        let id = fields.optional("id", |json| {
            let text: Option<String> = serde_json::from_str(json.get()).ok();
            let rule = "expected 1 to 255 visible ASCII characters";
            text.as_deref()
                .and_then(IdempotencyKey::parse)
                .ok_or_else(|| Violation::new("invalid_format", rule))
        });
        let channels = fields.texts("channels", Subscription::CHANNELS_MAX);
        Some(Self { r#type: kind?, data: data?.to_owned(), id, channels, trace: None })
    }
}

/// An accepted event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AcceptedEvent")]
pub(super) struct Answer {
    id: EventId,
    r#type: EventType,
    created_at: Timestamp,
    /// How many webhooks get it.
    matched: usize,
}

impl From<Event> for Answer {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            created_at: event.created_at(),
            matched: event.matched.len(),
            r#type: event.kind,
        }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("publishEvent", "Publish an event to every webhook that subscribes to its type")
        .takes::<Request>(json!({ "type": "invoice.paid", "data": { "invoice": 7, "amount": "12.50" } }))
        .answers::<Answer>(
            202,
            "It is stored and on its way",
            json!({
                "id": "evt_01kdvdna000w3ge1r70w3ge1r7",
                "type": "invoice.paid",
                "created_at": "2026-01-01T00:00:00.000Z",
                "matched": 1,
            }),
        )
        .idempotent()
        .fails(&[Kind::IdempotencyInProgress])
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the first request with this key is still running")]
    Running {
        /// How long it may still run.
        seconds: u64,
    },
    #[error("the key stands for another request")]
    Key(Problem),
    #[error("an idempotency record names `{0}`, which is no event")]
    NoEvent(String),
    #[error("the event cannot be written as JSON")]
    Body(#[from] serde_json::Error),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Running { seconds } => Self::of(Kind::IdempotencyInProgress).retry_after(seconds),
            Error::Key(problem) => problem,
            Error::NoEvent(_) | Error::Body(_) => Self::internal(&error),
            Error::Entropy(source) => source.into(),
            Error::Store(source) => source.into(),
            Error::Queue(source) => source.into(),
        }
    }
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    header: Option<IdempotencyKey>,
    headers: HeaderMap,
    Json { value: request, digest }: Json<Request>,
) -> Result<Response, Problem> {
    let request = request.within(TraceContext::of(&headers));
    let event = accept(&state, caller.org(), (header, digest), &request, None).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Answer::from(event))).into_response())
}

/// Accepts an event, once under each key. `subscriptions` are those of the organisation, where they were read.
pub(super) async fn accept(
    state: &Webhooks,
    org: OrgId,
    (header, digest): (Option<IdempotencyKey>, BodyDigest),
    request: &Request,
    subscriptions: Option<&List>,
) -> Result<Event, Problem> {
    let claim = header.or_else(|| request.id.clone()).map(|key| Claim::new(org, &key, ROUTE, digest));
    check(state, org, claim.as_ref(), request).await?;
    let event = match claim {
        None => publish(state, org, new_id(state)?, request, subscriptions).await?,
        Some(claim) => publish_once(state, org, &claim, request, subscriptions).await?,
    };
    Ok(event)
}

/// Refuses data that does not match the schema of the type, if that is enforced. What was begun under a key goes on
/// as it began, whatever the schema says by now.
async fn check(
    Webhooks { core, schemas, .. }: &Webhooks,
    org: OrgId,
    claim: Option<&Claim>,
    request: &Request,
) -> Result<(), Problem> {
    match (schemas.check(core, org, &request.r#type, &request.data).await, claim) {
        (Err(problem), Some(claim)) if problem.kind == Kind::ValidationFailed => {
            let begun = core.table.claimed(claim, core.clock.now()).await?.is_some();
            if begun { Ok(()) } else { Err(problem) }
        }
        (checked, _) => checked,
    }
}

fn new_id(Webhooks { core, .. }: &Webhooks) -> Result<EventId, NoEntropy> {
    EventId::new(core.clock.now(), &core.entropy)
}

/// Steps 1 to 4.
async fn publish_once(
    state: &Webhooks,
    org: OrgId,
    claim: &Claim,
    request: &Request,
    subscriptions: Option<&List>,
) -> Result<Event, Error> {
    let table = &state.core.table;
    let (id, until) = match open(state, claim).await? {
        Opened::GoOn(id, until) => (id, until),
        Opened::Done(id) => {
            let event = table.event(org, id, state.core.clock.now()).await?;
            return event.ok_or_else(|| Error::NoEvent(id.to_string()));
        }
    };
    let published = publish(state, org, id, request, subscriptions).await;
    // The record only saves a repetition from waiting or from sending twice: what it says is not
    // worth failing for.
    let noted = match &published {
        Ok(_) => table.finish_claim(claim).await,
        Err(_) => table.release_claim(claim, until).await,
    };
    if let Err(error) = noted {
        tracing::warn!(%error, event = %id, "an idempotency record stays open");
    }
    published
}

enum Opened {
    /// This request makes the event, or goes on with making it, alone until then.
    GoOn(EventId, Timestamp),
    /// An earlier one has made it.
    Done(EventId),
}

/// Step 1.
async fn open(state: &Webhooks, claim: &Claim) -> Result<Opened, Error> {
    let table = &state.core.table;
    let (id, now) = (new_id(state)?, state.core.clock.now());
    let until = now.plus(Record::RUNNING);
    let record = match table.open_claim(claim, &id.to_string(), now, until).await? {
        Ok(()) => return Ok(Opened::GoOn(id, until)),
        Err(record) => record,
    };
    record.check(claim).map_err(Error::Key)?;
    let id: EventId = record.made.parse().map_err(|_| Error::NoEvent(record.made.clone()))?;
    match record.progress(now) {
        Progress::Done => Ok(Opened::Done(id)),
        Progress::Running { seconds } => Err(Error::Running { seconds }),
        Progress::Stopped(end) if table.take_over_claim(claim, end, until).await? => {
            Ok(Opened::GoOn(id, until))
        }
        Progress::Stopped(_) => Err(Error::Running { seconds: 1 }),
    }
}

/// Steps 2 and 3. An event of this id that is there already was put by a request that stopped
/// after step 2: its webhooks are the ones that get it.
async fn publish(
    state: &Webhooks,
    org: OrgId,
    id: EventId,
    request: &Request,
    subscriptions: Option<&List>,
) -> Result<Event, Error> {
    let Webhooks { core, queue, operational, .. } = state;
    operational.note_active(org, id.made_at()).await?;
    let subscriptions = match subscriptions {
        Some(read) => read.clone(),
        None => state.subscriptions.of(core, org).await?,
    };
    let data = EventData::of(&request.data);
    let matched =
        subscriptions.iter().filter(|(_, wants)| wants.receives(&request.r#type, &request.channels, &data));
    let event = Event {
        id,
        org,
        kind: request.r#type.clone(),
        body: Event::body(id, &request.r#type, &request.data)?,
        matched: matched.map(|(id, _)| *id).collect(),
        channels: request.channels.clone(),
        operational: false,
        publishers_trace: request.trace.clone(),
    };
    let event = if core.table.put_event(&event).await? {
        event
    } else {
        core.table.event(org, id, core.clock.now()).await?.unwrap_or(event)
    };
    let now = core.clock.now();
    queue.send(&event.tasks(now), now).await?;
    core.observer.count(Metric::EventsAccepted, 1);
    let (trace, matched) = (event.trace(), event.matched.len());
    tracing::info!(event = %event.id, organization = %org, trace_id = trace.trace_id(), matched, "event published");
    Ok(event)
}
