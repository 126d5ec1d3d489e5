//! When a session lives, and what a refresh means for it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{OrgId, SessionId, UserId};

/// A person signed in on one device. A session that was revoked is deleted: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The organisation it names.
    pub org: OrgId,
    /// How many refreshes there were.
    pub counter: u32,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed, or began.
    pub refreshed_at: Timestamp,
}

/// What a refresh that was not simply the next one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// The answer to the last refresh was lost, or two tabs raced: the current token once more.
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

    /// A session that begins now.
    pub fn begin(id: SessionId, user: UserId, org: OrgId, now: Timestamp) -> Self {
        Self { id, user, org, counter: 0, created_at: now, refreshed_at: now }
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

    /// What a token of `counter` means that was not the current one of a live session.
    pub fn verdict(&self, counter: u32, now: Timestamp) -> RefreshVerdict {
        if !self.is_live(now) {
            return RefreshVerdict::Expired;
        }
        let one_behind = counter.checked_add(1) == Some(self.counter);
        if one_behind && now.since(self.refreshed_at) <= Self::GRACE {
            RefreshVerdict::Again
        } else {
            RefreshVerdict::Stolen
        }
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
            UserId::new(now, &entropy).unwrap(),
            OrgId::new(now, &entropy).unwrap(),
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
    fn a_session_ends_after_a_week_of_silence_or_a_month_in_all() {
        let mut session = session();
        assert!(session.is_live(session.created_at.plus(Duration::from_secs(7 * 24 * 3600 - 1))));
        assert!(!session.is_live(session.created_at.plus(Session::IDLE)));
        session.refreshed_at = session.created_at.plus(Duration::from_hours(29 * 24));
        assert_eq!(session.ends_at(), session.absolute_end());
        assert_eq!(session.verdict(4, session.absolute_end()), RefreshVerdict::Expired);
    }
}
