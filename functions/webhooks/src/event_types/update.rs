//! `PATCH /api/event-types/{name}` changes a type by a merge patch (RFC 7396). A schema is given whole.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::clock::Timestamp;
use shared::event_type::{RegisteredType, SchemaText};
use shared::http::{Fields, FromFields, Json as Body, Operation, Patch, PathId};
use shared::name::Description;
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::webhook::EventType;

use super::create::boolean;
use super::schema;
use super::view::View;
use crate::Webhooks;

pub(crate) struct Request {
    description: Patch<Description>,
    schema: Patch<SchemaText>,
    enforce: Patch<bool>,
}

/// The request as the document describes it: what is not named stays, null takes away.
#[derive(JsonSchema)]
#[schemars(rename = "UpdateEventType", deny_unknown_fields)]
#[expect(dead_code, reason = "it is only described")]
struct Described {
    description: Option<Description>,
    /// Replaced as a whole.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    schema: Option<SchemaText>,
    enforce: Option<bool>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            description: fields.patch_text("description"),
            schema: fields.patch("schema", schema::read),
            enforce: fields.patch("enforce", boolean),
        })
    }
}

impl Request {
    /// The names of what it changes.
    fn named(&self) -> String {
        let named = [
            ("description", self.description != Patch::Keep),
            ("schema", self.schema != Patch::Keep),
            ("enforce", self.enforce != Patch::Keep),
        ];
        let given: Vec<_> = named.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
        given.join(" ")
    }

    fn apply(&self, old: RegisteredType, now: Timestamp) -> RegisteredType {
        RegisteredType {
            description: self.description.clone().apply(old.description),
            schema: self.schema.clone().apply(old.schema),
            enforce: self.enforce.clone().apply(Some(old.enforce)).unwrap_or_default(),
            updated_at: now,
            version: old.version + 1,
            ..old
        }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("updateEventType", "Change an event type; publishes go by it within five seconds")
        .takes::<Described>(json!({ "enforce": true }))
        .answers::<View>(200, "The type as it is now", View::example())
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(Webhooks { core, schemas, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    PathId(name): PathId<EventType>,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<View>, Problem> {
    /// A change that loses against another one is made again, on what that one left.
    const TRIES: u32 = 4;
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let entry = caller.entry(&origin, Action::EventTypeUpdated, now).on(&name);
    let entries = [entry.with("fields", request.named())];
    for _ in 0..TRIES {
        let old = table.event_type(org, &name).await?.ok_or_else(Problem::not_found)?;
        let new = request.apply(old, now);
        new.check().map_err(|violation| Problem::field("/enforce", violation))?;
        let build = || table.transaction().update_event_type(&new);
        let written = table.commit_audited(org, &entries, build).await?;
        schemas.forget(org, &name);
        if written.is_ok() {
            return Ok(Json(new.try_into()?));
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}
