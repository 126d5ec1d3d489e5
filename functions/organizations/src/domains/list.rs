//! `GET /api/organizations/{id}/domains` lists the domains that the organisation says are its own.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::domain::{Domain, DomainName, DomainStatus, JoinMode};
use shared::http::Operation;
use shared::problem::Problem;

use crate::own::Own;

/// A domain.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub(crate) struct View {
    domain: DomainName,
    /// `pending` until it was verified.
    status: &'static str,
    join: JoinMode,
    /// The name of the TXT record that shows it.
    record_name: String,
    /// What the record says.
    record_value: String,
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<Domain> for View {
    fn from(domain: Domain) -> Self {
        let (status, verified_at) = match domain.status {
            DomainStatus::Pending => ("pending", None),
            DomainStatus::Verified { at } => ("verified", Some(at)),
        };
        Self {
            status,
            join: domain.join,
            record_name: domain.record_name(),
            record_value: domain.record_value(),
            verified_at,
            created_at: domain.created_at,
            domain: domain.domain,
        }
    }
}

impl View {
    pub(crate) fn example() -> Value {
        json!({
            "domain": "example.com",
            "status": "pending",
            "join": "request",
            "record_name": "_ai-foundry.example.com",
            "record_value": "ai-foundry-verification=0123456789abcdef0123456789abcdef",
            "verified_at": null,
            "created_at": "2026-01-01T00:00:00.000Z",
        })
    }
}

/// All of them: there is no next page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Domains")]
pub(crate) struct Answer {
    data: Vec<View>,
    /// Always null.
    next_cursor: Option<String>,
}

pub(crate) fn operation() -> Operation {
    Operation::new("listDomains", "List the organisation's domains").answers::<Answer>(
        200,
        "The domains",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(State(core): State<Core>, own: Own) -> Result<Json<Answer>, Problem> {
    let data = core.table.domains(own.org).await?.into_iter().map(View::from).collect();
    Ok(Json(Answer { data, next_cursor: None }))
}
