//! Where a request comes from, for the records of what it does.

use axum::extract::FromRequestParts;
use http::header::USER_AGENT;
use http::request::Parts;

use super::model::{Action, Actor, Entry};
use crate::clock::Timestamp;
use crate::http::{ClientAddress, RequestId};

/// Address, program and name of a request.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The address that the gateway saw.
    pub address: ClientAddress,
    /// What the program calls itself: bounded, and without what would break a line.
    pub user_agent: Option<String>,
    /// What the logs call the request.
    pub request_id: Option<String>,
}

impl Origin {
    const USER_AGENT_CHARS_MAX: usize = 256;

    /// Something that `actor` did by this request.
    pub fn entry(&self, action: Action, actor: Actor, now: Timestamp) -> Entry {
        Entry {
            address: Some(self.address.to_string()),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            ..Entry::new(action, actor, now)
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let address = ClientAddress::from_request_parts(parts, state).await?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = user_agent
            .map(|text| text.chars().filter(|c| !c.is_control()).take(Self::USER_AGENT_CHARS_MAX).collect());
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self { address, user_agent, request_id })
    }
}
