//! Bodies of OAuth requests, which are forms (RFC 6749, appendix B), and its errors (5.2), which are JSON.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shared::http::NoStore;
use shared::problem::Problem;
use shared::table::StoreError;

/// What is wrong with an OAuth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OAuthErrorCode")]
pub(crate) enum Code {
    /// A parameter is missing, is there twice, or has a value that cannot be used.
    InvalidRequest,
    /// The key is not accepted, whatever the reason.
    InvalidClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// The key does not hold a scope that was asked for, or none is left of those it holds.
    InvalidScope,
    /// A token of this kind cannot be revoked.
    UnsupportedTokenType,
}

/// An error as RFC 6749 has it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OAuthError")]
pub(crate) struct ErrorBody {
    error: Code,
    error_description: String,
}

impl ErrorBody {
    pub(crate) fn example(error: Code, description: &str) -> Value {
        json!({ "error": error, "error_description": description })
    }
}

/// Why a request is not answered as it wishes.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// It is told in the words of OAuth.
    Told(Code, String),
    /// It is not a matter of OAuth.
    Problem(Problem),
}

impl OAuthError {
    pub(crate) fn invalid(why: impl ToString) -> Self {
        Self::Told(Code::InvalidRequest, why.to_string())
    }

    /// One answer for keys that are unknown, wrong, revoked and expired.
    pub(crate) fn invalid_client() -> Self {
        Self::Told(Code::InvalidClient, "the key is unknown, expired or revoked".to_owned())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (error, error_description) = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Told(error, description) => (error, description),
        };
        let body = NoStore(axum::Json(ErrorBody { error, error_description }));
        if error == Code::InvalidClient {
            let scheme = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"api keys\""))];
            return (StatusCode::UNAUTHORIZED, scheme, body).into_response();
        }
        (StatusCode::BAD_REQUEST, body).into_response()
    }
}

/// The parameters of a request.
pub(crate) struct Form {
    parameters: BTreeMap<String, String>,
    header: Header,
}

/// The client in the `Authorization` header.
enum Header {
    Absent,
    Client(String, String),
    /// There is such a header, and it cannot be read as `Basic`.
    Unreadable,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        const BYTES_MAX: usize = 64 * 1024;
        let (parts, body) = request.into_parts();
        let media = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid("send `Content-Type: application/x-www-form-urlencoded`"));
        }
        let bytes = to_bytes(body, BYTES_MAX).await;
        let bytes =
            bytes.map_err(|_| OAuthError::invalid(format_args!("a body has at most {BYTES_MAX} bytes")))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            // RFC 6749, 3.2: what has no value is as if it were not there, and nothing is there twice.
            if value.is_empty() {
                continue;
            }
            if parameters.contains_key(name.as_ref()) {
                let name: String = name.chars().take(64).collect();
                return Err(OAuthError::invalid(format_args!("`{name}` is there twice")));
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self { parameters, header: basic(&parts.headers) })
    }
}

impl Form {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid(format_args!("`{name}` is missing")))
    }

    /// Identifier and secret of the client: from the header or the body, never from both (2.3.1).
    pub(crate) fn client(&self) -> Result<(&str, &str), OAuthError> {
        let given = self.get("client_id").is_some() || self.get("client_secret").is_some();
        match &self.header {
            Header::Client(..) | Header::Unreadable if given => {
                Err(OAuthError::invalid("the client is named twice: in `Authorization` and in the body"))
            }
            Header::Client(id, secret) => Ok((id, secret)),
            Header::Unreadable => Err(OAuthError::invalid_client()),
            Header::Absent => Ok((self.need("client_id")?, self.need("client_secret")?)),
        }
    }
}

/// The client of `Authorization: Basic`, whose parts are encoded as those of forms (2.3.1).
fn basic(headers: &HeaderMap) -> Header {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Header::Absent };
    let plain = |text: &str| {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned())
    };
    let client = value.to_str().ok().filter(|_| values.next().is_none()).and_then(|value| {
        let (scheme, encoded) = value.split_once(' ')?;
        let text =
            scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()?;
        let text = String::from_utf8(text).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some(Header::Client(plain(id)?, plain(secret)?))
    });
    client.unwrap_or(Header::Unreadable)
}
