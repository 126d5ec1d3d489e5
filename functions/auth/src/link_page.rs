//! `GET /auth/link` is the page that links in mails lead to, where the deployment has none of its own. It
//! uses nothing up: what it was opened for happens when somebody presses its button, since mail scanners
//! open links too. The token is behind the `#`, which browsers send to nobody.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use schemars::JsonSchema;
use serde_json::json;
use shared::http::Operation;

const PAGE: &str = include_str!("link_page.html");
/// Nothing is loaded, framed or run but what is in the page itself, which is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (script, style) = (hash_of("script"), hash_of("style"));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Of the content of the page's one element of a name, as a policy names it (CSP 3, 2.3.1).
fn hash_of(element: &str) -> String {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let content = PAGE.split_once(&start).and_then(|(_, rest)| rest.split_once(&end));
    let content = content.map_or("", |(content, _)| content);
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, content.as_bytes())))
}

/// The page.
#[derive(JsonSchema)]
#[schemars(rename = "LinkPage")]
#[expect(dead_code, reason = "it is only described")]
pub(crate) struct Page(String);

pub(crate) fn operation() -> Operation {
    Operation::new("getLinkPage", "Show the page that links in mails lead to").answers_page::<Page>(
        200,
        "The page",
        json!("<!doctype html>…"),
    )
}

pub(crate) async fn handler() -> Response {
    let fixed = |value| HeaderValue::from_static(value);
    let headers = [
        (header::CONTENT_TYPE, fixed("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&POLICY).unwrap_or(fixed("default-src 'none'")),
        ),
        (header::REFERRER_POLICY, fixed("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::CACHE_CONTROL, fixed("no-store")),
    ];
    (headers, PAGE).into_response()
}
