//! Whether a password is known from a breach: asked of a service that speaks the range protocol of
//! Pwned Passwords, if the deployment names one.
//!
//! The service learns the first 5 of the 40 hexadecimal digits of the password's SHA-1, which it
//! shares with a thousand others, and answers with the rest of each that it knows; padding, which is
//! asked for, hides from the network how many. It is advice and no gate: when it does not answer
//! within a second, or answers nonsense, the password is taken.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use shared::config::ConfigError;
use shared::problem::{Problem, Violation};
use shared::transport::{NoAnswer, Others};
use tokio::time::timeout;
use url::Url;

use crate::password::{NewPassword, Password};

const SETTING: &str = "BREACHED_PASSWORDS_URL";
/// For all of it, from the name's look-up to the last byte.
const DEADLINE: Duration = Duration::from_secs(1);
/// An answer has some 40 KiB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
const DIGEST_DIGITS: usize = 40;
const PREFIX_DIGITS: usize = 5;
const AGENT: &str = concat!("AI-Foundry/", env!("CARGO_PKG_VERSION"));

/// The service, if there is one.
#[derive(Clone, Debug)]
pub struct Breached(Option<Service>);

impl Breached {
    /// Nobody is asked.
    pub fn off() -> Self {
        Self(None)
    }

    /// As the setting has it.
    pub fn from_setting(url: Option<&str>) -> Result<Self, ConfigError> {
        url.map_or_else(|| Ok(Self::off()), Self::at)
    }

    /// Asks the service at `url`, such as `https://api.pwnedpasswords.com`.
    pub fn at(url: &str) -> Result<Self, ConfigError> {
        let bad = |why: &str| ConfigError::bad(SETTING, why);
        let parsed = Url::parse(url).map_err(|_| bad("it is no URL"))?;
        let plain = parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if !matches!(parsed.scheme(), "http" | "https") || !plain {
            return Err(bad("it has to be `http` or `https`, a host and perhaps a path"));
        }
        let url = parsed.as_str().trim_end_matches('/').to_owned();
        Ok(Self(Some(Service { others: Others::default(), url, deadline: DEADLINE })))
    }

    /// Refuses a new password that is known from a breach; `pointer` says which field it was in.
    pub(crate) async fn check(&self, pointer: &str, password: &NewPassword) -> Result<(), Problem> {
        if self.knows(password.as_password()).await {
            let violation = Violation::new("breached", "is known from a breach of another service");
            return Err(Problem::field(pointer, violation));
        }
        Ok(())
    }

    /// Whether the service knows the password. A service that does not say so does not.
    pub(crate) async fn knows(&self, password: &Password) -> bool {
        let Some(service) = &self.0 else { return false };
        let sha1 = sha1(password);
        let answer = timeout(service.deadline, service.ask(&sha1)).await.unwrap_or(Err(Silence::Late));
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "the breached-password service does not answer; the password is taken");
            false
        })
    }
}

/// Why there is no answer. Nothing of the password is in it: it is logged.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("it took too long")]
    Late,
    #[error("its status is {0}")]
    Status(StatusCode),
    #[error("its answer is longer than {ANSWER_BYTES_MAX} bytes")]
    Long,
    #[error("its answer is no list of suffixes and counts")]
    Nonsense,
    #[error("no answer: {0}")]
    NoAnswer(#[from] NoAnswer),
    #[error("its answer ends half way")]
    Half,
}

#[derive(Clone, Debug)]
struct Service {
    others: Others,
    /// Without a slash at its end.
    url: String,
    deadline: Duration,
}

impl Service {
    async fn ask(&self, sha1: &str) -> Result<bool, Silence> {
        let (prefix, suffix) = sha1.split_at(PREFIX_DIGITS);
        let url = format!("{}/range/{prefix}", self.url);
        let request = Request::get(url).header("Add-Padding", "true").header(USER_AGENT, AGENT);
        let answer = self.others.send(request.body(Bytes::new())).await?;
        if answer.status() != StatusCode::OK {
            return Err(Silence::Status(answer.status()));
        }
        let answer = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let answer = answer
            .map_err(|error| if error.is::<LengthLimitError>() { Silence::Long } else { Silence::Half })?;
        let answer = answer.to_bytes();
        std::str::from_utf8(&answer).ok().and_then(|answer| lists(answer, suffix)).ok_or(Silence::Nonsense)
    }
}

/// Upper case, as the protocol has it.
fn sha1(password: &Password) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose());
    digest.as_ref().iter().fold(String::with_capacity(DIGEST_DIGITS), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Whether the list has the suffix, with a count that is not padding's zero. `None` if any line of it
/// is not what it should be: then it is the answer of somebody else, a sign-in page perhaps.
fn lists(answer: &str, suffix: &str) -> Option<bool> {
    let mut found = false;
    for line in answer.lines() {
        let (known, count) = line.split_once(':')?;
        let count: u64 = count.parse().ok()?;
        if known.len() != DIGEST_DIGITS - PREFIX_DIGITS || !known.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        found |= count > 0 && known.eq_ignore_ascii_case(suffix);
    }
    Some(found)
}

#[cfg(test)]
mod tests;
