//! Errors as callers see them: RFC 9457 problem details, from one closed catalogue.
//!
//! An operation maps its own errors to a [`Problem`]; `http::finish` turns that into bytes, adds
//! the request id and logs it once. Each [`Kind`] has a section in `docs/problems.md`.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// Every kind of problem there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {$($(#[$doc])* $variant,)*}

        impl Kind {
            /// The catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name that programs compare.
            pub const fn code(self) -> &'static str {
                match self {$(Self::$variant => $code,)*}
            }

            /// The status it always has.
            pub const fn status(self) -> StatusCode {
                match self {$(Self::$variant => StatusCode::$status,)*}
            }

            /// What it is, whatever the occasion.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$variant => $title,)*}
            }
        }
    };
}

kinds! {
    /// The query, a path or a header has a value that cannot be used.
    InvalidRequest = "invalid_request", BAD_REQUEST, "The request cannot be understood";
    /// The body is not JSON, is nested too deeply, or names a field twice.
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not usable JSON";
    /// No credential, or a header that holds none.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "A credential is needed";
    /// A credential that is not accepted, whatever the reason.
    InvalidToken = "invalid_token", UNAUTHORIZED, "The credential is not accepted";
    /// E-mail and password do not belong together.
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "E-mail or password is wrong";
    /// A refresh token that is unknown, expired, used up or revoked.
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED, "The refresh token is not accepted";
    /// The caller is known and may not do this.
    InsufficientScope = "insufficient_scope", FORBIDDEN, "A scope is missing";
    /// The caller's role may not do this.
    InsufficientRole = "insufficient_role", FORBIDDEN, "The role is not enough";
    /// The session names no organisation.
    OrganizationRequired = "organization_required", FORBIDDEN, "The session is in no organisation";
    /// The operator has stopped the organisation.
    OrganizationSuspended = "organization_suspended", FORBIDDEN, "The organisation is suspended";
    /// A person is needed, and an API key came.
    SessionRequired = "session_required", FORBIDDEN, "Only a signed-in person can do this";
    /// The organisation has switched the capability off.
    ModuleDisabled = "module_disabled", FORBIDDEN, "The module is switched off";
    /// The API key is bound to networks, and the call comes from elsewhere.
    AddressNotAllowed = "address_not_allowed", FORBIDDEN, "The key cannot be used from this address";
    /// The call went around the front before the API.
    FrontRequired = "front_required", FORBIDDEN, "The API is called at another address";
    /// It does not exist, or the caller may not know that it does.
    NotFound = "not_found", NOT_FOUND, "There is no such thing";
    /// The path exists and has no such method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    /// Another account has the address.
    EmailTaken = "email_taken", CONFLICT, "The e-mail address is taken";
    /// The first request with this key is still running.
    IdempotencyInProgress = "idempotency_in_progress", CONFLICT, "The first request is still running";
    /// The thing was made, and its secret was shown then.
    SecretAlreadyShown = "secret_already_shown", CONFLICT, "The secret was shown once";
    /// Others changed the same thing at the same time, repeatedly.
    Conflict = "conflict", CONFLICT, "Others are changing this at the same time";
    /// The organisation has as many as it can have.
    LimitReached = "limit_reached", CONFLICT, "A limit is reached";
    /// It is not in the version that `If-Match` names.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "It has changed since you read it";
    /// The body is over the limit.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body has to be JSON";
    /// Fields are missing, unknown or wrong; `errors` has each.
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "Some fields are not right";
    /// Too many of the same, too fast.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    /// The API key has been used as often as it may be in this day or month.
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "The quota is used up";
    /// The API key was revoked, or its time is over: it cannot be changed or rotated.
    KeyNotActive = "key_not_active", CONFLICT, "The key is not active";
    /// The password was right, and the second factor is to be shown.
    MfaRequired = "mfa_required", UNAUTHORIZED, "A second factor is needed";
    /// A code of a second factor that is not accepted, or a challenge that is over.
    InvalidCode = "invalid_code", UNAUTHORIZED, "The code is not accepted";
    /// A link of a mail that is unknown, used or over.
    InvalidLink = "invalid_link", BAD_REQUEST, "The link cannot be used";
    /// The invitation is for another address.
    InvitationForAnother = "invitation_for_another", FORBIDDEN, "The invitation is for another address";
    /// They are a member already.
    AlreadyMember = "already_member", CONFLICT, "They are a member already";
    /// The last owner cannot go.
    LastOwner = "last_owner", CONFLICT, "An organisation needs an owner";
    /// Another organisation has proved the domain.
    DomainTaken = "domain_taken", CONFLICT, "Another organisation has the domain";
    /// The record that proves the domain is not there.
    DomainNotProved = "domain_not_proved", CONFLICT, "The domain is not proved";
    /// The second factor is on, or off, already.
    MfaState = "mfa_state", CONFLICT, "The second factor is not in that state";
    /// The key was used with another body.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The key belongs to another request";
    /// Our fault.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    /// A service that we need does not answer. Nothing was accepted.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Temporarily unavailable";
}

impl Kind {
    /// The `type` member: a name for the kind that does not depend on where the API runs.
    pub fn type_uri(self) -> String {
        format!("urn:ai-foundry:problem:{}", self.code())
    }
}

/// One field that is not right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldProblem {
    /// Which: a JSON Pointer (RFC 6901) into the body.
    pub pointer: String,
    /// The rule that is broken, for programs.
    pub code: &'static str,
    /// The rule that is broken, in a sentence.
    pub detail: String,
}

/// A rule that a value breaks; the reader of the fields knows which field it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Violation {
    /// The rule, for programs.
    pub code: &'static str,
    /// The rule, in a sentence.
    pub detail: String,
}

impl Violation {
    /// A broken rule.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<crate::clock::NotATime> for Violation {
    fn from(error: crate::clock::NotATime) -> Self {
        Self::new("invalid_format", error.to_string())
    }
}

/// What went wrong, for the caller and, where it is our fault, for the log.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which of the catalogue.
    pub kind: Kind,
    /// What it is this time.
    pub detail: Option<String>,
    /// The fields that are not right.
    pub errors: Box<[FieldProblem]>,
    /// Whole seconds after which to try again.
    pub retry_after_seconds: Option<u64>,
    /// The thing that an earlier, identical request made.
    pub id: Option<Box<str>>,
    /// What the second factor is shown with.
    pub challenge: Option<Box<str>>,
    /// The limit that is reached, for the headers.
    pub rate_limit: Option<Box<RateLimit>>,
    /// The cause chain: for the log, never for the caller.
    pub cause: Option<Arc<str>>,
}

impl Problem {
    /// A problem that needs no more words.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Box::default(),
            retry_after_seconds: None,
            id: None,
            challenge: None,
            rate_limit: None,
            cause: None,
        }
    }

    /// A problem and what it is this time.
    pub fn because(kind: Kind, detail: impl ToString) -> Self {
        Self { detail: Some(detail.to_string()), ..Self::of(kind) }
    }

    /// Fields that are not right.
    pub fn fields(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            several => format!("{} fields are not right", several.len()),
        };
        Self { errors: errors.into(), ..Self::because(Kind::ValidationFailed, detail) }
    }

    /// One field that is not right, found after the body was read.
    pub fn field(pointer: &str, violation: Violation) -> Self {
        Self::fields(vec![FieldProblem {
            pointer: pointer.to_owned(),
            code: violation.code,
            detail: violation.detail,
        }])
    }

    /// Our fault: the caller learns the request id, the log learns the rest.
    pub fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self { cause: Some(chain(cause).into()), ..Self::of(Kind::Internal) }
    }

    /// A service that we need does not answer.
    pub fn unavailable(cause: &(dyn Error + 'static)) -> Self {
        Self { cause: Some(chain(cause).into()), retry_after_seconds: Some(1), ..Self::of(Kind::Unavailable) }
    }

    /// A limit is reached, which says how long to wait.
    pub fn too_fast(limit: RateLimit) -> Self {
        let detail = format_args!("try again in {} s", limit.reset_seconds);
        let problem = Self::because(Kind::RateLimited, detail).retry_after(limit.reset_seconds);
        Self { rate_limit: Some(Box::new(limit)), ..problem }
    }

    /// The one answer for what does not exist and for what is not the caller's.
    pub fn not_found() -> Self {
        Self::of(Kind::NotFound)
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Adds the thing that an earlier, identical request made.
    #[must_use]
    pub fn naming(self, id: impl ToString) -> Self {
        Self { id: Some(id.to_string().into()), ..self }
    }
}

/// The problem travels beside an empty body until `http::finish`, which knows the request id,
/// writes it: one place makes every error answer.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<crate::entropy::NoEntropy> for Problem {
    fn from(error: crate::entropy::NoEntropy) -> Self {
        Self::unavailable(&error)
    }
}

/// An error and its causes, joined by colons.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Some libraries print their source in their own message.
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            let _ = write!(text, ": {next_text}");
        }
        cause = next.source();
    }
    text
}

/// The error and everything below it. What an `io::Error` wraps is not its `source` but its inside.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'a (dyn Error + 'static) = *cause;
        match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        }
    })
}

/// A problem as it is written (RFC 9457, with `code`, `request_id` and `errors` beside).
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody {
    /// A URN for the kind of problem.
    pub r#type: String,
    /// What it is, whatever the occasion.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What it is this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable name that programs compare.
    pub code: &'static str,
    /// Names this request in the logs.
    pub request_id: String,
    /// The fields that are not right: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldProblem>,
    /// The thing that an earlier, identical request made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the second factor is shown with, at `POST /auth/mfa/challenge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// A limit, as the fields `RateLimit` and `RateLimit-Policy` of the IETF's draft tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Names it.
    pub name: &'static str,
    /// How many are let through in each window.
    pub quota: u32,
    /// How long a window is, in seconds.
    pub window_seconds: u64,
    /// How many are left.
    pub remaining: u32,
    /// Whole seconds until there are more.
    pub reset_seconds: u64,
}

impl RateLimit {
    /// The two fields, policy first (draft-ietf-httpapi-ratelimit-headers-10).
    pub fn fields(&self) -> [(&'static str, String); 2] {
        let Self { name, quota, window_seconds, remaining, reset_seconds } = self;
        [
            ("ratelimit-policy", format!("\"{name}\";q={quota};w={window_seconds}")),
            ("ratelimit", format!("\"{name}\";r={remaining};t={reset_seconds}")),
        ]
    }
}

impl ProblemBody {
    /// The problem as the caller of `request_id` sees it.
    pub fn new(problem: Problem, request_id: &str) -> Self {
        Self {
            r#type: problem.kind.type_uri(),
            title: problem.kind.title(),
            status: problem.kind.status().as_u16(),
            detail: problem.detail,
            code: problem.kind.code(),
            request_id: request_id.to_owned(),
            errors: problem.errors.into(),
            id: problem.id.map(Into::into),
            challenge: problem.challenge.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }

    #[test]
    fn an_internal_problem_tells_the_caller_nothing_of_its_cause() {
        let cause = std::io::Error::other("table users is on fire");
        let problem = Problem::internal(&cause);
        assert_eq!(problem.cause.as_deref(), Some("table users is on fire"));
        let body = serde_json::to_value(ProblemBody::new(problem, "r1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:ai-foundry:problem:internal",
                "title": "Something went wrong on our side",
                "status": 500,
                "code": "internal",
                "request_id": "r1",
            })
        );
    }
}
