//! `POST /api/api-keys/report-leak` switches a key off that was found where it does not belong. Whoever has
//! its text may do so, and nobody learns from the answer whether it was a key.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::api_key::StoredKey;
use shared::audit::{Action, Actor, Origin};
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::limit::Window;
use shared::mail::Mail;
use shared::operational::OperationalKind;
use shared::problem::{Kind, Problem, Violation};
use shared::token::KeyToken;

use crate::ApiKeys;

#[derive(JsonSchema)]
#[schemars(rename = "ReportLeakedApiKey", deny_unknown_fields)]
pub(crate) struct Request {
    /// The text that was found, whole.
    key: String,
    /// Where it was found.
    #[schemars(with = "Option<String>", url, length(max = 2048))]
    url: Option<Found>,
}

struct Text(String);

impl std::str::FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

/// A web address; it is written down, and never called.
struct Found(String);

impl std::str::FromStr for Found {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        const BYTES_MAX: usize = 2048;
        let url = url::Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        match url {
            // What comes after may hold secrets of its own, the key among them.
            Some(mut url) if text.len() <= BYTES_MAX => {
                url.set_query(None);
                url.set_fragment(None);
                let _ = url.set_username("").and_then(|()| url.set_password(None));
                Ok(Self(url.into()))
            }
            _ => Err(Violation::new("invalid_format", "expected an http or https address")),
        }
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (key, url) = (fields.text("key"), fields.optional_text("url"));
        let Text(key) = key?;
        Some(Self { key, url })
    }
}

/// The same to everybody.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReportReceived")]
pub(crate) struct Answer {
    /// Always `received`.
    status: &'static str,
}

pub(crate) fn operation() -> Operation {
    Operation::new("reportLeakedApiKey", "Switch off a key that was found where it does not belong")
        .takes::<Request>(
            json!({ "key": "aif_live_…", "url": "https://github.com/acme/site/blob/main/.env" }),
        )
        .answers::<Answer>(
            202,
            "If it is a key, it is not accepted any more, and its maker gets a mail.",
            json!({ "status": "received" }),
        )
        .fails(&[Kind::RateLimited])
}

pub(crate) async fn handler(
    State(state): State<ApiKeys>,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let (core, now) = (&state.core, state.core.clock.now());
    core.limiter.take(Window::LEAK_REPORTS, &origin.address.subject(), now).await?.or_refuse()?;
    let received = (StatusCode::ACCEPTED, Json(Answer { status: "received" }));
    let Some(token) = KeyToken::parse(&request.key) else { return Ok(received) };
    // The text before the last rotation counts as long as it is accepted.
    let found = core.table.stored_key(token.id()).await?;
    let theirs = |stored: &StoredKey| stored.secret(&token, now).is_some() && stored.key.can_leak();
    let Some(StoredKey { key, .. }) = found.filter(theirs) else { return Ok(received) };
    // Before it is switched off: who repeats a report after that finds nothing to switch off, and a mail
    // that was not asked for would never be. Two mails are better than none.
    state.mail.send(Mail::ApiKeyLeaked { user: key.created_by, key: key.id }, now).await?;
    let entry = origin.entry(Action::ApiKeyLeaked, Actor::Nobody, now).on(key.id);
    let entry = match &request.url {
        // Not the text itself, also where somebody put it into the address.
        Some(Found(url)) if !url.contains(&request.key) => entry.with("url", url),
        Some(_) | None => entry,
    };
    let (table, entries, told) = (&core.table, [entry], json!({ "id": key.id, "leaked_at": now }));
    let event = state.operational.prepare(key.org, OperationalKind::ApiKeyLeaked, None, told).await?;
    let build = || table.transaction().mark_api_key_leaked(key.org, key.id, now)?.tell(event.as_ref());
    // Refused when it was revoked or reported before.
    if table.commit_urgent(key.org, &entries, build).await?.is_ok() {
        state.operational.dispatch(event).await;
    }
    Ok(received)
}
