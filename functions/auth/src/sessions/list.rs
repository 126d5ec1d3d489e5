//! `GET /auth/sessions` lists where the person who asks is signed in, the latest first.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::Operation;
use shared::id::{OrgId, SessionId};
use shared::principal::Person;
use shared::problem::Problem;
use shared::session::Session;

use crate::me::read::person;

/// A session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(crate) struct View {
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// The organisation that it names, if any.
    organization_id: Option<OrgId>,
    /// What the program called itself when it signed in.
    user_agent: Option<String>,
    /// The address that it signed in from.
    address: Option<String>,
    created_at: Timestamp,
    /// When it was last refreshed, or began.
    last_used_at: Timestamp,
    /// When it ends if it is not refreshed.
    expires_at: Timestamp,
}

impl View {
    pub(crate) fn new(session: Session, current: SessionId) -> Self {
        let expires_at = session.ends_at();
        Self {
            id: session.id,
            current: session.id == current,
            organization_id: session.org,
            user_agent: session.device.user_agent,
            address: session.device.address,
            created_at: session.created_at,
            last_used_at: session.refreshed_at,
            expires_at,
        }
    }

    pub(crate) fn example() -> Value {
        json!({
            "id": "ses_01kdvhq4000w3gf1r70w3gf1r7",
            "current": true,
            "organization_id": "org_01kdvhq4000w3gf1r70w3gf1r7",
            "user_agent": "Mozilla/5.0",
            "address": "203.0.113.7",
            "created_at": "2026-01-01T00:00:00.000Z",
            "last_used_at": "2026-01-01T00:00:00.000Z",
            "expires_at": "2026-01-08T00:00:00.000Z",
        })
    }
}

/// All of them: there is no next page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sessions")]
pub(crate) struct Answer {
    data: Vec<View>,
    /// Always null.
    next_cursor: Option<String>,
}

pub(crate) fn operation() -> Operation {
    Operation::new("listSessions", "List where one is signed in").answers::<Answer>(
        200,
        "The sessions, the latest first",
        json!({ "data": [View::example()], "next_cursor": null }),
    )
}

pub(crate) async fn handler(State(core): State<Core>, asker: Person) -> Result<Json<Answer>, Problem> {
    let sessions = live(&core, asker).await?;
    let data = sessions.into_iter().map(|session| View::new(session, asker.session)).collect();
    Ok(Json(Answer { data, next_cursor: None }))
}

/// Those that can be used, the latest first.
pub(crate) async fn live(core: &Core, asker: Person) -> Result<Vec<Session>, Problem> {
    let (user, now) = (person(core, asker).await?, core.clock.now());
    let mut sessions = core.table.sessions(asker.user).await?;
    sessions.retain(|session| session.is_live(now) && user.is_in(session.epoch));
    sessions.reverse();
    Ok(sessions)
}
