//! `GET /health` says whether the function runs; with `?deep=true`, whether it could serve.

use axum::Json;
use axum::extract::{RawQuery, State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::context::Core;
use shared::http::Operation;
use shared::problem::{Kind, Problem};

#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`: whoever is not well answers with a problem.
    status: &'static str,
}

pub(crate) fn operation() -> Operation {
    Operation::new("getHealth", "Says whether the service runs.")
        .flag("deep", "Whether to ask what the service depends on, too.")
        .answers::<Health>(200, "It runs.", json!({ "status": "ok" }))
}

/// Strangers may ask, so they learn that something is wrong and not what: that is in the log.
pub(crate) async fn handler(
    State(core): State<Core>,
    RawQuery(query): RawQuery,
) -> Result<Json<Health>, Problem> {
    if deep(query.as_deref())? {
        // A function without a key ring does not start; this makes it look for a newer one.
        core.keys.ring().await;
        core.table.ping().await?;
    }
    Ok(Json(Health { status: "ok" }))
}

/// A misspelt `deep` must not pass for a deep answer.
fn deep(query: Option<&str>) -> Result<bool, Problem> {
    match query.unwrap_or_default() {
        "" | "deep=false" => Ok(false),
        "deep=true" => Ok(true),
        _ => Err(Problem::because(Kind::InvalidRequest, "the query is `deep=true`, `deep=false` or nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deep_is_asked_for() {
        let read = |query| deep(query).map_err(|problem| problem.kind);
        for (query, expected) in [
            (None, Ok(false)),
            (Some(""), Ok(false)),
            (Some("deep=false"), Ok(false)),
            (Some("deep=true"), Ok(true)),
            (Some("deep=1"), Err(Kind::InvalidRequest)),
            (Some("deeep=true"), Err(Kind::InvalidRequest)),
            (Some("deep=true&deep=false"), Err(Kind::InvalidRequest)),
        ] {
            assert_eq!(read(query), expected, "{query:?}");
        }
    }
}
