//! `PUT /api/organizations/{id}/modules` says which modules are on. The routes of one that is off refuse
//! everybody, within `shared::standing::REMEMBERED`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Origin};
use shared::http::{Fields, FromFieldsWith, IfMatch, Json as Body, Operation, etag};
use shared::organization::Organization;
use shared::problem::{Kind, Problem, Violation};
use shared::scope::{ModuleName, Modules};

use super::read::role_of;
use super::update::change;
use crate::Organizations;
use crate::own::Own;
use crate::view::View;

#[derive(JsonSchema)]
#[schemars(rename = "SetModules", deny_unknown_fields)]
pub(crate) struct Request {
    /// Those that are on from now on; the others are off.
    modules: Vec<ModuleName>,
}

impl FromFieldsWith<Organizations> for Request {
    fn from_fields_with(fields: &mut Fields<'_>, state: &Organizations) -> Option<Self> {
        if !fields.is_given("modules") {
            fields.reject("modules", Violation::new("required", "is required"));
        }
        let modules: Vec<ModuleName> = fields.texts("modules", 64);
        for (place, module) in modules.iter().enumerate() {
            if !module.is_built_in() && !state.extra_modules.contains(module) {
                let detail = format!("there is no module `{}` in this deployment", module.as_str());
                fields.reject_at("modules", place, Violation::new("unknown_module", detail));
            }
        }
        Some(Self { modules })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("setModules", "Say which modules are on")
        .takes::<Request>(json!({ "modules": ["api_keys", "webhooks"] }))
        .answers::<View>(200, "The organisation as it is now", View::example())
        .conditional()
        .fails(&[Kind::Conflict])
}

pub(crate) async fn handler(
    State(state): State<Organizations>,
    own: Own,
    origin: Origin,
    if_match: IfMatch,
    Body { value: request, .. }: Body<Request>,
) -> Result<Response, Problem> {
    let modules: Modules = request.modules.into_iter().collect();
    let names: Vec<_> = modules.iter().map(ModuleName::as_str).collect();
    let now = state.core.clock.now();
    let entry = own.entry(&origin, Action::OrganizationModulesChanged, now).on(own.org);
    let entry = entry.with("modules", names.join(" "));
    let new = change(&state, &own, &if_match, entry, |old| Organization { modules: modules.clone(), ..old })
        .await?;
    Ok((etag(new.version), Json(View::new(new, role_of(&own.caller)))).into_response())
}
