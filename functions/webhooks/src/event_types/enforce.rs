//! Whether the data of an event matches the schema of its type, where that is enforced.
//!
//! What is found of a type, that there is none included, is remembered for five seconds after it was asked for, so
//! that a busy publisher does not read and compile it each time. The function that changes a type forgets it at once;
//! others go by the one before for that long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonschema::Validator;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::context::Core;
use shared::event_type::SchemaText;
use shared::id::OrgId;
use shared::problem::Problem;
use shared::webhook::EventType;

use super::schema;

/// How long what was found counts.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Types that are remembered at once: a compiled schema takes some memory.
const ENTRIES_MAX: usize = 512;

/// What a process remembers of types.
#[derive(Clone, Default)]
pub struct Schemas(Arc<Mutex<HashMap<(OrgId, String), Remembered>>>);

#[derive(Clone)]
struct Remembered {
    asked_at: Timestamp,
    /// `None` where nothing is enforced.
    enforced: Option<Arc<Enforced>>,
}

struct Enforced {
    text: SchemaText,
    validator: Validator,
}

impl Remembered {
    fn counts_at(&self, now: Timestamp) -> bool {
        // A clock that went back makes it look young for ever: it does not count then.
        self.asked_at <= now && now.since(self.asked_at) < REMEMBERED
    }
}

impl Schemas {
    fn entries(&self) -> MutexGuard<'_, HashMap<(OrgId, String), Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a type that was changed.
    pub(super) fn forget(&self, org: OrgId, kind: &EventType) {
        self.entries().remove(&(org, kind.as_str().to_owned()));
    }

    /// Refuses data that does not match.
    pub(crate) async fn check(
        &self,
        core: &Core,
        org: OrgId,
        kind: &EventType,
        data: &RawValue,
    ) -> Result<(), Problem> {
        let Some(enforced) = self.enforced(core, org, kind).await? else { return Ok(()) };
        let violations = schema::violations(&enforced.validator, data);
        if violations.is_empty() { Ok(()) } else { Err(Problem::fields(violations)) }
    }

    async fn enforced(
        &self,
        core: &Core,
        org: OrgId,
        kind: &EventType,
    ) -> Result<Option<Arc<Enforced>>, Problem> {
        let (key, now) = ((org, kind.as_str().to_owned()), core.clock.now());
        let before = self.entries().get(&key).cloned();
        let before = match before {
            Some(before) if before.counts_at(now) => return Ok(before.enforced),
            before => before.and_then(|before| before.enforced),
        };
        let registered = core.table.event_type(org, kind).await?;
        let text =
            registered.filter(|registered| registered.enforce).and_then(|registered| registered.schema);
        let enforced = text.map(|text| compile(text, before)).transpose()?;
        let mut entries = self.entries();
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, entry| entry.counts_at(now));
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries.insert(key, Remembered { asked_at: now, enforced: enforced.clone() });
        Ok(enforced)
    }
}

/// What is compiled already is not compiled again.
fn compile(text: SchemaText, before: Option<Arc<Enforced>>) -> Result<Arc<Enforced>, Problem> {
    if let Some(before) = before.filter(|before| before.text == text) {
        return Ok(before);
    }
    let validator = schema::compile(&text).map_err(|violation| Problem::internal(&violation))?;
    Ok(Arc::new(Enforced { text, validator }))
}
