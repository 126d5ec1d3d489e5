//! `PATCH /auth/me` changes what the person is called, by a merge patch (RFC 7396). Address, password and
//! second factor have routes of their own: a profile verifies nothing.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, Operation, Patch};
use shared::name::Name;
use shared::principal::Person;
use shared::problem::{Kind, Problem};

use super::read::{Me, show};

pub(crate) struct Request {
    name: Patch<Name>,
}

/// The request as the document describes it: what is not named stays, null takes away.
#[derive(JsonSchema)]
#[schemars(rename = "UpdateMe", deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    name: Option<Name>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { name: fields.patch_text("name") })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateMe", "Change what one is called")
        .takes::<Described>(json!({ "name": "Ada King" }))
        .answers::<Me>(200, "The person as they are now", Me::example())
}

pub(crate) async fn handler(
    State(core): State<Core>,
    asker: Person,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<Me>, Problem> {
    let there = match &request.name {
        Patch::Keep => true,
        Patch::Clear => core.table.rename_user(asker.user, None).await?,
        Patch::Set(name) => core.table.rename_user(asker.user, Some(name)).await?,
    };
    if !there {
        return Err(Problem::of(Kind::InvalidToken));
    }
    show(&core, asker).await.map(Json)
}
