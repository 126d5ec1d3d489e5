//! `Json<T>`: the body of a request as a type, or every reason why it is not one.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http::header;
use serde_json::value::RawValue;

use super::fields::{Fields, plain};
use super::idempotency::BodyDigest;
use super::route::Held;
use crate::problem::{Kind, Problem};

/// The largest body that any route takes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How deep arrays and objects may be nested.
const DEPTH_MAX: usize = 64;

/// What can be read from the fields of a body.
pub trait FromFields: Sized {
    /// Reads every field. `None` only after something was refused.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// What can be read from the fields of a body by whoever holds the function's state: for rules
/// that depend on settings.
pub trait FromFieldsWith<S>: Sized {
    /// Reads every field. `None` only after something was refused.
    fn from_fields_with(fields: &mut Fields<'_>, state: &S) -> Option<Self>;
}

impl<S, T: FromFields> FromFieldsWith<S> for T {
    fn from_fields_with(fields: &mut Fields<'_>, _: &S) -> Option<Self> {
        T::from_fields(fields)
    }
}

/// The body of a request.
pub struct Json<T> {
    /// What it says.
    pub value: T,
    /// Tells this body from another under the same `Idempotency-Key`.
    pub digest: BodyDigest,
}

impl<T: FromFieldsWith<S>, S: Send + Sync> FromRequest<Held<S>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, held: &Held<S>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        // An empty body is an empty object, so that a POST without anything to say needs no `{}`.
        if bytes.is_empty() {
            return parse(b"{}", held.state());
        }
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Problem::because(
                Kind::UnsupportedMediaType,
                "send `Content-Type: application/json`",
            ));
        }
        parse(&bytes, held.state())
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = media == "application/json" || media == "application/merge-patch+json";
    // JSON is UTF-8 (RFC 8259, 8.1); a body that says otherwise would be read wrongly.
    json && parts.all(|part| {
        part.to_ascii_lowercase().strip_prefix("charset=").is_none_or(|set| set.trim_matches('"') == "utf-8")
    })
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        Problem::because(Kind::PayloadTooLarge, format_args!("a body has at most {BODY_BYTES_MAX} bytes"))
    })
}

fn parse<S, T: FromFieldsWith<S>>(bytes: &[u8], state: &S) -> Result<Json<T>, Problem> {
    check_depth(bytes)?;
    let json: &RawValue = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::because(Kind::MalformedJson, format_args!("line {line}, column {column}: {}", plain(&error)))
    })?;
    let mut fields =
        Fields::of(json).map_err(|violation| Problem::because(Kind::MalformedJson, violation.detail))?;
    let value = T::from_fields_with(&mut fields, state);
    let problems = fields.into_problems();
    match value {
        Some(value) if problems.is_empty() => Ok(Json { value, digest: BodyDigest::of(json) }),
        _ => Err(Problem::fields(problems)),
    }
}

/// Counts brackets outside of texts: no parser has to recurse to find out.
fn check_depth(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(Problem::because(
                Kind::MalformedJson,
                format_args!("nested more than {DEPTH_MAX} levels deep"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::FieldProblem;

    #[derive(Debug, PartialEq)]
    struct Text(String);

    impl std::str::FromStr for Text {
        type Err = crate::problem::Violation;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let short = crate::problem::Violation::new("too_short", "is empty");
            (!text.is_empty()).then(|| Self(text.to_owned())).ok_or(short)
        }
    }

    #[derive(Debug, PartialEq)]
    struct Request {
        name: Text,
        tags: Vec<Text>,
        age: Option<u32>,
        inner: Text,
    }

    impl FromFields for Request {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            let (name, tags) = (fields.text("name"), fields.texts("tags", 2));
            let (age, inner) =
                (fields.optional_integer("age", 1..=9), fields.object("inner", |f| f.text("name")));
            Some(Self { name: name?, tags, age, inner: inner? })
        }
    }

    fn errors(json: &str) -> Vec<(String, &'static str)> {
        let problem = parse::<(), Request>(json.as_bytes(), &()).err().unwrap();
        assert_eq!(problem.kind, Kind::ValidationFailed);
        problem.errors.into_iter().map(|FieldProblem { pointer, code, .. }| (pointer, code)).collect()
    }

    #[test]
    fn a_right_body_becomes_a_value() {
        let json = br#"{"name":"a","tags":["x"],"age":3,"inner":{"name":"b"}}"#;
        let expected = Request {
            name: Text("a".into()),
            tags: vec![Text("x".into())],
            age: Some(3),
            inner: Text("b".into()),
        };
        assert_eq!(parse::<(), Request>(json, &()).ok().map(|json| json.value), Some(expected));
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        assert_eq!(
            errors(r#"{"name":7,"tags":["x",""],"age":10,"inner":{"nam":"b"},"a/b~c":1}"#),
            [
                ("/name".to_owned(), "wrong_type"),
                ("/tags/1".to_owned(), "too_short"),
                ("/age".to_owned(), "out_of_range"),
                ("/inner/name".to_owned(), "required"),
                ("/inner/nam".to_owned(), "unknown_field"),
                ("/a~1b~0c".to_owned(), "unknown_field"),
            ]
        );
    }

    #[test]
    fn odd_types_are_refused_where_they_stand() {
        assert_eq!(
            errors(r#"{"name":null,"tags":"x","age":1.5,"inner":[]}"#),
            [
                ("/name".to_owned(), "required"),
                ("/tags".to_owned(), "wrong_type"),
                ("/age".to_owned(), "wrong_type"),
                ("/inner".to_owned(), "wrong_type"),
            ]
        );
    }

    #[test]
    fn broken_json_is_told_with_line_and_column() {
        for (json, detail) in [
            ("{\n  \"name\": }", "line 2, column 11: expected value"),
            ("[]", "expected an object"),
            ("{\"name\":1,\"name\":2}", "the field `name` is there twice"),
            ("{} x", "line 1, column 4: trailing characters"),
        ] {
            let problem = parse::<(), Request>(json.as_bytes(), &()).err().unwrap();
            assert_eq!(
                (problem.kind, problem.detail.as_deref()),
                (Kind::MalformedJson, Some(detail)),
                "{json}"
            );
        }
        assert_eq!(
            parse::<(), Request>(b"{\"name\":\"\xff\"}", &()).err().map(|p| p.kind),
            Some(Kind::MalformedJson)
        );
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_texts_do_not_count() {
        let deep = format!("{{\"name\":{}{}}}", "[".repeat(64), "]".repeat(64));
        let problem = parse::<(), Request>(deep.as_bytes(), &()).err().unwrap();
        assert_eq!(problem.detail.as_deref(), Some("nested more than 64 levels deep"));
        let text = format!(r#"{{"name":"{}\"[","inner":{{"name":"b"}}}}"#, "[".repeat(100));
        assert!(parse::<(), Request>(text.as_bytes(), &()).is_ok());
    }

    #[test]
    fn only_json_in_utf8_counts_as_json() {
        for right in ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"] {
            assert!(is_json(right), "{right}");
        }
        for wrong in ["text/plain", "application/jsonp", "application/json; charset=latin1", ""] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }
}
