//! When a session lives, and what a refresh means for it.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OrgId, SessionId, UserId};

/// A person signed in on one device. A session that was revoked is deleted: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The organisation it names. A person who is in none can sign in, too.
    pub org: Option<OrgId>,
    /// The person's epoch when it began: when theirs is another one, the session is dead.
    pub epoch: u32,
    /// How many refreshes there were.
    pub counter: u32,
    /// Whether the token before the current one is graced. Not after a change of the password.
    pub graced: bool,
    /// Where the person signed in.
    pub device: Device,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed, or began.
    pub refreshed_at: Timestamp,
    /// When it was last moved to another organisation without being counted.
    pub moved_at: Option<Timestamp>,
}

/// What is known of where a person signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What the program called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The address that it called from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Device {
    /// Names the device among those of the person: by its program, since addresses change by the hour.
    pub fn digest(&self) -> String {
        let program = self.user_agent.as_deref().unwrap_or_default();
        let hash = digest(&SHA256, program.as_bytes());
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12])
    }
}

/// What a refresh that was not simply the next one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// The answer to the last refresh was lost, or two tabs raced, or one moved the session: the current token
    /// once more.
    Again,
    /// The session's time is over.
    Expired,
    /// A token that was used long ago came back: somebody else has a copy. The session ends.
    Stolen,
}

impl Session {
    /// A session that is not refreshed ends after this.
    pub const IDLE: Duration = Duration::from_hours(7 * 24);
    /// A session ends after this, refreshed or not.
    pub const LIFE: Duration = Duration::from_hours(30 * 24);
    /// How long the token before the current one still gets the current one.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// A session that begins now, in the person's `epoch`.
    pub fn begin(
        id: SessionId,
        (user, epoch): (UserId, u32),
        org: Option<OrgId>,
        device: Device,
        now: Timestamp,
    ) -> Self {
        let (counter, graced, created_at, refreshed_at) = (0, true, now, now);
        Self { id, user, org, epoch, counter, graced, device, created_at, refreshed_at, moved_at: None }
    }

    /// When it ends if it is not refreshed.
    pub fn ends_at(&self) -> Timestamp {
        self.refreshed_at.plus(Self::IDLE).min(self.absolute_end())
    }

    /// When it ends in any case.
    pub fn absolute_end(&self) -> Timestamp {
        self.created_at.plus(Self::LIFE)
    }

    /// Whether its time is not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }

    /// The session in another organisation, whose tokens are to be issued anew. That counts as a refresh, so
    /// that one which races with it gets the same token. Right after a refresh it is the one of that, since somebody
    /// may still have the one before; and it stays so for as long, or a refresh that comes now would use it up.
    #[must_use]
    pub fn moved(&self, org: Option<OrgId>, now: Timestamp) -> Self {
        let moved = Self { org, ..self.clone() };
        if now.since(self.refreshed_at) <= Self::GRACE {
            return Self { moved_at: Some(now), ..moved };
        }
        Self { counter: self.counter.saturating_add(1), refreshed_at: now, graced: true, ..moved }
    }

    /// What a token of `counter` means that was not the current one of a live session.
    pub fn verdict(&self, counter: u32, now: Timestamp) -> RefreshVerdict {
        if !self.is_live(now) {
            return RefreshVerdict::Expired;
        }
        let one_behind = counter.checked_add(1) == Some(self.counter);
        let is_graced = one_behind && self.graced && now.since(self.refreshed_at) <= Self::GRACE;
        let is_held =
            counter == self.counter && self.moved_at.is_some_and(|moved| now.since(moved) <= Self::GRACE);
        if is_graced || is_held { RefreshVerdict::Again } else { RefreshVerdict::Stolen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    fn session() -> Session {
        let (now, entropy) = (Timestamp::from_seconds(1_000_000), Entropy::system());
        let mut session = Session::begin(
            SessionId::new(now, &entropy).unwrap(),
            (UserId::new(now, &entropy).unwrap(), 0),
            Some(OrgId::new(now, &entropy).unwrap()),
            Device::default(),
            now,
        );
        session.counter = 5;
        session
    }

    #[test]
    fn the_token_before_the_current_one_is_graced_for_ten_seconds() {
        let session = session();
        let at = |seconds| session.refreshed_at.plus(Duration::from_secs(seconds));
        assert_eq!(session.verdict(4, at(10)), RefreshVerdict::Again);
        assert_eq!(session.verdict(4, at(11)), RefreshVerdict::Stolen);
        assert_eq!(session.verdict(3, at(0)), RefreshVerdict::Stolen);
        assert_eq!(session.verdict(9, at(0)), RefreshVerdict::Stolen);
        assert_eq!(session.verdict(u32::MAX, at(0)), RefreshVerdict::Stolen);
    }

    #[test]
    fn the_token_of_a_move_that_was_not_counted_stays_the_current_one_for_ten_seconds() {
        let before = session();
        let now = before.refreshed_at.plus(Duration::from_secs(10));
        let moved = before.moved(None, now);
        assert_eq!(moved, Session { org: None, moved_at: Some(now), ..before.clone() });
        let at = |seconds| now.plus(Duration::from_secs(seconds));
        assert_eq!(moved.verdict(5, at(10)), RefreshVerdict::Again);
        assert_eq!(moved.verdict(5, at(11)), RefreshVerdict::Stolen);
        let later = before.moved(None, at(1));
        assert_eq!((later.counter, later.moved_at), (6, None));
    }

    #[test]
    fn after_a_change_of_the_password_nothing_is_graced() {
        let session = Session { graced: false, ..session() };
        assert_eq!(session.verdict(4, session.refreshed_at), RefreshVerdict::Stolen);
    }

    #[test]
    fn a_session_ends_after_a_week_of_silence_or_a_month_in_all() {
        let mut session = session();
        assert!(session.is_live(session.created_at.plus(Duration::from_secs(7 * 24 * 3600 - 1))));
        assert!(!session.is_live(session.created_at.plus(Session::IDLE)));
        session.refreshed_at = session.created_at.plus(Duration::from_hours(29 * 24));
        assert_eq!(session.ends_at(), session.absolute_end());
        assert_eq!(session.verdict(4, session.absolute_end()), RefreshVerdict::Expired);
    }
}
