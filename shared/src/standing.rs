//! What has to be true for a caller to be let in (P2, P3, P5 and P6, in one call), and how long a
//! function takes it to be so.

mod cache;

use std::time::Duration;

pub use cache::StandingCache;

use crate::clock::Timestamp;
use crate::id::{OrgId, SessionId, UserId};
use crate::organization::{Membership, Organization, OrganizationStatus, membership_of, organization_of};
use crate::scope::{Modules, Role};
use crate::session::{Session, session_of};
use crate::table::{Key, StoreError, Table, keys};
use crate::user::{User, user_of};

/// How long what is known of a caller is taken to be so: the bound within which a log-out, a
/// removed member, a changed role or a revoked key takes effect on every function.
pub const REMEMBERED: Duration = Duration::from_secs(5);

/// How far apart the uses of a key are that are written down: its last use is known to within this.
pub const USES_APART: Duration = Duration::from_mins(5);

const _: () = assert!(REMEMBERED.as_secs() <= 5, "the README promises five seconds");

/// What a caller is let in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A member of the organisation that their session or key names.
    Member {
        /// As what.
        role: Role,
        /// What the organisation has switched on.
        modules: Modules,
        /// Whether it can be used.
        status: OrganizationStatus,
    },
    /// A person whose session names no organisation.
    Alone,
}

/// Whose standing: with the session for a session's, without for a key's maker.
pub type Who = (UserId, Option<OrgId>, Option<SessionId>);

/// What was found of a caller.
#[derive(Debug, Default)]
pub struct Found {
    /// The person.
    pub user: Option<User>,
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
    /// Since when.
    pub joined_at: Timestamp,
}

impl Found {
    /// What the caller is let in as, now; `None` when they are not.
    pub fn standing(self, (_, org, session): Who, now: Timestamp) -> Option<Standing> {
        let user = self.user?;
        let epoch = match (session, self.session) {
            (None, _) => user.epoch,
            (Some(_), Some(session)) if session.is_live(now) && session.org == org => session.epoch,
            (Some(_), _) => return None,
        };
        if !user.is_in(epoch) {
            return None;
        }
        match (org, self.membership, self.organization) {
            (None, _, _) => Some(Standing::Alone),
            (Some(_), Some(Membership { role, .. }), Some(Organization { modules, status, .. })) => {
                Some(Standing::Member { role, modules, status })
            }
            (Some(_), _, _) => None,
        }
    }
}

impl Table {
    /// P2, P5 and P6: a person in an organisation, consistent, in one `BatchGetItem`. `None` when
    /// the person, the organisation or the membership is gone.
    pub async fn member(&self, user: UserId, org: OrgId) -> Result<Option<Member>, StoreError> {
        let found = self.standing(user, Some(org), None).await?;
        let (Some(user), Some(organization), Some(membership)) =
            (found.user, found.organization, found.membership)
        else {
            return Ok(None);
        };
        Ok(Some(Member { user, organization, role: membership.role, joined_at: membership.joined_at }))
    }

    /// The person, the organisation and their membership in it, and for a session the session:
    /// consistent, in one `BatchGetItem`.
    pub async fn standing(
        &self,
        user: UserId,
        org: Option<OrgId>,
        session: Option<SessionId>,
    ) -> Result<Found, StoreError> {
        let organization = org.map(keys::organization);
        let membership = org.map(|org| keys::member(org, user));
        let session = session.map(|session| keys::session(user, session));
        let wanted = [Some(keys::user(user)), organization, membership, session];
        let keys: Vec<_> = wanted.iter().flatten().cloned().collect();
        let mut items = self.get_many(&keys).await?.into_iter();
        let mut next = |wanted: &Option<Key>| wanted.as_ref().and_then(|_| items.next().flatten());
        let [user, organization, membership, session] = wanted.each_ref().map(&mut next);
        Ok(Found {
            user: user.map(user_of).transpose()?.flatten(),
            session: session.map(session_of).transpose()?,
            membership: membership.map(membership_of).transpose()?,
            organization: organization.map(organization_of).transpose()?.flatten(),
        })
    }
}
