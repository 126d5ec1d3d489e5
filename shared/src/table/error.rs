//! What can go wrong with the table: it does not answer, or it holds something we cannot read.

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};

use crate::entropy::NoEntropy;
use crate::problem::{Kind, Problem, chain};

/// Why a call to the table has no result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, refused, or is throttled. Nothing can be said of what was asked.
    #[error("the table does not answer: {0}")]
    Unavailable(String),
    /// Others wrote the same items at the same time, again and again.
    #[error("others keep writing the same items")]
    Contended,
    /// An item is not of the shape that this code knows.
    #[error("an item of the table cannot be read: {0}")]
    Corrupt(String),
}

impl StoreError {
    pub(super) fn throttled() -> Self {
        Self::Unavailable("keys stayed unprocessed".to_owned())
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl From<NoEntropy> for StoreError {
    fn from(error: NoEntropy) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(&error),
            StoreError::Contended => Self::of(Kind::Conflict).retry_after(1),
            StoreError::Corrupt(_) => Self::internal(&error),
        }
    }
}

/// `None` when a condition was not met: an answer, not an error.
pub(super) fn unless_refused<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Result<Option<T>, StoreError>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}
