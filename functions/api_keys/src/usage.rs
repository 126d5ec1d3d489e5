//! `GET /api/api-keys/{id}/usage` tells how often a key was verified, by day and by what came of it.

use axum::Json;
use axum::extract::{RawQuery, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::http::{Operation, PathId};
use shared::id::ApiKeyId;
use shared::limit::Day;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::ApiKeys;

/// So many days are kept.
const DAYS_KEPT: u32 = 90;
/// So many are shown if nobody says otherwise.
const DAYS_SHOWN: u32 = 30;

/// One day, in UTC.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKeyUsageDay")]
pub(crate) struct DayView {
    /// `2026-01-31`.
    date: String,
    /// How often it was accepted.
    verified: u64,
    /// How often it was not, by the code of the verdict in lower case.
    refused: BTreeMap<String, u64>,
}

impl From<Day> for DayView {
    fn from(Day { date, mut counts }: Day) -> Self {
        let verified = counts.remove("verified").unwrap_or(0);
        Self { date, verified, refused: counts }
    }
}

/// The days on which it was verified, the latest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKeyUsage")]
pub(crate) struct Answer {
    data: Vec<DayView>,
    /// Always null.
    next_cursor: Option<String>,
}

pub(crate) fn operation() -> Operation {
    let day = json!({ "date": "2026-01-01", "verified": 1729, "refused": { "rate_limited": 7 } });
    Operation::new("readApiKeyUsage", "How often a key was verified, by day and by what came of it")
        .query("days", "How many days, today included: 1 to 90, else 30.")
        .answers::<Answer>(
            200,
            "The days on which it was verified. Of a busy key the last second may be missing.",
            json!({ "data": [day], "next_cursor": null }),
        )
}

fn days_of(query: &str) -> Result<u32, Problem> {
    let mut days = DAYS_SHOWN;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "days" {
            let name: String = name.chars().take(64).collect();
            let why = format_args!("there is no query parameter `{name}` here");
            return Err(Problem::because(Kind::InvalidRequest, why));
        }
        let given = value.parse().ok().filter(|days| (1..=DAYS_KEPT).contains(days));
        let why = format_args!("`days` is a number from 1 to {DAYS_KEPT}");
        days = given.ok_or_else(|| Problem::because(Kind::InvalidRequest, why))?;
    }
    Ok(days)
}

pub(crate) async fn handler(
    State(ApiKeys { core, .. }): State<ApiKeys>,
    caller: Principal,
    PathId(id): PathId<ApiKeyId>,
    RawQuery(query): RawQuery,
) -> Result<Json<Answer>, Problem> {
    let days = days_of(query.as_deref().unwrap_or_default())?;
    core.table.api_key(caller.org(), id).await?.ok_or_else(Problem::not_found)?;
    let now = core.clock.now();
    let first = now.minus(Duration::from_hours(24 * u64::from(days - 1)));
    let found = core.limiter.usage(&id.to_string(), &date(first), &date(now)).await?;
    let mut data: Vec<_> = found.into_iter().map(DayView::from).collect();
    data.reverse();
    Ok(Json(Answer { data, next_cursor: None }))
}

fn date(at: Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}
