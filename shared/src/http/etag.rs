//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1): the version of a thing, so that two people do not
//! overwrite each other's changes.

use axum::extract::FromRequestParts;
use http::header::{self, HeaderValue};
use http::request::Parts;

use crate::problem::{Kind, Problem};

/// The `ETag` of a version.
pub fn etag(version: u32) -> [(header::HeaderName, HeaderValue); 1] {
    let tag = format!("\"{version}\"");
    [(header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")))]
}

/// The versions that a change may be made on.
#[derive(Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever is there.
    Any,
    /// One of these.
    Versions(Vec<String>),
}

impl IfMatch {
    fn parse(text: Option<&str>) -> Self {
        match text.map(str::trim) {
            None | Some("*") => Self::Any,
            Some(tags) => Self::Versions(tags.split(',').map(|tag| tag.trim().to_owned()).collect()),
        }
    }

    /// Refuses a change to a version that was not meant. Weak tags never match here.
    pub fn check(&self, version: u32) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Versions(tags) if tags.contains(&format!("\"{version}\"")) => Ok(()),
            Self::Versions(_) => Err(Problem::of(Kind::PreconditionFailed)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(header::IF_MATCH).map(HeaderValue::to_str).transpose();
        value
            .map(Self::parse)
            .map_err(|_| Problem::because(Kind::InvalidRequest, "`If-Match` is an `ETag` that you read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_absent_a_star_or_tags() {
        assert_eq!(IfMatch::parse(None), IfMatch::Any);
        assert_eq!(IfMatch::parse(Some(" * ")), IfMatch::Any);
        let tags = vec!["\"1\"".to_owned(), "W/\"2\"".to_owned()];
        assert_eq!(IfMatch::parse(Some("\"1\", W/\"2\"")), IfMatch::Versions(tags));
    }
}
