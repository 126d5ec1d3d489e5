//! `POST /api/events/batch` accepts up to 100 events, each with a result of its own: one that is wrong, or
//! that we fail on, holds up no other. A repetition under the same `Idempotency-Key` publishes what the first
//! request did not.

use axum::Json;
use axum::extract::{Extension, State};
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::event::Event;
use shared::http::{BodyDigest, Fields, FromFields, IdempotencyKey, Json as Body, Operation, RequestId};
use shared::principal::Principal;
use shared::problem::{Problem, ProblemBody, Violation};
use shared::trace::TraceContext;

use super::publish::{self, Answer as Accepted, accept};
use crate::Webhooks;

const EVENTS_MAX: usize = 100;
/// Events that are written at the same time.
const AT_ONCE: usize = 8;

pub(crate) struct Request {
    events: Vec<Item>,
}

/// One event as it was given.
enum Item {
    Event(publish::Request, BodyDigest),
    Wrong(Problem),
}

/// The request as the document describes it.
#[derive(JsonSchema)]
#[schemars(rename = "PublishEvents", deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    #[schemars(length(min = 1, max = 100))]
    events: Vec<publish::Request>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        if !fields.is_given("events") {
            fields.reject("events", Violation::new("required", "is required"));
        }
        let events = fields.optional("events", |json| {
            let items: Vec<&RawValue> = serde_json::from_str(json.get())
                .map_err(|_| Violation::new("wrong_type", "expected a list of events"))?;
            if (1..=EVENTS_MAX).contains(&items.len()) {
                Ok(items.into_iter().map(Item::read).collect())
            } else {
                Err(Violation::new("out_of_range", format!("expected 1 to {EVENTS_MAX} events")))
            }
        });
        Some(Self { events: events? })
    }
}

impl Item {
    fn read(json: &RawValue) -> Self {
        let mut fields = match Fields::of(json) {
            Ok(fields) => fields,
            Err(violation) => return Self::Wrong(Problem::field("", violation)),
        };
        let request = publish::Request::from_fields(&mut fields);
        match (request, fields.into_problems()) {
            (Some(request), problems) if problems.is_empty() => Self::Event(request, BodyDigest::of(json)),
            (_, problems) => Self::Wrong(Problem::fields(problems)),
        }
    }
}

/// What became of one event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchResult")]
pub(crate) struct ResultView {
    /// As if it had been published alone: 202, or that of the problem.
    status: u16,
    event: Option<Accepted>,
    problem: Option<ProblemBody>,
}

/// The results, in the order of the events.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchAnswer")]
pub(crate) struct Answer {
    data: Vec<ResultView>,
}

pub(crate) fn operation() -> Operation {
    let event = json!({
        "id": "evt_01kdvdna000w3ge1r70w3ge1r7",
        "type": "invoice.paid",
        "created_at": "2026-01-01T00:00:00.000Z",
        "matched": 1,
    });
    Operation::new("publishEvents", "Publish up to 100 events, each with a result of its own")
        .takes::<Described>(json!({ "events": [{ "type": "invoice.paid", "data": { "invoice": 7 } }] }))
        .answers::<Answer>(
            200,
            "What became of each",
            json!({ "data": [{ "status": 202, "event": event, "problem": null }] }),
        )
        .idempotent()
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    header: Option<IdempotencyKey>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<Answer>, Problem> {
    let org = caller.org();
    // For all of them: a webhook made before the call is matched.
    let subscriptions = state.subscriptions.of(&state.core, org).await?;
    let trace = TraceContext::of(&headers);
    let publish = |(place, item): (usize, Item)| {
        let (state, subscriptions, header, trace) = (&state, &subscriptions, &header, trace.clone());
        async move {
            match item {
                Item::Wrong(problem) => Err(problem),
                Item::Event(request, digest) => {
                    let key = header.as_ref().and_then(|key| key.of_part(publish::ROUTE, place));
                    let request = request.within(trace);
                    accept(state, org, (key, digest), &request, Some(subscriptions)).await
                }
            }
        }
    };
    let results = stream::iter(request.events.into_iter().enumerate()).map(publish).buffered(AT_ONCE);
    let results: Vec<_> = results.collect().await;
    let show = |result: Result<Event, Problem>| match result {
        Ok(event) => ResultView { status: 202, event: Some(Accepted::from(event)), problem: None },
        Err(problem) => {
            if let Some(cause) = &problem.cause {
                tracing::error!(%cause, request_id = %request_id.0, "an event of a batch was not accepted");
            }
            let problem = ProblemBody::new(problem, &request_id.0);
            ResultView { status: problem.status, event: None, problem: Some(problem) }
        }
    };
    Ok(Json(Answer { data: results.into_iter().map(show).collect() }))
}
