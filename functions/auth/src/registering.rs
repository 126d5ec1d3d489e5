//! How somebody who registers gets into an organisation: they make one, accept an invitation, or join
//! the one that has proved the domain of their address.

use serde_json::json;
use shared::audit::{Action, Actor, Entry, Origin};
use shared::clock::Timestamp;
use shared::event::Event;
use shared::id::{LinkId, OrgId, UserId};
use shared::invitation::JoinRequest;
use shared::name::Name;
use shared::operational::{Operational, OperationalKind};
use shared::organization::{Change, Membership, Organization};
use shared::problem::{Kind, Problem};
use shared::scope::Role;
use shared::table::{Cancelled, StoreError, Table, Transaction};
use shared::user::{Login, User};

use crate::Auth;
use crate::account::Account;
use crate::sign_in::audited;

/// Where somebody who registers comes to be.
pub(crate) enum Place {
    /// In an organisation of their own.
    Made(Organization),
    /// In one that takes whoever has an address at its domain.
    Joined(Organization),
    /// In none, until one that they ask lets them in.
    Asked(OrgId),
    /// In none.
    Nowhere,
}

impl Place {
    fn org(&self) -> Option<OrgId> {
        match self {
            Self::Made(organization) | Self::Joined(organization) => Some(organization.id),
            Self::Asked(_) | Self::Nowhere => None,
        }
    }

    /// An organisation that is made now.
    pub(crate) fn make(auth: &Auth, name: Name, now: Timestamp) -> Result<Self, Problem> {
        Ok(Self::Made(Organization::new(OrgId::new(now, &auth.core.entropy)?, name, now)))
    }

    fn entry(&self, user: UserId, origin: &Origin, now: Timestamp) -> Option<(OrgId, Entry)> {
        let entry = |action, org: OrgId| Some((org, origin.entry(action, Actor::User(user), now).on(user)));
        match self {
            Self::Made(organization) => entry(Action::OrganizationCreated, organization.id),
            Self::Joined(organization) => entry(Action::MemberAdded, organization.id),
            Self::Asked(org) => entry(Action::MemberRequested, *org),
            Self::Nowhere => None,
        }
    }

    /// What webhooks of the organisation are told of it: nothing where there was none before.
    async fn told(&self, operational: &Operational, user: UserId) -> Result<Option<Event>, StoreError> {
        let (org, kind, told) = match self {
            Self::Joined(organization) => {
                let told = json!({ "user_id": user, "role": Role::Member });
                (organization.id, OperationalKind::MemberAdded, told)
            }
            Self::Asked(org) => (*org, OperationalKind::MemberRequested, json!({ "user_id": user })),
            Self::Made(_) | Self::Nowhere => return Ok(None),
        };
        operational.prepare(org, kind, None, told).await
    }

    fn write<'a>(
        &self,
        transaction: Transaction<'a>,
        user: UserId,
        now: Timestamp,
    ) -> Result<Transaction<'a>, StoreError> {
        let membership = |org, role| Membership { org, user, role, joined_at: now };
        match self {
            Self::Made(organization) => {
                transaction.put_organization(organization, &membership(organization.id, Role::Owner))
            }
            Self::Joined(organization) => transaction.add_member(&membership(organization.id, Role::Member)),
            Self::Asked(org) => {
                transaction.put_join_request(&JoinRequest { org: *org, user, requested_at: now })
            }
            Self::Nowhere => Ok(transaction),
        }
    }
}

/// Whether the link that led here is used up with it.
pub(crate) type Used = Option<LinkId>;

/// Makes the person and puts them into their place: all of it or nothing. The link is the first write,
/// the claim on the address the next.
pub(crate) async fn make(
    auth: &Auth,
    (user, password_hash): (User, String),
    place: Place,
    used: Used,
    origin: &Origin,
) -> Result<Account, Problem> {
    let (table, now): (&Table, _) = (&auth.core.table, auth.core.clock.now());
    let login = Login { user: user.id, password_hash, organization: place.org(), epoch: user.epoch };
    let (org, entries) = match place.entry(user.id, origin, now) {
        Some((org, entry)) => (Some(org), vec![entry]),
        None => (None, Vec::new()),
    };
    let claim = usize::from(used.is_some());
    let event = place.told(&auth.operational, user.id).await?;
    let written = audited(table, org, &entries, || {
        let mut transaction = table.transaction();
        if let Some(link) = used {
            transaction = transaction.use_link(link, now)?;
        }
        place.write(transaction.put_user(&user, login.clone())?, user.id, now)?.tell(event.as_ref())
    })
    .await?;
    auth.operational.dispatch(event.filter(|_| written.is_ok())).await;
    let membership = match written {
        Ok(()) => match place {
            Place::Made(organization) => Some((organization, Role::Owner)),
            Place::Joined(organization) => Some((organization, Role::Member)),
            Place::Asked(_) | Place::Nowhere => None,
        },
        Err(Cancelled(places)) if claim == 1 && places.contains(&0) => {
            return Err(Problem::of(Kind::InvalidLink));
        }
        Err(Cancelled(places)) if places.contains(&claim) => return Err(email_taken()),
        Err(cancelled) if Change::refused(&cancelled, claim + 2) == Some(Change::Organization) => {
            let detail = "the organisation has as many members as it can have, or cannot be joined now";
            return Err(Problem::because(Kind::LimitReached, detail));
        }
        // An identifier that somebody has already: the next attempt draws others.
        Err(Cancelled(_)) => return Err(StoreError::Contended.into()),
    };
    Ok(Account { user, membership })
}

/// For callers who have shown that the address is theirs, or where nobody has to show it.
pub(crate) fn email_taken() -> Problem {
    Problem::because(Kind::EmailTaken, "another account has this e-mail address")
}
