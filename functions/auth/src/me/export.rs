//! `GET /auth/me/export` hands out what is known of the person who asks (GDPR, article 20): in one
//! document, without what is secret.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{NoStore, Operation};
use shared::id::OrgId;
use shared::principal::Person;
use shared::problem::Problem;
use shared::scope::Role;

use super::read::{Me, show};
use crate::sessions::list::{View, live};

/// What is known of a person.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Export")]
pub(crate) struct Answer {
    user: Me,
    memberships: Vec<MembershipView>,
    sessions: Vec<View>,
    exported_at: Timestamp,
}

/// Since when the person belongs to an organisation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExportedMembership")]
struct MembershipView {
    organization_id: OrgId,
    role: Role,
    joined_at: Timestamp,
}

pub(crate) fn operation() -> Operation {
    let example = json!({
        "user": Me::example(),
        "memberships": [{
            "organization_id": "org_01kdvhq4000w3gf1r70w3gf1r7",
            "role": "owner",
            "joined_at": "2026-01-01T00:00:00.000Z",
        }],
        "sessions": [View::example()],
        "exported_at": "2026-01-02T00:00:00.000Z",
    });
    Operation::new("exportMe", "Hand out what is known of the person who asks").answers::<Answer>(
        200,
        "All of it. What the person did in an organisation is in its audit log.",
        example,
    )
}

pub(crate) async fn handler(State(core): State<Core>, asker: Person) -> Result<Response, Problem> {
    let user = show(&core, asker).await?;
    let memberships = core.table.memberships_of(asker.user).await?.into_iter();
    let memberships = memberships
        .map(|membership| MembershipView {
            organization_id: membership.org,
            role: membership.role,
            joined_at: membership.joined_at,
        })
        .collect();
    let sessions = live(&core, asker).await?.into_iter();
    let sessions = sessions.map(|session| View::new(session, asker.session)).collect();
    let answer = Json(Answer { user, memberships, sessions, exported_at: core.clock.now() });
    let file =
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"export.json\""));
    Ok(NoStore(([file], answer)).into_response())
}
