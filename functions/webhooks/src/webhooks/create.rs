//! `POST /api/webhooks` makes a webhook and shows its signing secret, this once.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::address::TargetUrl;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::http::{Fields, FromFieldsWith, IdempotencyKey, Json, NoStore, Operation, Patch, created, etag};
use shared::id::WebhookId;
use shared::idempotency::{Claim, Created, Creation};
use shared::name::{Description, Metadata};
use shared::operational::OperationalKind;
use shared::principal::Principal;
use shared::problem::{Kind, Problem, Violation};
use shared::table::StoreError;
use shared::webhook::{
    Channel, Condition, EventPattern, HeaderChanges, RetrySchedule, SealedHeaders, SealedSecret,
    SigningSecret, Status, Subscription, WEBHOOKS_MAX, Webhook,
};

use super::view::View;
use crate::Webhooks;

const ROUTE: &str = "POST /api/webhooks";
/// How many types a webhook can name.
pub(super) const EVENT_TYPES_MAX: usize = 50;

#[derive(JsonSchema)]
#[schemars(rename = "CreateWebhook")]
pub(crate) struct Request {
    /// Where to: `https`, a public address.
    #[schemars(url, length(max = 2048))]
    url: String,
    /// What it subscribes to: types, or beginnings such as `invoice.*`; empty means everything.
    #[schemars(default, length(max = 50))]
    event_types: Vec<EventPattern>,
    /// The channels that it is for; empty means all, and what is in none.
    #[schemars(default, length(max = 20))]
    channels: Vec<Channel>,
    /// What has to hold of an event's `data`, all of it; empty means nothing.
    #[schemars(default, length(max = 10))]
    filter: Vec<Condition>,
    /// Headers that go along with each delivery, such as `authorization`: at most ten. Answers show their names, and
    /// `***` for every value.
    #[schemars(with = "BTreeMap<String, String>", default, extend("maxProperties" = 10))]
    headers: HeaderChanges,
    /// What it is for.
    description: Option<Description>,
    /// Notes of your own.
    metadata: Option<Metadata>,
    /// How long one attempt may take in all; 15 if not given.
    #[schemars(range(min = 1, max = 30))]
    timeout_seconds: Option<u32>,
    /// The waits after failed attempts, in seconds: at most 15, each at most three days, all at most 15 days.
    /// None means one attempt. 5 s to 10 h, eight attempts in all, if not given.
    retry_schedule_seconds: Option<RetrySchedule>,
    /// How many deliveries are sent in a second, at the most; the rest wait. As many as there are if not given.
    #[schemars(range(min = 1, max = 1000))]
    max_per_second: Option<u32>,
    /// A secret of your own; a new one is made if not given.
    secret: Option<SigningSecret>,
}

impl FromFieldsWith<Webhooks> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, state: &Webhooks) -> Option<Self> {
        let url = fields.text("url").and_then(|url| check_url(fields, url, state));
        let event_types = fields.texts("event_types", EVENT_TYPES_MAX);
        let channels = fields.texts("channels", Subscription::CHANNELS_MAX);
        let filter = fields.objects("filter", Condition::PER_WEBHOOK_MAX, Condition::read);
        let headers = fields.optional_object("headers", HeaderChanges::read).unwrap_or_default();
        let description = fields.optional_text("description");
        let metadata = fields.optional("metadata", Metadata::read);
        let timeout_seconds = fields.optional_integer("timeout_seconds", 1..=Webhook::TIMEOUT_SECONDS_MAX);
        let retry_schedule_seconds = schedule(fields.patch_list("retry_schedule_seconds"), fields);
        let retry_schedule_seconds = retry_schedule_seconds.apply(None);
        let max_per_second = fields.optional_integer("max_per_second", 1..=Webhook::MAX_PER_SECOND);
        let secret = fields.optional_text("secret");
        Some(Self {
            url: url?,
            event_types,
            channels,
            filter,
            headers,
            description,
            metadata,
            timeout_seconds,
            retry_schedule_seconds,
            max_per_second,
            secret,
        })
    }
}

/// A URL as it came; the egress rules, which are settings, decide about it.
pub(super) struct UrlText(String);

impl std::str::FromStr for UrlText {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

/// A schedule of waits that are numbers already.
pub(super) fn schedule(given: Patch<Vec<u32>>, fields: &mut Fields<'_>) -> Patch<RetrySchedule> {
    const NAME: &str = "retry_schedule_seconds";
    match given {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(seconds) => match RetrySchedule::new(seconds) {
            Ok(schedule) => Patch::Set(schedule),
            Err((Some(place), violation)) => {
                fields.reject_at(NAME, place, violation);
                Patch::Keep
            }
            Err((None, violation)) => {
                fields.reject(NAME, violation);
                Patch::Keep
            }
        },
    }
}

/// The URL in its normal form, if the deployment sends to it.
pub(super) fn check_url(fields: &mut Fields<'_>, UrlText(text): UrlText, state: &Webhooks) -> Option<String> {
    match TargetUrl::parse(&text, &state.egress) {
        Ok(url) => Some(url.as_str().to_owned()),
        Err(error) => {
            fields.reject("url", Violation::new("url_not_allowed", error.to_string()));
            None
        }
    }
}

/// A new webhook: all that others show, and its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreatedWebhook")]
struct Answer {
    /// What deliveries are signed with, in this answer only.
    secret: String,
    #[serde(flatten)]
    view: View,
}

pub(crate) fn operation() -> Operation {
    let mut example = View::example();
    example["secret"] = json!("whsec_…44 characters of base64…");
    Operation::new("createWebhook", "Make a webhook; its signing secret is in this answer only")
        .takes::<Request>(json!({ "url": "https://example.com/hooks", "event_types": ["invoice.*"] }))
        .answers::<Answer>(201, "The webhook, with its secret this once", example)
        .idempotent()
        .fails(&[Kind::SecretAlreadyShown, Kind::LimitReached])
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("an organisation has at most {WEBHOOKS_MAX} webhooks")]
    TooMany,
    #[error("the `Idempotency-Key` stands for an earlier request")]
    Before(Problem),
    #[error("the headers are not right")]
    Headers(Violation),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::TooMany => Self::because(Kind::LimitReached, error),
            Error::Before(problem) => problem,
            Error::Headers(violation) => Self::field("/headers", violation),
            Error::Entropy(source) => source.into(),
            Error::Store(source) => source.into(),
        }
    }
}

pub(crate) async fn handler(
    State(state): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Json { value: request, digest }: Json<Request>,
) -> Result<Response, Problem> {
    let claim = idempotency.map(|key| Claim::new(caller.org(), &key, ROUTE, digest));
    let (webhook, secret) = create(&state, &caller, &origin, request, claim).await?;
    let tag = etag(webhook.version);
    let answer = Answer { secret: secret.reveal_once(), view: View::at(webhook, state.core.clock.now()) };
    Ok(NoStore((tag, created(answer))).into_response())
}

async fn create(
    state: &Webhooks,
    caller: &Principal,
    origin: &Origin,
    request: Request,
    claim: Option<Claim>,
) -> Result<(Webhook, SigningSecret), Error> {
    let (Webhooks { core, .. }, org) = (state, caller.org());
    // Two at once can both be the last one: the bound holds to within the number of them.
    let now = core.clock.now();
    if core.table.count_webhooks(org).await? >= WEBHOOKS_MAX {
        return Err(before(core, claim, now).await?.unwrap_or(Error::TooMany));
    }
    let id = WebhookId::new(now, &core.entropy)?;
    let secret = match request.secret {
        Some(secret) => secret,
        None => SigningSecret::generate(&core.entropy)?,
    };
    let ring = core.keys.ring().await;
    let sealed = SealedSecret::with_new_key(&secret, &ring, id, &core.entropy)?;
    let headers = request.headers.seal(&ring, id, &core.entropy)?;
    let webhook = Webhook {
        id,
        org,
        url: request.url,
        subscription: Subscription {
            event_types: request.event_types,
            channels: request.channels,
            filter: request.filter,
        },
        description: request.description,
        headers: SealedHeaders::default().after(&headers).map_err(Error::Headers)?,
        metadata: request.metadata.unwrap_or_default(),
        timeout_seconds: request.timeout_seconds.unwrap_or(Webhook::TIMEOUT_SECONDS_DEFAULT),
        retry_schedule: request.retry_schedule_seconds.unwrap_or_default(),
        max_per_second: request.max_per_second,
        status: Status::Active,
        secrets: vec![sealed],
        created_at: now,
        updated_at: now,
        version: 1,
        seals: 0,
    };
    let entry = caller.entry(origin, Action::WebhookCreated, now).on(id);
    let made = id.to_string();
    let creation = Creation { org, made, entry, claim: claim.as_ref(), now, running_until: None };
    let table = &core.table;
    let told = json!(View::at(webhook.clone(), now));
    let event = state.operational.prepare(org, OperationalKind::WebhookCreated, Some(id), told).await?;
    let build = || table.transaction().put_webhook(&webhook)?.tell(event.as_ref());
    match (table.create_once(&creation, build).await?, claim) {
        (Created::Before(record), Some(claim)) => Err(Error::Before(record.secret_was_shown(&claim))),
        (Created::Refused(_), _) => Err(StoreError::Contended.into()),
        (Created::Before(_) | Created::Now, _) => {
            state.operational.dispatch(event).await;
            Ok((webhook, secret))
        }
    }
}

/// A repetition of a request that has made its webhook gets that one's answer, whatever else holds by now.
async fn before(core: &Core, claim: Option<Claim>, now: Timestamp) -> Result<Option<Error>, StoreError> {
    let Some(claim) = claim else { return Ok(None) };
    let record = core.table.claimed(&claim, now).await?;
    Ok(record.map(|record| Error::Before(record.secret_was_shown(&claim))))
}
