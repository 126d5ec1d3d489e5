//! What has to be true for a caller to be let in (P3, P5 and P6, in one call), and how long a
//! function takes it to be so.

mod cache;

use std::time::Duration;

pub use cache::StandingCache;

use crate::id::{OrgId, SessionId, UserId};
use crate::organization::{Membership, Organization, membership_of, organization_of};
use crate::scope::{Modules, Role};
use crate::session::{Session, session_of};
use crate::table::{StoreError, Table, keys};
use crate::user::{User, user_of};

/// How long what is known of a caller is taken to be so: the bound within which a log-out, a
/// removed member, a changed role or a revoked key takes effect on every function.
pub const REMEMBERED: Duration = Duration::from_secs(5);

const _: () = assert!(REMEMBERED.as_secs() <= 5, "the README promises five seconds");

/// What a person is in an organisation, and what that has switched on.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As what.
    pub role: Role,
    /// What is on.
    pub modules: Modules,
}

/// Whose standing: with the session for a session's, without for a key's maker.
pub type Who = (UserId, OrgId, Option<SessionId>);

/// What was found of a caller.
pub struct Found {
    /// Their session, if one was asked for and is there.
    pub session: Option<Session>,
    /// What they are in the organisation.
    pub membership: Option<Membership>,
    /// The organisation.
    pub organization: Option<Organization>,
}

/// A person, in one organisation.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// As what.
    pub role: Role,
}

impl Table {
    /// P2, P5 and P6: a person in an organisation, consistent, in one `BatchGetItem`. `None` when
    /// the person, the organisation or the membership is gone.
    pub async fn member(&self, user: UserId, org: OrgId) -> Result<Option<Member>, StoreError> {
        let wanted = [keys::user(user), keys::organization(org), keys::member(org, user)];
        let mut items = self.get_many(&wanted).await?.into_iter().flatten();
        let (Some(user), Some(organization), Some(membership)) = (items.next(), items.next(), items.next())
        else {
            return Ok(None);
        };
        let role = membership_of(membership)?.role;
        Ok(Some(Member { user: user_of(user)?, organization: organization_of(organization)?, role }))
    }

    /// The organisation, the person's membership and, for a session, the session: consistent, in
    /// one `BatchGetItem`.
    pub async fn standing(
        &self,
        user: UserId,
        org: OrgId,
        session: Option<SessionId>,
    ) -> Result<Found, StoreError> {
        let mut wanted = vec![keys::organization(org), keys::member(org, user)];
        wanted.extend(session.map(|session| keys::session(user, session)));
        let mut items = self.get_many(&wanted).await?.into_iter();
        let mut next = || items.next().flatten();
        let (organization, membership, session) = (next(), next(), next());
        Ok(Found {
            session: session.map(session_of).transpose()?,
            membership: membership.map(membership_of).transpose()?,
            organization: organization.map(organization_of).transpose()?,
        })
    }
}
