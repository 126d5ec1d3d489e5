//! So many in each span of time.
//!
//! Spans begin at whole multiples of their length since 1970, so that a count is one conditional
//! write. Around the seam of two spans, twice the limit can pass within one span's time, and no more.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::{Limiter, keys};
use crate::clock::Timestamp;
use crate::problem::{Problem, RateLimit};
use crate::table::{StoreError, number};

/// A limit of so many in each span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Names it in keys and headers.
    pub name: &'static str,
    /// How many are let through in each span.
    pub limit: u32,
    /// How long a span is, in seconds.
    pub seconds: u32,
}

impl Window {
    /// Attempts to sign in from one address.
    pub const LOGINS: Self = Self { name: "logins", limit: 20, seconds: 60 };
    /// Registrations from one address.
    pub const REGISTRATIONS: Self = Self { name: "registrations", limit: 5, seconds: 60 };
    /// Mails that somebody at one address asks for.
    pub const MAILS: Self = Self { name: "mails", limit: 5, seconds: 60 };
    /// Mails to one account, whoever asks for them.
    pub const MAILS_TO_ACCOUNT: Self = Self { name: "mails-to-account", limit: 1, seconds: 60 };
    /// Test events to one webhook.
    pub const WEBHOOK_TESTS: Self = Self { name: "webhook-tests", limit: 10, seconds: 60 };
    /// Replays that an organisation starts.
    pub const REPLAYS: Self = Self { name: "replays", limit: 30, seconds: 3600 };
    /// Tokens that somebody at one address takes away.
    pub const REVOCATIONS: Self = Self { name: "revocations", limit: 60, seconds: 60 };
    /// Reports of leaked keys from one address.
    pub const LEAK_REPORTS: Self = Self { name: "leak-reports", limit: 20, seconds: 60 };
    /// The same, in the longer run.
    pub const MAILS_TO_ACCOUNT_HOURLY: Self =
        Self { name: "mails-to-account-hourly", limit: 5, seconds: 3600 };

    fn begins(self, now: Timestamp) -> i64 {
        now.seconds() - now.seconds().rem_euclid(i64::from(self.seconds))
    }

    fn ends(self, now: Timestamp) -> Timestamp {
        Timestamp::from_seconds(self.begins(now) + i64::from(self.seconds))
    }
}

/// Whether somebody was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They were.
    Through,
    /// The span is full.
    Full {
        /// The limit.
        window: Window,
        /// Whole seconds until the next span begins.
        wait_seconds: u64,
    },
}

impl Taken {
    /// Refuses whoever was not let through.
    pub fn or_refuse(self) -> Result<(), Problem> {
        self.full().map_or(Ok(()), |limit| Err(Problem::too_fast(limit)))
    }

    /// How the limit stands, for whoever was not let through.
    pub fn full(self) -> Option<RateLimit> {
        let Self::Full { window, wait_seconds: reset_seconds } = self else { return None };
        let Window { name, limit: quota, seconds } = window;
        Some(RateLimit { name, quota, window_seconds: seconds.into(), remaining: 0, reset_seconds })
    }
}

impl Limiter {
    /// Counts one more of `subject`, unless the span is full: one write, or none when this process
    /// knows that it is.
    pub async fn take(&self, window: Window, subject: &str, now: Timestamp) -> Result<Taken, StoreError> {
        let ends = window.ends(now);
        let full = Taken::Full { window, wait_seconds: seconds_until(ends, now) };
        if self.refusals.until(window.name, subject, now).is_some() {
            return Ok(full);
        }
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::counter(window.name, subject, &window.begins(now).to_string())))
            .update_expression("ADD taken :one SET expires = :expires")
            .condition_expression("attribute_not_exists(taken) OR taken < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(window.limit))
            .expression_attribute_values(":expires", number(ends.seconds() + 60))
            .send()
            .await;
        let Err(error) = answer else { return Ok(Taken::Through) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                self.refusals.keep(window.name, subject, now, ends);
                Ok(full)
            }
            _ => Err(error.into()),
        }
    }
}

impl Limiter {
    /// Counts a mail to an account (by the digest of its address, which need not have one) that somebody at an
    /// address asks for.
    pub async fn take_mail(&self, asker: &str, account: &str, now: Timestamp) -> Result<(), Problem> {
        self.take(Window::MAILS, asker, now).await?.or_refuse()?;
        self.take(Window::MAILS_TO_ACCOUNT, account, now).await?.or_refuse()?;
        self.take(Window::MAILS_TO_ACCOUNT_HOURLY, account, now).await?.or_refuse()
    }
}

/// Whole seconds, rounded up, and at least one.
pub(super) fn seconds_until(end: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(end.since(now).as_millis()).unwrap_or(u64::MAX).div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_each_other_without_a_gap() {
        let at = |ms| Timestamp::from_millis(ms);
        let window = Window::LOGINS;
        assert_eq!((window.begins(at(60_000)), window.ends(at(60_000))), (60, at(120_000)));
        assert_eq!((window.begins(at(119_999)), window.ends(at(119_999))), (60, at(120_000)));
        assert_eq!(window.begins(at(120_000)), 120);
    }

    #[test]
    fn whoever_waits_as_long_as_told_has_waited_long_enough() {
        let at = Timestamp::from_millis;
        for (end, now, seconds) in [(1000, 0, 1), (1001, 0, 2), (1000, 999, 1), (1000, 1000, 1), (0, 9, 1)] {
            assert_eq!(seconds_until(at(end), at(now)), seconds);
        }
    }
}
