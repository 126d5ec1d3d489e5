//! What the webhooks of an organisation want, kept from one publish to the next.
//!
//! Reading all webhooks costs a read unit for each five or so, and time to take them apart: with a thousand of them
//! that is most of what a publish costs. So a process keeps the list, and reads before each publish whether it still
//! is what it was: one small item, whatever the number. The read is consistent, so that a webhook made before a
//! publish is matched as ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::context::Core;
use shared::id::{OrgId, WebhookId};
use shared::table::StoreError;
use shared::webhook::{Revision, Subscription};

/// A shorter list is read in one unit, as the number of its changes is: to keep it would save nothing.
const KEPT_FROM: usize = 8;
/// So many subscriptions of all organisations are kept together: some megabytes, or tens where they are long.
const KEPT_MAX: usize = 10_000;
/// A process that has seen more organisations than this starts over.
const ENTRIES_MAX: usize = 4096;

/// What the webhooks of an organisation want, the oldest first.
pub(crate) type List = Arc<[(WebhookId, Subscription)]>;

/// What a process keeps.
#[derive(Clone, Default)]
pub struct Subscriptions(Arc<Mutex<HashMap<OrgId, Entry>>>);

#[derive(Clone)]
enum Entry {
    /// The list is long, and was read once: the next publish keeps it.
    Long,
    Kept(Revision, List),
}

impl Entry {
    fn len(&self) -> usize {
        match self {
            Self::Long => 0,
            Self::Kept(_, list) => list.len(),
        }
    }
}

impl Subscriptions {
    fn entries(&self) -> MutexGuard<'_, HashMap<OrgId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, org: OrgId, entry: Entry) {
        let mut entries = self.entries();
        entries.remove(&org);
        let kept: usize = entries.values().map(Entry::len).sum();
        if entries.len() >= ENTRIES_MAX || kept + entry.len() > KEPT_MAX {
            entries.clear();
        }
        entries.insert(org, entry);
    }

    /// The subscriptions of an organisation as they are now.
    pub(crate) async fn of(&self, core: &Core, org: OrgId) -> Result<List, StoreError> {
        let known = self.entries().get(&org).cloned();
        let Some(known) = known else {
            let list: List = core.table.subscriptions(org).await?.into();
            if list.len() >= KEPT_FROM {
                self.put(org, Entry::Long);
            }
            return Ok(list);
        };
        // Before the list: one that is newer than its number is read once more, one that is older never counts.
        let revision = core.table.webhooks_revision(org).await?;
        if let Entry::Kept(kept, list) = known
            && kept == revision
        {
            return Ok(list);
        }
        let list: List = core.table.subscriptions(org).await?.into();
        if list.len() < KEPT_FROM {
            self.entries().remove(&org);
        } else if revision.is_settled_at(core.clock.now()) {
            self.put(org, Entry::Kept(revision, list.clone()));
        } else {
            self.put(org, Entry::Long);
        }
        Ok(list)
    }
}
