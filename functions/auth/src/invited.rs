//! Invitations, as those who are invited see them. One that is unknown, over, taken back, used or void
//! answers as one that never was.

use std::str::FromStr;

use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::event::Event;
use shared::id::UserId;
use shared::invitation::{Invitation, InvitationStatus};
use shared::link::InvitationToken;
use shared::operational::{Operational, OperationalKind};
use shared::organization::{Membership, Organization, OrganizationStatus};
use shared::problem::{Kind, Problem, Violation};
use shared::scope::Role;
use shared::table::{StoreError, Transaction};
use shared::user::{Email, UserStatus};

/// What came as a token. Any text: one that is none of ours is refused as such.
pub(crate) struct TokenText(pub(crate) String);

impl FromStr for TokenText {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

/// An invitation that can be accepted now, as far as what was read says.
pub(crate) struct Open {
    pub(crate) invitation: Invitation,
    pub(crate) organization: Organization,
    /// What the inviter is: the acceptance is refused if that changes before it is written.
    inviter: Role,
}

impl Open {
    /// The invitation of a token.
    pub(crate) async fn find(core: &Core, text: &TokenText) -> Result<Self, Problem> {
        let now = core.clock.now();
        let token = match InvitationToken::parse(&text.0, &*core.keys.ring().await) {
            Some(token) => token,
            None => InvitationToken::parse(&text.0, &*core.keys.ring_again().await)
                .ok_or_else(Problem::not_found)?,
        };
        let invitation = core.table.invitation(token.org, token.invitation).await?;
        let live =
            |invitation: &Invitation| invitation.is_live(now) && invitation.generation == token.generation;
        let invitation = invitation.filter(live).ok_or_else(Problem::not_found)?;
        let member = core.table.member(invitation.inviter, invitation.org).await?;
        let member = member.ok_or_else(Problem::not_found)?;
        let usable = member.organization.status == OrganizationStatus::Active;
        // Who left and came back has not invited anybody since, and who is locked out invites nobody.
        let sent_at = invitation.expires_at.minus(Invitation::LIFE);
        let standing = member.joined_at <= sent_at && member.user.status == UserStatus::Active;
        // Nobody is let in as more than whoever invited them is by now.
        if !usable || !standing || !member.role.may_grant(invitation.role) {
            return Err(Problem::not_found());
        }
        Ok(Self { invitation, organization: member.organization, inviter: member.role })
    }

    /// Refuses somebody whose address is another one. They hold a token that went to the right one, so
    /// they may see a part of it.
    pub(crate) fn check(&self, email: &Email) -> Result<(), Problem> {
        if self.invitation.email == *email {
            return Ok(());
        }
        let detail = format_args!("it was sent to {}", masked(&self.invitation.email));
        Err(Problem::because(Kind::InvitationForAnother, detail))
    }

    /// The writes of an acceptance (5): the invitation, the inviter, and the membership's three.
    pub(crate) fn accept<'a>(
        &self,
        transaction: Transaction<'a>,
        user: UserId,
        now: Timestamp,
    ) -> Result<Transaction<'a>, StoreError> {
        let Invitation { org, role, inviter, .. } = self.invitation;
        let membership = Membership { org, user, role, joined_at: now };
        transaction
            .end_invitation(&self.invitation, InvitationStatus::Accepted, now)?
            .check_member(org, inviter, self.inviter)?
            .add_member(&membership)
    }

    /// What webhooks of the organisation are told of an acceptance.
    pub(crate) async fn told(
        &self,
        operational: &Operational,
        user: UserId,
    ) -> Result<Option<Event>, StoreError> {
        let Invitation { org, id, role, .. } = self.invitation;
        let told = json!({ "user_id": user, "role": role, "invitation_id": id });
        operational.prepare(org, OperationalKind::MemberAdded, None, told).await
    }

    /// What a refused acceptance means, whose writes begin at `first`.
    pub(crate) fn refused(places: &[usize], first: usize) -> Problem {
        let is = |place: usize| places.contains(&(first + place));
        if is(0) || is(1) {
            Problem::not_found()
        } else if is(2) {
            let detail = "the organisation has as many members as it can have, or cannot be joined now";
            Problem::because(Kind::LimitReached, detail)
        } else {
            Problem::of(Kind::AlreadyMember)
        }
    }

    /// The record of the acceptance.
    pub(crate) fn entry(&self, user: UserId, origin: &Origin, now: Timestamp) -> shared::audit::Entry {
        let entry = origin.entry(Action::InvitationAccepted, Actor::User(user), now);
        entry.on(self.invitation.id).with("role", self.invitation.role.as_str())
    }
}

/// The first letter of each part.
fn masked(email: &Email) -> String {
    let (local, domain) = email.as_str().split_once('@').unwrap_or_default();
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let last = domain.rsplit('.').next().unwrap_or_default();
    format!("{}***@{}***.{last}", first(local), first(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_shows_first_letters_only() {
        for (email, expected) in [
            ("ada@example.com", "a***@e***.com"),
            ("a@b.co", "a***@b***.co"),
            ("jos\u{e9}@b\u{fc}cher.example", "j***@b***.example"),
        ] {
            assert_eq!(masked(&email.parse().unwrap()), expected);
        }
    }
}
