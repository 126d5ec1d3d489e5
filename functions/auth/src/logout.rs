//! `POST /auth/logout` ends sessions: this one, the person's others, or all.
//!
//! Their refresh tokens are worth nothing from then on, their access tokens within
//! `shared::standing::REMEMBERED`.

use std::str::FromStr;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde_json::json;
use shared::audit::{Action, Actor, Origin};
use shared::context::Core;
use shared::http::{Fields, FromFields, Json as Body, Operation};
use shared::id::SessionId;
use shared::principal::Person;
use shared::problem::{Kind, Problem, Violation};
use shared::table::{Cancelled, StoreError, Table};

use crate::sign_in::taken_away;

#[derive(JsonSchema)]
#[schemars(rename = "LogoutRequest", deny_unknown_fields)]
pub(crate) struct Request {
    /// `local` where it is not given.
    scope: Option<LogoutScope>,
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum LogoutScope {
    /// The one that asks.
    #[default]
    Local,
    /// All of the person's but the one that asks.
    Others,
    /// All of the person's.
    Global,
}

impl LogoutScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Others => "others",
            Self::Global => "global",
        }
    }
}

impl FromStr for LogoutScope {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "local" => Ok(Self::Local),
            "others" => Ok(Self::Others),
            "global" => Ok(Self::Global),
            _ => Err(Violation::new("unknown_value", "expected one of local, others, global")),
        }
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { scope: fields.optional_text("scope") })
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("logout", "End sessions of the person who asks")
        .takes::<Request>(json!({ "scope": "local" }))
        .answers_empty(204, "They have ended.")
}

pub(crate) async fn handler(
    State(core): State<Core>,
    person: Person,
    origin: Origin,
    Body { value: request, .. }: Body<Request>,
) -> Result<StatusCode, Problem> {
    let scope = request.scope.unwrap_or_default();
    let (table, now) = (&core.table, core.clock.now());
    let entry = origin.entry(Action::UserLoggedOut, Actor::User(person.user), now);
    let entry = entry.on(person.session).with("scope", scope.as_str());
    let ending = ending(table, person, scope).await?;
    if scope == LogoutScope::Global {
        // One write ends all of them, and those that begin with what was shown before it.
        let user = crate::me::read::person(&core, person).await?;
        let written = taken_away(table, person.org, entry, || table.transaction().raise_epoch(&user));
        written.await?.map_err(|Cancelled(_)| Problem::of(Kind::Conflict).retry_after(1))?;
        table.delete_sessions(person.user, &ending).await?;
    } else {
        table.delete_sessions(person.user, &ending).await?;
        if let Some(org) = person.org {
            table.note_audit(org, &entry).await;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn ending(table: &Table, person: Person, scope: LogoutScope) -> Result<Vec<SessionId>, StoreError> {
    let keeps = |id: SessionId| scope == LogoutScope::Others && id == person.session;
    match scope {
        LogoutScope::Local => Ok(vec![person.session]),
        LogoutScope::Others | LogoutScope::Global => {
            let all = table.sessions(person.user).await?;
            Ok(all.into_iter().map(|session| session.id).filter(|id| !keeps(*id)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_of_three_words() {
        for (text, scope) in
            [("local", LogoutScope::Local), ("others", LogoutScope::Others), ("global", LogoutScope::Global)]
        {
            assert_eq!(text.parse(), Ok(scope));
        }
        for text in ["", "Local", "all", "local "] {
            assert_eq!(text.parse::<LogoutScope>().unwrap_err().code, "unknown_value", "{text}");
        }
    }
}
