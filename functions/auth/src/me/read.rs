//! `GET /auth/me` tells a signed-in person who they are and where they belong.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::Operation;
use shared::id::{OrgId, UserId};
use shared::name::Name;
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::user::{Email, User};

#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    id: UserId,
    email: Email,
    name: Option<Name>,
    /// Whether the person has shown that the address is theirs.
    email_verified: bool,
    /// Whether logging in takes a second factor.
    mfa_enabled: bool,
    /// The oldest first.
    organizations: Vec<MyOrganization>,
    created_at: Timestamp,
}

/// An organisation that the person belongs to.
#[derive(Serialize, JsonSchema)]
struct MyOrganization {
    id: OrgId,
    name: Name,
    /// What the person is there.
    role: Role,
}

impl Me {
    /// One to show.
    pub(crate) fn example() -> Value {
        json!({
            "id": "usr_01kdvhq4000w3gf1r70w3gf1r7",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "email_verified": false,
            "mfa_enabled": false,
            "organizations": [
                { "id": "org_01kdvhq4000w3gf1r70w3gf1r7", "name": "Analytical Engines", "role": "owner" },
            ],
            "created_at": "2026-01-01T00:00:00.000Z",
        })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("getMe", "Tell the person who asks who they are").answers::<Me>(
        200,
        "The person.",
        Me::example(),
    )
}

pub(crate) async fn handler(State(core): State<Core>, asker: Person) -> Result<Json<Me>, Problem> {
    show(&core, asker).await.map(Json)
}

/// The person who asks, as everybody sees themselves.
pub(crate) async fn show(core: &Core, asker: Person) -> Result<Me, Problem> {
    let (user, organizations) =
        tokio::try_join!(core.table.user(asker.user), core.table.organizations_of(asker.user))?;
    let user = user.ok_or_else(|| Problem::of(Kind::InvalidToken))?;
    let organizations = organizations
        .into_iter()
        .map(|(organization, role)| MyOrganization { id: organization.id, name: organization.name, role })
        .collect();
    Ok(Me {
        id: user.id,
        email: user.email,
        name: user.name,
        email_verified: user.email_verified,
        mfa_enabled: user.mfa_enabled,
        organizations,
        created_at: user.created_at,
    })
}

/// The person who asks. Gone between the router's look and this one, their token is worth nothing.
pub(crate) async fn person(core: &Core, asker: Person) -> Result<User, Problem> {
    core.table.user(asker.user).await?.ok_or_else(|| Problem::of(Kind::InvalidToken))
}
