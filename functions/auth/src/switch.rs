//! `POST /auth/organization` moves the session to another organisation of the person.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::id::OrgId;
use shared::principal::Person;
use shared::problem::{Kind, Problem};

use crate::account::Account;
use crate::tokens::SignedIn;

#[derive(JsonSchema)]
#[schemars(rename = "SwitchOrganization", deny_unknown_fields)]
pub(crate) struct Request {
    organization_id: OrgId,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { organization_id: fields.text("organization_id")? })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("switchOrganization", "Go on in another of one's organisations")
        .takes::<Request>(json!({ "organization_id": "org_01kdvhq4000w3gf1r70w3gf1r7" }))
        .answers::<SignedIn>(200, "The session's tokens, which name it.", SignedIn::example())
        .fails(&[Kind::NotFound, Kind::Conflict])
}

pub(crate) async fn handler(
    State(core): State<Core>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<SignedIn>>, Problem> {
    /// A move that a refresh overtakes is made again, on the session as that one left it.
    const TRIES: u32 = 4;
    let org = request.organization_id;
    for _ in 0..TRIES {
        if let Some(signed_in) = switch(&core, asker, &origin, org).await? {
            return Ok(NoStore(Json(signed_in)));
        }
    }
    Err(Problem::of(Kind::Conflict).retry_after(1))
}

/// `None` where the session was refreshed or moved meanwhile.
async fn switch(
    core: &Core,
    asker: Person,
    origin: &Origin,
    org: OrgId,
) -> Result<Option<SignedIn>, Problem> {
    let (table, now) = (&core.table, core.clock.now());
    let session = table.session(asker.user, asker.session).await?;
    let session = session.ok_or_else(|| Problem::of(Kind::InvalidToken))?;
    let account = Account::find(table, (asker.user, session.epoch), Some(org)).await?;
    let account = account.ok_or_else(|| Problem::of(Kind::InvalidToken))?;
    // Not theirs, or no such organisation: one answer.
    if account.membership.is_none() {
        return Err(Problem::not_found());
    }
    // Also where it names the organisation already: the refresh token in the answer has to be its newest.
    let moved = session.moved(Some(org), now);
    if !table.move_session(&session, &moved).await? {
        return Ok(None);
    }
    if session.org != Some(org) {
        let actor = Actor::User(asker.user);
        let entry = origin.entry(Action::SessionOrganizationSwitched, actor, now).on(session.id);
        table.append_audit(org, &entry).await?;
    }
    Ok(Some(SignedIn::issue(core, &moved, account).await?))
}
