//! `Idempotency-Key`: which request is a repetition of which. What a repetition answers is each
//! operation's own; see the table's idempotency records.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::problem::{Kind, Problem};

/// The value of the header `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From text; `None` when it is empty, too long, or not visible ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        ((1..=255).contains(&text.len()) && visible).then(|| Self(text.to_owned()))
    }

    /// The key of one part of a request that stands under this one.
    pub fn of_part(&self, route: &str, place: usize) -> Option<Self> {
        Self::parse(&format!("{}:{place}", self.digest(route)))
    }

    /// SHA-256 of the route and the key, in hexadecimal: what the record is found by. The key
    /// itself may carry the caller's data, and is not stored.
    pub fn digest(&self, route: &str) -> String {
        hex(digest(&SHA256, format!("{route}\n{}", self.0).as_bytes()).as_ref())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        <Self as axum::extract::OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await?
            .ok_or_else(|| Problem::because(Kind::InvalidRequest, "the header `Idempotency-Key` is needed"))
    }
}

impl<S: Send + Sync> axum::extract::OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value.to_str().ok().and_then(Self::parse).filter(|_| values.next().is_none());
        key.map(Some).ok_or_else(|| {
            Problem::because(
                Kind::InvalidRequest,
                "`Idempotency-Key` is one value of 1 to 255 visible ASCII characters",
            )
        })
    }
}

/// SHA-256 of a body, byte for byte: a client that repeats a request repeats its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BodyDigest(String);

impl BodyDigest {
    /// Of the JSON of a body.
    pub fn of(json: &RawValue) -> Self {
        Self(hex(digest(&SHA256, json.get().as_bytes()).as_ref()))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
