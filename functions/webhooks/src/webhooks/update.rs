//! `PATCH /api/webhooks/{id}` changes a webhook by a merge patch (RFC 7396).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Entry, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::http::{Fields, FromFieldsWith, IfMatch, Json as Body, Operation, Patch, PathId, etag};
use shared::id::WebhookId;
use shared::name::{Description, Metadata};
use shared::operational::OperationalKind;
use shared::principal::Principal;
use shared::problem::{Kind, Problem, Violation};
use shared::webhook::{
    Channel, Condition, EventPattern, HeaderChanges, RetrySchedule, SealedHeaderChanges, SealedHeaders,
    Subscription, Webhook,
};

use super::create::{EVENT_TYPES_MAX, UrlText, check_url, schedule};
use super::view::View;
use crate::Webhooks;

pub(crate) struct Request {
    url: Patch<String>,
    event_types: Patch<Vec<EventPattern>>,
    channels: Patch<Vec<Channel>>,
    filter: Patch<Vec<Condition>>,
    headers: Patch<HeaderChanges>,
    description: Patch<Description>,
    metadata: Patch<Metadata>,
    timeout_seconds: Patch<u32>,
    retry_schedule: Patch<RetrySchedule>,
    max_per_second: Patch<u32>,
}

/// The request as the document describes it: what is not named stays, null takes away.
#[derive(JsonSchema)]
#[schemars(rename = "UpdateWebhook")]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    #[schemars(default)]
    url: String,
    event_types: Option<Vec<EventPattern>>,
    channels: Option<Vec<Channel>>,
    /// Replaced as a whole.
    #[schemars(length(max = 10))]
    filter: Option<Vec<Condition>>,
    /// Header by header: those that are not named stay, null takes one away, or, for `headers` itself, all.
    headers: Option<BTreeMap<String, Option<String>>>,
    description: Option<Description>,
    metadata: Option<Metadata>,
    #[schemars(range(min = 1, max = 30))]
    timeout_seconds: Option<u32>,
    /// Null is the default again.
    retry_schedule_seconds: Option<RetrySchedule>,
    /// Null is as many as there are.
    #[schemars(range(min = 1, max = 1000))]
    max_per_second: Option<u32>,
}

impl FromFieldsWith<Webhooks> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, state: &Webhooks) -> Option<Self> {
        let url = match fields.patch_text::<UrlText>("url") {
            Patch::Keep => Patch::Keep,
            Patch::Set(url) => check_url(fields, url, state).map_or(Patch::Keep, Patch::Set),
            Patch::Clear => {
                fields.reject("url", Violation::new("required", "cannot be taken away"));
                Patch::Keep
            }
        };
        Some(Self {
            url,
            event_types: fields.patch_texts("event_types", EVENT_TYPES_MAX),
            channels: fields.patch_texts("channels", Subscription::CHANNELS_MAX),
            filter: fields.patch_objects("filter", Condition::PER_WEBHOOK_MAX, Condition::read),
            headers: fields.patch_object("headers", HeaderChanges::read),
            description: fields.patch_text("description"),
            metadata: fields.patch("metadata", Metadata::read),
            timeout_seconds: fields.patch_integer("timeout_seconds", 1..=Webhook::TIMEOUT_SECONDS_MAX),
            retry_schedule: schedule(fields.patch_list("retry_schedule_seconds"), fields),
            max_per_second: fields.patch_integer("max_per_second", 1..=Webhook::MAX_PER_SECOND),
        })
    }
}

impl Request {
    /// The names of what it changes.
    fn named(&self) -> Vec<&'static str> {
        let named = [
            ("url", self.url != Patch::Keep),
            ("event_types", self.event_types != Patch::Keep),
            ("channels", self.channels != Patch::Keep),
            ("filter", self.filter != Patch::Keep),
            ("headers", self.headers != Patch::Keep),
            ("description", self.description != Patch::Keep),
            ("metadata", self.metadata != Patch::Keep),
            ("timeout_seconds", self.timeout_seconds != Patch::Keep),
            ("retry_schedule_seconds", self.retry_schedule != Patch::Keep),
            ("max_per_second", self.max_per_second != Patch::Keep),
        ];
        named.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    fn apply(
        &self,
        headers: &Patch<SealedHeaderChanges>,
        old: Webhook,
        now: Timestamp,
    ) -> Result<Webhook, Violation> {
        let seconds = self.timeout_seconds.clone().apply(Some(old.timeout_seconds));
        let wanted = old.subscription;
        Ok(Webhook {
            headers: match headers {
                Patch::Keep => old.headers,
                Patch::Clear => SealedHeaders::default(),
                Patch::Set(changes) => old.headers.after(changes)?,
            },
            url: self.url.clone().or(old.url),
            subscription: Subscription {
                event_types: self.event_types.clone().apply(Some(wanted.event_types)).unwrap_or_default(),
                channels: self.channels.clone().apply(Some(wanted.channels)).unwrap_or_default(),
                filter: self.filter.clone().apply(Some(wanted.filter)).unwrap_or_default(),
            },
            description: self.description.clone().apply(old.description),
            metadata: self.metadata.clone().apply(Some(old.metadata)).unwrap_or_default(),
            timeout_seconds: seconds.unwrap_or(Webhook::TIMEOUT_SECONDS_DEFAULT),
            retry_schedule: self.retry_schedule.clone().apply(Some(old.retry_schedule)).unwrap_or_default(),
            max_per_second: self.max_per_second.clone().apply(old.max_per_second),
            updated_at: now,
            version: old.version + 1,
            ..old
        })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateWebhook", "Change a webhook; deliveries that are due go where it points then")
        .takes::<Described>(json!({ "url": "https://example.com/other-hooks" }))
        .answers::<View>(200, "The webhook as it is now", View::example())
        .conditional()
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(id): PathId<WebhookId>,
    if_match: IfMatch,
    Body { value: request, .. }: Body<Request>,
) -> Result<Response, Problem> {
    /// A change that loses against another one is made again, on what that one left.
    const TRIES: u32 = 4;
    let (table, org, now) = (&state.core.table, caller.org(), state.core.clock.now());
    let entry = caller.entry(&origin, Action::WebhookUpdated, now).on(id);
    let entries = [entry.with("fields", request.named().join(" "))];
    let headers = seal(&state.core, &request.headers, id).await?;
    for _ in 0..TRIES {
        let old = table.webhook(org, id).await?.ok_or_else(Problem::not_found)?;
        if_match.check(old.version)?;
        let new =
            request.apply(&headers, old, now).map_err(|violation| Problem::field("/headers", violation))?;
        if let Some(answer) = write(&state, &entries, new).await? {
            return Ok(answer);
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}

async fn seal(
    core: &Core,
    headers: &Patch<HeaderChanges>,
    webhook: WebhookId,
) -> Result<Patch<SealedHeaderChanges>, NoEntropy> {
    Ok(match headers {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(changes) => {
            Patch::Set(changes.clone().seal(&*core.keys.ring().await, webhook, &core.entropy)?)
        }
    })
}

/// Writes a changed webhook with its records, and tells of it: the answer that shows it, or nothing where
/// another change was faster.
pub(super) async fn write(
    Webhooks { core, operational, .. }: &Webhooks,
    entries: &[Entry],
    new: Webhook,
) -> Result<Option<Response>, Problem> {
    let table = &core.table;
    let now = core.clock.now();
    let told = json!(View::at(new.clone(), now));
    let event = operational.prepare(new.org, OperationalKind::WebhookUpdated, None, told).await?;
    let build = || table.transaction().update_webhook(&new)?.tell(event.as_ref());
    if table.commit_audited(new.org, entries, build).await?.is_err() {
        return Ok(None);
    }
    operational.dispatch(event).await;
    Ok(Some((etag(new.version), Json(View::at(new, now))).into_response()))
}
