//! `GET /api/organizations/{id}/invitations` lists the invitations of the last months, the latest first.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::id::{InvitationId, UserId};
use shared::invitation::{Invitation, InvitationStatus};
use shared::problem::Problem;
use shared::scope::Role;
use shared::user::Email;

use crate::own::Own;

/// An invitation. Its token is in the mail only.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(crate) struct View {
    id: InvitationId,
    email: Email,
    role: Role,
    status: InvitationStatus,
    invited_by: UserId,
    created_at: Timestamp,
    /// From when on a pending one is not accepted.
    expires_at: Timestamp,
}

impl From<Invitation> for View {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, email, role, status, inviter, created_at, expires_at, .. } = invitation;
        Self { id, email, role, status, invited_by: inviter, created_at, expires_at }
    }
}

impl View {
    pub(crate) fn example() -> Value {
        json!({
            "id": "inv_01kdvhq4000w3gf1r70w3gf1r7",
            "email": "grace@example.com",
            "role": "member",
            "status": "pending",
            "invited_by": "usr_01kdvhq4000w3gf1r70w3gf1r7",
            "created_at": "2026-01-01T00:00:00.000Z",
            "expires_at": "2026-01-08T00:00:00.000Z",
        })
    }
}

pub(crate) fn operation() -> Operation {
    let example = json!({ "data": [View::example()], "next_cursor": null });
    Operation::new("listInvitations", "List invitations")
        .paged()
        .answers::<Page<View>>(200, "A page", example)
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    query: PageQuery,
) -> Result<Json<Page<View>>, Problem> {
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("invitations {}", own.org));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let found = core.table.invitations(own.org, after, query.limit + 1).await?;
    Ok(Json(Page::cut(found, query.limit, &cursors, |invitation| invitation.id, View::from)))
}
