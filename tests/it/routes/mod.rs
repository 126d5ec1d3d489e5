//! One folder per function, one file per operation: the tree of the tests is the one of the URLs.

pub(crate) mod api_keys;
mod auth;
mod deliveries;
mod event_types;
mod events;
mod oauth;
mod organizations;
mod webhooks;

use http::{HeaderMap, StatusCode};
use it::{Answer, App, Request};
use serde_json::Value;
use tokio::task::JoinSet;

/// All of an answer that a caller could tell it from another by: everything but its own name and
/// the date.
fn anonymous(answer: &Answer) -> (StatusCode, HeaderMap, String) {
    let name = answer.header("x-request-id").unwrap();
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    headers.remove("date");
    (answer.status, headers, answer.text.replace(name, ""))
}

/// The answers to calls that are made at the same time.
pub(crate) async fn at_once(calls: impl Iterator<Item = Request>) -> Vec<Answer> {
    let calls: JoinSet<_> = calls.map(Request::send).collect();
    calls.join_all().await
}

/// A text of a body.
fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}: {body}"))
}

/// A problem, whole; `members` are those beside the ones that every problem has.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str, title: &str, members: &Value) {
    let mut expected = members.clone();
    expected["type"] = format!("urn:ai-foundry:problem:{code}").into();
    expected["title"] = title.into();
    expected["status"] = status.into();
    expected["code"] = code.into();
    expected["request_id"] = answer.header("x-request-id").unwrap().into();
    assert_eq!(answer.expect(status), expected);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// How many items the table holds.
async fn items(app: &App) -> usize {
    app.dump().await.lines().count()
}
