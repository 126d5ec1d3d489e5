//! `POST /auth/invitations/accept` makes whoever is signed in a member of the organisation that invited
//! them. The session names what it named; `POST /auth/organization` moves it.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::audit::Origin;
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::principal::Person;
use shared::problem::{Kind, Problem};
use shared::table::Cancelled;

use crate::Auth;
use crate::invited::{Open, TokenText};
use crate::me::read::person;
use crate::tokens::SignedInOrganization;

#[derive(JsonSchema)]
#[schemars(rename = "AcceptInvitation", deny_unknown_fields)]
pub(crate) struct Request {
    /// The token of the link.
    #[schemars(with = "String")]
    invitation_token: TokenText,
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { invitation_token: fields.text("invitation_token")? })
    }
}

/// The person is a member.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InvitationAccepted")]
pub(crate) struct Answer {
    organization: SignedInOrganization,
}

pub(crate) fn operation() -> Operation {
    let organization =
        json!({ "id": "org_01kdvhq4000w3gf1r70w3gf1r7", "name": "Analytical Engines", "role": "member" });
    Operation::new("acceptInvitation", "Accept an invitation")
        .takes::<Request>(json!({ "invitation_token": "AQEBm38bkAAAOAg4DgOA4DgHAAAAAA" }))
        .answers::<Answer>(200, "The person is a member.", json!({ "organization": organization }))
        .fails(&[Kind::NotFound, Kind::InvitationForAnother, Kind::AlreadyMember, Kind::LimitReached])
}

pub(crate) async fn handler(
    State(auth): State<Auth>,
    asker: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<Json<Answer>, Problem> {
    let (core, now) = (&auth.core, auth.core.clock.now());
    let user = person(core, asker).await?;
    let open = Open::find(core, &request.invitation_token).await?;
    let org = open.organization.id;
    if let Err(refused) = open.check(&user.email) {
        core.table.append_audit(org, &open.entry(user.id, &origin, now).failed()).await?;
        return Err(refused);
    }
    // Who invited themselves is a member; their membership would be written and checked in one.
    if open.invitation.inviter == user.id {
        return Err(Problem::of(Kind::AlreadyMember));
    }
    let entry = open.entry(user.id, &origin, now);
    let event = open.told(&auth.operational, user.id).await?;
    let written = core
        .table
        .commit_audited(org, &[entry], || {
            // The token was sent to the address: whoever has it has shown that it is theirs.
            let accepted = open.accept(core.table.transaction(), user.id, now)?;
            let accepted =
                if user.email_verified { accepted } else { accepted.verify_email(user.id, &user.email)? };
            accepted.tell(event.as_ref())
        })
        .await?;
    written.map_err(|Cancelled(places)| Open::refused(&places, 0))?;
    auth.operational.dispatch(event).await;
    let organization = SignedInOrganization::new(open.organization, open.invitation.role);
    Ok(Json(Answer { organization }))
}
