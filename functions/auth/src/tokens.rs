//! What a session is worth: an access token for minutes, and the refresh token for the next one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::id::{OrgId, UserId};
use shared::name::Name;
use shared::organization::Organization;
use shared::problem::Problem;
use shared::scope::Role;
use shared::session::Session;
use shared::token::{ACCESS_TOKEN_SECONDS, AccessClaims, RefreshToken};
use shared::user::Email;

use crate::account::Account;

/// A person who is signed in, and the tokens of their session.
// It holds credentials: no `Debug`, and it is sent in `NoStore`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignedIn {
    user: SignedInUser,
    /// The organisation that the session names; null when the person is in none.
    organization: Option<SignedInOrganization>,
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How many seconds the access token is good for.
    expires_in: u32,
    /// For `POST /auth/refresh`, once.
    refresh_token: String,
}

#[derive(Serialize, JsonSchema)]
struct SignedInUser {
    id: UserId,
    email: Email,
    /// Whether the person has shown that the address is theirs.
    email_verified: bool,
    name: Option<Name>,
    created_at: Timestamp,
}

/// An organisation, and what the person is there.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignedInOrganization {
    id: OrgId,
    name: Name,
    role: Role,
}

impl SignedInOrganization {
    pub(crate) fn new(organization: Organization, role: Role) -> Self {
        Self { id: organization.id, name: organization.name, role }
    }
}

impl SignedIn {
    /// Issues the pair of a session. The refresh token is a function of the session's counter: a
    /// client whose answer was lost gets the same one again.
    pub(crate) async fn issue(core: &Core, session: &Session, account: Account) -> Result<Self, Problem> {
        let Account { user, membership } = account;
        let ring = core.keys.ring().await;
        let jti = format!("{:032x}", u128::from_le_bytes(core.entropy.bytes()?));
        let member = membership
            .as_ref()
            .map(|(organization, role)| (organization.id, *role, organization.modules.clone()));
        let claims =
            AccessClaims::new(&core.issuer, (session.user, session.id), member, core.clock.now(), jti);
        let refresh = RefreshToken { user: session.user, session: session.id, counter: session.counter };
        Ok(Self {
            user: SignedInUser {
                id: user.id,
                email: user.email,
                email_verified: user.email_verified,
                name: user.name,
                created_at: user.created_at,
            },
            organization: membership
                .map(|(organization, role)| SignedInOrganization::new(organization, role)),
            access_token: claims.sign(&ring).map_err(|error| Problem::internal(&error))?,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token: refresh.reveal(&ring),
        })
    }

    /// One to show.
    pub(crate) fn example() -> Value {
        json!({
            "user": {
                "id": "usr_01kdvhq4000w3gf1r70w3gf1r7",
                "email": "ada@example.com",
                "email_verified": false,
                "name": "Ada Lovelace",
                "created_at": "2026-01-01T00:00:00.000Z",
            },
            "organization": {
                "id": "org_01kdvhq4000w3gf1r70w3gf1r7",
                "name": "Analytical Engines",
                "role": "owner",
            },
            "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.e30.c2lnbmF0dXJl",
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": "rt_AQGbfxuQAAA4CDgOA4DgOAcBm38bkAAAOAg4DgOA4DgHAAAAAA",
        })
    }
}
