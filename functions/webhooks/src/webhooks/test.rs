//! `POST /api/webhooks/{id}/test` sends a signed `webhook.test` event to this webhook alone, and answers with
//! what came of it. It takes the way of every event, so what it shows is what there is.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use serde_json::value::RawValue;
use shared::delivery::{Delivery, State as Stand};
use shared::event::Event;
use shared::http::{Operation, PathId};
use shared::id::{DeliveryId, EventId, OrgId, WebhookId};
use shared::limit::Window;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::webhook::{EventType, Status};
use tokio::time::{Instant, sleep};

use crate::Webhooks;
use crate::deliveries::view::View;

/// How long the answer waits for the attempt; the function has ten seconds.
const WAIT: Duration = Duration::from_secs(7);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const KIND: &str = "webhook.test";

pub(crate) fn operation() -> Operation {
    Operation::new("testWebhook", "Send a `webhook.test` event to this webhook, and show what came of it")
        .answers::<View>(200, "What came of the attempt", View::example())
        .answers::<View>(202, "It takes longer than an answer can wait: ask for the delivery", {
            let mut example = View::example();
            example["status"] = json!("pending");
            example["attempts"] = json!(0);
            example["last_attempt"] = json!(null);
            example
        })
        .fails(&[Kind::Conflict, Kind::RateLimited])
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    PathId(id): PathId<WebhookId>,
) -> Result<Response, Problem> {
    let (core, org, now) = (&state.core, caller.org(), state.core.clock.now());
    let webhook = core.table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
    if webhook.status != Status::Active {
        return Err(Problem::because(Kind::Conflict, "the webhook does not receive: resume it first"));
    }
    core.limiter.take(Window::WEBHOOK_TESTS, &id.to_string(), now).await?.or_refuse()?;
    let event = test_event(&state, org, id)?;
    core.table.put_event(&event).await?;
    state.queue.send(&event.tasks(now), now).await?;
    let delivery = wait(&state, org, DeliveryId { event: event.id, webhook: id }, event.kind).await?;
    let status = if delivery.attempts == 0 { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(View::from(delivery))).into_response())
}

fn test_event(Webhooks { core, .. }: &Webhooks, org: OrgId, webhook: WebhookId) -> Result<Event, Problem> {
    let internal = |error: &(dyn std::error::Error + 'static)| Problem::internal(error);
    let id = EventId::new(core.clock.now(), &core.entropy)?;
    let kind: EventType = KIND.parse().map_err(|_| Problem::of(Kind::Internal))?;
    let data = json!({ "webhook_id": webhook }).to_string();
    let data = RawValue::from_string(data).map_err(|error| internal(&error))?;
    let body = Event::body(id, &kind, &data).map_err(|error| internal(&error))?;
    // Of our own making, as operational events are: that it fails is told to whoever asks, and nobody else.
    let (matched, channels, publishers_trace) = (vec![webhook], Vec::new(), None);
    Ok(Event { id, org, kind, body, matched, channels, operational: true, publishers_trace })
}

/// The delivery once it was tried, or as it is when the time is over.
async fn wait(
    Webhooks { core, .. }: &Webhooks,
    org: OrgId,
    id: DeliveryId,
    kind: EventType,
) -> Result<Delivery, Problem> {
    let begun = Instant::now();
    loop {
        let delivery = core.table.delivery(org, id, core.clock.now()).await?;
        let tried = |delivery: &Delivery| delivery.attempts > 0 || delivery.state == Stand::Skipped;
        match delivery.filter(tried) {
            Some(delivery) => return Ok(delivery),
            None if begun.elapsed() >= WAIT => return Ok(Delivery::untried(id, kind)),
            None => sleep(LOOK_EVERY).await,
        }
    }
}
