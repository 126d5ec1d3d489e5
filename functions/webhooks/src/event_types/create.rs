//! `POST /api/event-types` writes a type of event down.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use serde_json::value::RawValue;
use shared::audit::{Action, Origin};
use shared::context::Core;
use shared::event_type::{RegisteredType, SchemaText};
use shared::http::{Fields, FromFields, IdempotencyKey, Json as Body, Operation, created};
use shared::id::OrgId;
use shared::idempotency::{Claim, Created, Creation};
use shared::name::Description;
use shared::principal::Principal;
use shared::problem::{Kind, Problem, Violation};
use shared::table::StoreError;
use shared::webhook::EventType;

use super::schema;
use super::view::View;
use crate::Webhooks;
use crate::events::publish::OwnType;

const ROUTE: &str = "POST /api/event-types";

#[derive(JsonSchema)]
#[schemars(rename = "CreateEventType", deny_unknown_fields)]
pub(crate) struct Request {
    name: EventType,
    /// What it is.
    description: Option<Description>,
    /// What `data` looks like: JSON Schema 2020-12, at most 32 KiB. References stay within it (`#/$defs/…`), and do not
    /// come back to themselves; `format` is not checked.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    schema: Option<SchemaText>,
    /// Whether to refuse data that does not match; false if not given.
    #[schemars(default)]
    enforce: bool,
}

/// True or false.
pub(super) fn boolean(json: &RawValue) -> Result<bool, Violation> {
    let rule = || Violation::new("wrong_type", "expected true or false");
    serde_json::from_str(json.get()).map_err(|_| rule())
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name").map(|OwnType(name)| name);
        let description = fields.optional_text("description");
        let schema = fields.optional("schema", schema::read);
        let enforce = fields.optional("enforce", boolean).unwrap_or_default();
        Some(Self { name: name?, description, schema, enforce })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("createEventType", "Write an event type down, with what its data looks like")
        .takes::<Request>(json!({
            "name": "invoice.paid",
            "description": "An invoice was paid in full",
            "schema": { "type": "object", "required": ["invoice"] },
            "enforce": true,
        }))
        .answers::<View>(201, "The type", View::example())
        .idempotent()
        .fails(&[Kind::Conflict, Kind::LimitReached])
}

pub(crate) async fn handler(
    State(Webhooks { core, schemas, .. }): State<Webhooks>,
    caller: Principal,
    origin: Origin,
    idempotency: Option<IdempotencyKey>,
    Body { value: request, digest }: Body<Request>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let claim = idempotency.map(|key| Claim::new(org, &key, ROUTE, digest));
    if table.repeated(claim.as_ref(), now).await?.is_some() {
        return again(&core, org, &request.name).await;
    }
    // Two at once can both be the last one: the bound holds to within the number of them.
    if table.count_event_types(org).await? >= RegisteredType::PER_ORGANIZATION_MAX {
        let max = RegisteredType::PER_ORGANIZATION_MAX;
        let detail = format_args!("an organisation has at most {max} event types");
        return Err(Problem::because(Kind::LimitReached, detail));
    }
    let Request { name, description, schema, enforce } = request;
    let (created_at, updated_at) = (now, now);
    let registered =
        RegisteredType { org, name, description, schema, enforce, created_at, updated_at, version: 1 };
    registered.check().map_err(|violation| Problem::field("/enforce", violation))?;
    let entry = caller.entry(&origin, Action::EventTypeCreated, now).on(&registered.name);
    let made = registered.name.to_string();
    let creation = Creation { org, made, entry, claim: claim.as_ref(), now, running_until: None };
    match table.create_once(&creation, || table.transaction().put_event_type(&registered)).await? {
        Created::Now => {
            schemas.forget(org, &registered.name);
            Ok(created(registered.try_into()?))
        }
        Created::Before(_) => match table.repeated(claim.as_ref(), now).await? {
            Some(_) => again(&core, org, &registered.name).await,
            None => Err(StoreError::Contended.into()),
        },
        Created::Refused(_) => Err(Problem::because(Kind::Conflict, "the type is on the list already")),
    }
}

/// A repetition gets what the first request made, as it is now.
async fn again(core: &Core, org: OrgId, name: &EventType) -> Result<(StatusCode, Json<View>), Problem> {
    let gone = || Problem::because(Kind::Conflict, "the type was deleted since the first request");
    let registered = core.table.event_type(org, name).await?.ok_or_else(gone)?;
    Ok(created(registered.try_into()?))
}
