//! What came of one attempt: the receiver's doing, never ours. It is data that is recorded and scheduled by.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The result of calling a webhook once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A status from 200 to 299: the receiver has the event.
    Delivered {
        /// The status it answered.
        status: u16,
    },
    /// Any other status, redirects included.
    Rejected {
        /// The status it answered.
        status: u16,
        /// How long it asks to be left alone, in whole seconds: 429 and 503 only.
        retry_after: Option<Duration>,
    },
    /// No status before the deadline.
    TimedOut,
    /// No status at all.
    Unreachable(Unreachable),
}

/// Why there was no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The name has no address, or DNS did not answer.
    NameNotResolved,
    /// An address of the host is not one that this deployment sends to.
    AddressNotAllowed,
    /// The URL is not one that this deployment sends to.
    UrlNotAllowed,
    /// No connection: refused, no route, reset.
    ConnectionFailed,
    /// The TLS handshake failed: certificate, name, version.
    Tls,
    /// The connection ended before the status came.
    ClosedEarly,
    /// What came is not HTTP, or its head is too large.
    BadResponse,
}

impl Outcome {
    /// Reads an answer. `retry_after` is the header as it came, `now_ms` the time against which a date in it
    /// counts, in milliseconds since 1970.
    pub fn of_answer(status: u16, retry_after: Option<&str>, now_ms: i64) -> Self {
        if (200..300).contains(&status) {
            return Self::Delivered { status };
        }
        let retry_after = retry_after.filter(|_| matches!(status, 429 | 503));
        Self::Rejected { status, retry_after: retry_after.and_then(|text| wait(text, now_ms)) }
    }

    /// The name in records and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Rejected { .. } => "rejected",
            Self::TimedOut => "timed_out",
            Self::Unreachable(_) => "unreachable",
        }
    }

    /// The name of the reason, where there was no status to tell it.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unreachable(reason) => Some(reason.as_str()),
            Self::Delivered { .. } | Self::Rejected { .. } | Self::TimedOut => None,
        }
    }

    /// The status, if one came.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Delivered { status } | Self::Rejected { status, .. } => Some(status),
            Self::TimedOut | Self::Unreachable(_) => None,
        }
    }

    /// One sentence for whoever reads the delivery log.
    pub fn detail(self) -> String {
        match self {
            Self::Rejected { status, retry_after: None } if (300..400).contains(&status) => {
                format!("The receiver answered {status}: redirects are not followed.")
            }
            Self::Delivered { status } | Self::Rejected { status, retry_after: None } => {
                format!("The receiver answered {status}.")
            }
            Self::Rejected { status, retry_after: Some(wait) } => {
                format!("The receiver answered {status} and asks to wait {} seconds.", wait.as_secs())
            }
            Self::TimedOut => "The receiver did not answer before the deadline.".to_owned(),
            Self::Unreachable(reason) => reason.detail().to_owned(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Unreachable {
    /// Every reason. Append only: records carry the names.
    pub const ALL: [Self; 7] = [
        Self::NameNotResolved,
        Self::AddressNotAllowed,
        Self::UrlNotAllowed,
        Self::ConnectionFailed,
        Self::Tls,
        Self::ClosedEarly,
        Self::BadResponse,
    ];

    /// The name in records and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameNotResolved => "name_not_resolved",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::UrlNotAllowed => "url_not_allowed",
            Self::ConnectionFailed => "connection_failed",
            Self::Tls => "tls",
            Self::ClosedEarly => "closed_early",
            Self::BadResponse => "bad_response",
        }
    }

    /// The reason of that name, as it is read back from a record.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// One sentence for whoever reads the delivery log. It does not say which address was refused: what a
    /// name resolves to inside the deployment is nobody else's business.
    pub fn detail(self) -> &'static str {
        match self {
            Self::NameNotResolved => "The host name could not be resolved.",
            Self::AddressNotAllowed => "The host has an address that webhooks may not be sent to.",
            Self::UrlNotAllowed => "The URL is no longer one that webhooks may be sent to.",
            Self::ConnectionFailed => "No connection could be made.",
            Self::Tls => "The TLS handshake failed.",
            Self::ClosedEarly => "The receiver closed the connection before it answered.",
            Self::BadResponse => "The answer is not valid HTTP.",
        }
    }
}

/// `Retry-After` in the future: seconds or a date (RFC 9110, 10.2.3). What asks for no time, lies in the past
/// or cannot be read is as if it were not there. Of the three forms of a date only the one that may be sent
/// today is read.
fn wait(text: &str, now_ms: i64) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits are a very long time: the caller cuts at the event's expiry.
        return later(text.parse().unwrap_or(u32::MAX).into());
    }
    let fixed_form = text.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len() && text.ends_with(" GMT");
    let date = fixed_form.then(|| OffsetDateTime::parse(text, &Rfc2822).ok())??;
    let left_ms = date.unix_timestamp().checked_mul(1_000)?.checked_sub(now_ms)?;
    later(u64::try_from(left_ms).ok()?.div_ceil(1_000))
}

fn later(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::{Duration, Outcome, Unreachable};

    /// 1994-11-06 08:49:37 UTC, the example of RFC 9110.
    const NOW_MS: i64 = 784_111_777_000;

    fn wait_seconds(status: u16, header: &str, now_ms: i64) -> Option<u64> {
        match Outcome::of_answer(status, Some(header), now_ms) {
            Outcome::Rejected { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            Outcome::Delivered { .. } | Outcome::TimedOut | Outcome::Unreachable(_) => None,
        }
    }

    #[test]
    fn only_the_two_hundreds_are_a_delivery() {
        let outcomes =
            [199, 200, 204, 299, 300, 302, 410, 500].map(|status| Outcome::of_answer(status, None, NOW_MS));
        let rejected = |status| Outcome::Rejected { status, retry_after: None };
        assert_eq!(
            outcomes,
            [
                rejected(199),
                Outcome::Delivered { status: 200 },
                Outcome::Delivered { status: 204 },
                Outcome::Delivered { status: 299 },
                rejected(300),
                rejected(302),
                rejected(410),
                rejected(500),
            ]
        );
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let read = [
            "120",
            " 7 ",
            "99999999999999999999",
            "Sun, 06 Nov 1994 08:49:38 GMT",
            "Sun, 06 Nov 1994 09:49:37 GMT",
            "Mon, 07 Nov 1994 08:49:37 GMT",
        ]
        .map(|header| wait_seconds(503, header, NOW_MS));
        assert_eq!(read, [Some(120), Some(7), Some(u64::from(u32::MAX)), Some(1), Some(3_600), Some(86_400)]);
    }

    #[test]
    fn a_part_of_a_second_is_waited_for_whole() {
        assert_eq!(wait_seconds(429, "Sun, 06 Nov 1994 08:49:38 GMT", NOW_MS + 1), Some(1));
        assert_eq!(wait_seconds(429, "Sun, 06 Nov 1994 08:49:39 GMT", NOW_MS + 1), Some(2));
    }

    #[test]
    fn a_retry_after_in_the_past_or_in_another_form_is_ignored() {
        for header in [
            "",
            "0",
            "-5",
            "+5",
            "1.5",
            "5s",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:36 GMT",
            "Sunday, 06-Nov-94 09:49:37 GMT",
            "Sun Nov  6 09:49:37 1994",
            "Sun, 06 Nov 1994 09:49:37 +0000",
            "Sun, 36 Nov 1994 09:49:37 GMT",
            "Xyz, 06 Nov 1994 09:49:37 GMT",
            "1994-11-06T09:49:37.00000 GMT",
        ] {
            assert_eq!((header, wait_seconds(503, header, NOW_MS)), (header, None));
        }
    }

    #[test]
    fn retry_after_counts_for_429_and_503_only() {
        let read = [301, 400, 413, 429, 500, 502, 503, 504]
            .map(|status| (status, wait_seconds(status, "5", NOW_MS).is_some()));
        let counted: Vec<u16> =
            read.into_iter().filter(|(_, counts)| *counts).map(|(status, _)| status).collect();
        assert_eq!(counted, [429, 503]);
    }

    #[test]
    fn every_reason_is_found_again_by_its_name() {
        let found = Unreachable::ALL.map(|reason| Unreachable::named(reason.as_str()));
        assert_eq!(found, Unreachable::ALL.map(Some));
        assert_eq!(Unreachable::named("TLS"), None);
    }

    #[test]
    fn an_outcome_has_a_name_a_reason_a_status_and_a_sentence() {
        let wait = Some(Duration::from_mins(2));
        let told = [
            Outcome::Delivered { status: 204 },
            Outcome::Rejected { status: 302, retry_after: None },
            Outcome::Rejected { status: 503, retry_after: wait },
            Outcome::TimedOut,
            Outcome::Unreachable(Unreachable::Tls),
        ]
        .map(|outcome| (outcome.as_str(), outcome.reason(), outcome.status(), outcome.detail()));
        assert_eq!(
            told,
            [
                ("delivered", None, Some(204), "The receiver answered 204.".to_owned()),
                (
                    "rejected",
                    None,
                    Some(302),
                    "The receiver answered 302: redirects are not followed.".to_owned()
                ),
                (
                    "rejected",
                    None,
                    Some(503),
                    "The receiver answered 503 and asks to wait 120 seconds.".to_owned()
                ),
                ("timed_out", None, None, "The receiver did not answer before the deadline.".to_owned()),
                ("unreachable", Some("tls"), None, "The TLS handshake failed.".to_owned()),
            ]
        );
    }
}
