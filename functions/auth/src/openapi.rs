//! `GET /openapi.json` is this interface, for programs. It is made from the routes, and a test
//! compares the two.

use axum::response::IntoResponse;
use http::header;
use serde_json::{Map, Value, json};
use shared::http::Operation;

const DOCUMENT: &str = include_str!("../../../docs/openapi.json");
/// It changes with a deployment; an hour is soon enough to learn of one.
const CACHE: &str = "public, max-age=3600";

pub(crate) fn operation() -> Operation {
    let example = json!({ "openapi": "3.1.0", "info": { "title": "AI Foundry", "version": "0.1.0" } });
    Operation::new("getOpenapi", "Describes this interface as OpenAPI 3.1.").answers::<Map<String, Value>>(
        200,
        "The document.",
        example,
    )
}

pub(crate) async fn handler() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHE)], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_json() {
        assert!(serde_json::from_str::<Value>(DOCUMENT).is_ok());
    }
}
