//! `GET /api/organizations/{id}/members` lists the members, those whose accounts are the youngest first;
//! with `?requested=true`, those who ask to join.

use axum::Json;
use axum::extract::{RawQuery, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Cursors, Operation, Page, PageQuery};
use shared::id::{OrgId, UserId};
use shared::name::Name;
use shared::problem::Problem;
use shared::scope::Role;
use shared::user::{Email, User};

use crate::own::Own;

/// A member, or somebody who asks to be one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub(crate) struct View {
    user_id: UserId,
    /// Null for somebody who deleted their account meanwhile.
    email: Option<Email>,
    name: Option<Name>,
    /// Null for somebody who asks to join.
    role: Option<Role>,
    /// Since when they are a member, or ask.
    since: Timestamp,
}

impl View {
    pub(crate) fn new(user: Option<User>, id: UserId, role: Option<Role>, since: Timestamp) -> Self {
        let (email, name) = user.map_or((None, None), |user| (Some(user.email), user.name));
        Self { user_id: id, email, name, role, since }
    }

    pub(crate) fn example() -> Value {
        json!({
            "user_id": "usr_01kdvhq4000w3gf1r70w3gf1r7",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "role": "owner",
            "since": "2026-01-01T00:00:00.000Z",
        })
    }
}

pub(crate) fn operation() -> Operation {
    let example = json!({ "data": [View::example()], "next_cursor": null });
    Operation::new("listMembers", "List the members, or those who ask to be")
        .paged()
        .flag("requested", "Whether to list those who ask to join instead.")
        .answers::<Page<View>>(200, "A page", example)
}

pub(crate) async fn handler(
    State(core): State<Core>,
    own: Own,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<View>>, Problem> {
    let (query, requested) = PageQuery::parse_with(query.as_deref().unwrap_or_default(), "requested")?;
    if requested { requests(&core, own.org, query).await } else { members(&core, own.org, query).await }
}

async fn members(core: &Core, org: OrgId, query: PageQuery) -> Result<Json<Page<View>>, Problem> {
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("members {org}"));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let found = core.table.members(org, after, query.limit + 1).await?;
    let ids: Vec<_> = found.iter().map(|member| member.user).collect();
    let mut users = core.table.users(&ids).await?.into_iter();
    Ok(Json(Page::cut(
        found,
        query.limit,
        &cursors,
        |member| member.user,
        |member| View::new(users.next().flatten(), member.user, Some(member.role), member.joined_at),
    )))
}

async fn requests(core: &Core, org: OrgId, query: PageQuery) -> Result<Json<Page<View>>, Problem> {
    let ring = core.keys.ring().await;
    let cursors = Cursors::of(&ring, format_args!("join-requests {org}"));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    let found = core.table.join_requests(org, after, query.limit + 1).await?;
    let ids: Vec<_> = found.iter().map(|request| request.user).collect();
    let mut users = core.table.users(&ids).await?.into_iter();
    Ok(Json(Page::cut(
        found,
        query.limit,
        &cursors,
        |request| request.user,
        |request| View::new(users.next().flatten(), request.user, None, request.requested_at),
    )))
}
