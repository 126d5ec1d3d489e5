//! What the webhooks of an organisation want, kept from one publish to the next.
//!
//! Reading all webhooks costs a read unit for each five or so, and time to take them apart: with a thousand of them
//! that is most of what a publish costs. So a process keeps the list, and reads before each publish whether it still
//! is what it was: one small item, whatever the number. The read is consistent, so that a webhook made before a
//! publish is matched as ever. Why so: ADR 0025.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::context::Core;
use shared::id::{OrgId, WebhookId};
use shared::table::StoreError;
use shared::webhook::{Revision, Subscription};

/// A shorter list is read in one unit or two, as the number of its changes is: to keep it would save nothing.
const KEPT_FROM: usize = 8;
/// A list that is longer than this as JSON is not kept. A thousand ordinary webhooks have 150 KB; a condition's values
/// can take twenty times as much in memory as in text.
const LIST_BYTES_MAX: usize = 1 << 20;
/// All that are kept: a process that has more starts over.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// A process that has seen more organisations than this starts over.
const ENTRIES_MAX: usize = 4096;

/// What the webhooks of an organisation want, the oldest first.
pub(crate) type List = Arc<[(WebhookId, Subscription)]>;

/// What a process keeps.
#[derive(Clone, Default)]
pub struct Subscriptions(Arc<Mutex<HashMap<OrgId, Entry>>>);

#[derive(Clone)]
enum Entry {
    /// The list is worth keeping, and was read once: the next publish keeps it.
    Worth,
    Kept(Kept),
}

#[derive(Clone)]
struct Kept {
    revision: Revision,
    list: List,
    bytes: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Worth => 0,
            Self::Kept(kept) => kept.bytes,
        }
    }
}

/// How long a list is as JSON, if it is worth keeping.
fn worth(list: &List) -> Option<usize> {
    if list.len() < KEPT_FROM {
        return None;
    }
    let bytes = serde_json::to_vec(&**list).ok()?.len();
    (bytes <= LIST_BYTES_MAX).then_some(bytes)
}

impl Subscriptions {
    fn entries(&self) -> MutexGuard<'_, HashMap<OrgId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, org: OrgId, entry: Entry) {
        let mut entries = self.entries();
        entries.remove(&org);
        let kept: usize = entries.values().map(Entry::bytes).sum();
        if entries.len() >= ENTRIES_MAX || kept + entry.bytes() > KEPT_BYTES_MAX {
            entries.clear();
        }
        entries.insert(org, entry);
    }

    fn forget(&self, org: OrgId) {
        self.entries().remove(&org);
    }

    /// The subscriptions of an organisation as they are now.
    pub(crate) async fn of(&self, core: &Core, org: OrgId) -> Result<List, StoreError> {
        let known = self.entries().get(&org).cloned();
        let Some(known) = known else {
            let list: List = core.table.subscriptions(org).await?.into();
            if worth(&list).is_some() {
                self.put(org, Entry::Worth);
            }
            return Ok(list);
        };
        // Before the list: one that is newer than its number is read once more, one that is older never counts.
        let now = core.clock.now();
        let revision = core.table.webhooks_revision(org).await?;
        match known {
            Entry::Kept(kept) if kept.revision == revision => return Ok(kept.list),
            // It goes before the next one comes.
            Entry::Kept(_) | Entry::Worth => self.forget(org),
        }
        let list: List = core.table.subscriptions(org).await?.into();
        match worth(&list) {
            Some(bytes) if revision.is_settled_at(now) => {
                self.put(org, Entry::Kept(Kept { revision, list: list.clone(), bytes }));
            }
            Some(_) => self.put(org, Entry::Worth),
            None => {}
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::clock::Timestamp;
    use shared::entropy::Entropy;

    fn list(count: usize, event_type: &str) -> List {
        let (at, entropy) = (Timestamp::from_seconds(0), Entropy::system());
        let wants =
            Subscription { event_types: vec![event_type.parse().unwrap(); 50], ..Subscription::default() };
        let one = |_| (WebhookId::new(at, &entropy).unwrap(), wants.clone());
        (0..count).map(one).collect()
    }

    #[test]
    fn lists_that_are_short_or_huge_are_not_kept() {
        assert_eq!(worth(&list(KEPT_FROM - 1, "a.b")), None);
        assert!(worth(&list(KEPT_FROM, "a.b")).is_some());
        assert!(worth(&list(1000, "a.b")).is_some());
        assert_eq!(worth(&list(1000, &"a".repeat(128))), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let subscriptions = Subscriptions::default();
        let (at, entropy) = (Timestamp::from_seconds(0), Entropy::system());
        let kept = || subscriptions.entries().values().map(Entry::bytes).sum::<usize>();
        let org = || OrgId::new(at, &entropy).unwrap();
        for _ in 0..=ENTRIES_MAX {
            subscriptions.put(org(), Entry::Worth);
        }
        assert_eq!(subscriptions.entries().len(), 1);
        let list = list(1000, "a.b");
        let bytes = worth(&list).unwrap();
        let one = Kept { revision: Revision::default(), list, bytes };
        for _ in 0..=KEPT_BYTES_MAX / bytes {
            subscriptions.put(org(), Entry::Kept(one.clone()));
            assert!(kept() <= KEPT_BYTES_MAX);
        }
        assert_eq!(kept(), bytes);
    }
}
