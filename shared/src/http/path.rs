//! The identifiers in a path. A text that cannot be one answers as one that does not exist.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::problem::Problem;

/// The first identifier of the path.
pub struct PathId<T>(pub T);

/// The first two identifiers of the path.
pub struct PathPair<A, B>(pub A, pub B);

async fn values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    let Path(named) = Path::<Vec<(String, String)>>::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::not_found())?;
    Ok(named.into_iter().map(|(_, value)| value).collect())
}

fn parse<T: FromStr>(values: &[String], place: usize) -> Result<T, Problem> {
    values.get(place).and_then(|value| value.parse().ok()).ok_or_else(Problem::not_found)
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        parse(&values(parts, state).await?, 0).map(Self)
    }
}

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathPair<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let values = values(parts, state).await?;
        Ok(Self(parse(&values, 0)?, parse(&values, 1)?))
    }
}
