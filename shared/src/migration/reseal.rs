//! What holds something encrypted: webhooks (P9) and second factors (P14). Whoever encrypts something else teaches it
//! to be sealed anew here; `tests/it/tidy.rs` tells.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::model::{Counts, Segment};
use crate::entropy::Entropy;
use crate::factor::factor_of;
use crate::id::WebhookId;
use crate::secret::{KeyRing, Resealing};
use crate::table::{Item, Key, ScanPage, StoreError, Table};
use crate::webhook::webhook_of;

/// Items that are looked at in one call.
const PAGE: u16 = 200;
const FACTOR: &str = "factor";

/// What came of one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What it counts for.
    pub counts: Counts,
    /// How many calls that wrote it took.
    pub writes: u32,
}

enum Written {
    /// It is as it should be, or cannot be.
    Done(Looked),
    /// It was changed meanwhile by somebody else.
    Lost,
}

fn counts(resealing: Resealing<'_>) -> Counts {
    let mut counts = Counts { changed: resealing.changed, failed: resealing.failed, ..Counts::default() };
    for kid in resealing.found {
        *counts.found.entry(kid).or_default() += 1;
    }
    counts
}

impl Table {
    /// The next page of items that hold something encrypted.
    pub async fn scan_sealed(&self, segment: &Segment, of: u16) -> Result<ScanPage, StoreError> {
        let text = |text: String| AttributeValue::S(text);
        let values = HashMap::from([
            (":webhook".to_owned(), text(format!("{}_", WebhookId::PREFIX))),
            (":factor".to_owned(), text(FACTOR.to_owned())),
        ]);
        let filter = "begins_with(sk, :webhook) OR sk = :factor";
        self.scan_segment((segment.number, of), segment.next.as_ref(), (filter, values), PAGE).await
    }

    /// Seals anew what an item keeps under another key than the current one. What somebody else has changed
    /// meanwhile is read again; what a `dry_run` would change is counted alike.
    pub async fn reseal(
        &self,
        mut item: Item,
        ring: &KeyRing,
        entropy: &Entropy,
        dry_run: bool,
    ) -> Result<Looked, StoreError> {
        const TRIES: u32 = 4;
        let key = Key::of_item(&item).ok_or_else(|| StoreError::Corrupt("an item has no key".to_owned()))?;
        for _ in 0..TRIES {
            match self.reseal_once(&key, item, ring, entropy, dry_run).await? {
                Written::Done(looked) => return Ok(looked),
                Written::Lost => {}
            }
            match self.get_item(&key).await? {
                Some(again) => item = again,
                // It is gone, and what it kept with it.
                None => return Ok(Looked::default()),
            }
        }
        // What it keeps was not seen to the end: this pass proves nothing, and the next looks at it again.
        let counts = Counts { changed: 1, unreadable: 1, ..Counts::default() };
        Ok(Looked { counts, writes: TRIES })
    }

    async fn reseal_once(
        &self,
        key: &Key,
        item: Item,
        ring: &KeyRing,
        entropy: &Entropy,
        dry_run: bool,
    ) -> Result<Written, StoreError> {
        let is_factor = item.get("sk").is_some_and(|sk| sk.as_s().is_ok_and(|sk| sk == FACTOR));
        let mut resealing = Resealing::new(ring, entropy);
        let written = if is_factor {
            let Some(mut factor) = readable(key, factor_of(item)) else { return Ok(unreadable()) };
            let before = factor.secret.clone();
            factor.reseal(&mut resealing)?;
            let needed = resealing.changed > 0 && !dry_run;
            if needed { Some(self.put_resealed_factor(&factor, &before).await?) } else { None }
        } else {
            let Some(mut webhook) = readable(key, webhook_of(item)) else { return Ok(unreadable()) };
            webhook.reseal(&mut resealing)?;
            let needed = resealing.changed > 0 && !dry_run;
            if needed { Some(self.put_resealed_webhook(&webhook).await?) } else { None }
        };
        Ok(match written {
            Some(false) => Written::Lost,
            Some(true) | None => {
                Written::Done(Looked { counts: counts(resealing), writes: u32::from(written.is_some()) })
            }
        })
    }
}

fn readable<T>(key: &Key, read: Result<T, StoreError>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, ?key, "an item cannot be read, and is left as it is"))
        .ok()
}

fn unreadable() -> Written {
    Written::Done(Looked { counts: Counts { unreadable: 1, ..Counts::default() }, writes: 0 })
}
