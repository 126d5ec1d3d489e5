//! The chain of an audit log.
//!
//! The hash of a record is SHA-256 over the record's JSON without `hash`, as RFC 8785 writes it:
//! members sorted by name, no spaces. Only texts, whole numbers below 2^53 and objects occur, for
//! which that is all there is to it. Whoever has an export can check it with a JSON library:
//!
//! ```python
//! import hashlib, json, sys
//! before = None
//! for line in sys.stdin:
//!     record = json.loads(line)
//!     said = record.pop("hash")
//!     text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
//!     assert said == hashlib.sha256(text.encode()).hexdigest(), record["sequence"]
//!     assert before in (None, record["previous_hash"]), record["sequence"]
//!     before = said
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::model::{Entry, Record};

/// What the first record has as the hash of the one before.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where a chain is broken: the sequence of the record that does not follow from the one before, or
/// is not as it was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain is broken at record {0}")]
pub struct BrokenAt(pub u64);

impl Record {
    /// The record of `entry` after the one with `previous_hash`.
    pub fn after(sequence: u64, previous_hash: &str, entry: Entry) -> Self {
        let mut record =
            Self { sequence, entry, previous_hash: previous_hash.to_owned(), hash: String::new() };
        record.hash = record.computed();
        record
    }

    fn computed(&self) -> String {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(members) = &mut json {
            members.remove("hash");
        }
        let mut canonical = String::new();
        write_sorted(&json, &mut canonical);
        let mut text = String::with_capacity(64);
        for byte in digest(&SHA256, canonical.as_bytes()).as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// Members sorted by name, no spaces. The names here are ASCII, for which every order is the same.
fn write_sorted(json: &Value, text: &mut String) {
    let Value::Object(members) = json else {
        let _ = write!(text, "{json}");
        return;
    };
    let sorted: BTreeMap<_, _> = members.iter().collect();
    for (place, (name, value)) in sorted.into_iter().enumerate() {
        let _ = write!(text, "{}{}:", if place == 0 { '{' } else { ',' }, Value::from(name.as_str()));
        write_sorted(value, text);
    }
    text.push_str(if members.is_empty() { "{}" } else { "}" });
}

/// Checks records that follow each other, the oldest first. The first may be in the middle of a log:
/// what it says of the record before it is taken as it is.
pub fn verify(records: &[Record]) -> Result<(), BrokenAt> {
    let mut before: Option<&Record> = None;
    for record in records {
        let follows = before.is_none_or(|before| {
            record.sequence == before.sequence + 1 && record.previous_hash == before.hash
        });
        let begins = record.sequence != 1 || record.previous_hash == BEGINNING;
        if !follows || !begins || record.hash != record.computed() {
            return Err(BrokenAt(record.sequence));
        }
        before = Some(record);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Action, Actor, Outcome};
    use crate::clock::Timestamp;

    fn log() -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        for sequence in 1..=5 {
            let at = Timestamp::from_millis(1_767_225_600_000 + i64::try_from(sequence).unwrap());
            let entry = Entry::new(Action::MemberRoleChanged, Actor::Nobody, at)
                .on("usr_01kdvdna000w3ge1r70w3ge1r7")
                .with("from", "member")
                .with("to", "„Admin“\n");
            let previous = records.last().map_or(BEGINNING, |record| record.hash.as_str()).to_owned();
            records.push(Record::after(sequence, &previous, entry));
        }
        records
    }

    #[test]
    fn the_hash_is_that_of_the_sorted_json() {
        // Computed with Python's hashlib and json, as the module's documentation shows it.
        assert_eq!(log()[0].hash, "0824575604fc52702c8cc1c61463e19f922a883131d0db2fcce249171d6ef8cc");
    }

    #[test]
    fn an_untouched_log_is_whole_also_from_its_middle() {
        assert_eq!(verify(&log()), Ok(()));
        assert_eq!(verify(&log()[2..]), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
    }

    #[test]
    fn a_change_of_any_kind_breaks_the_chain() {
        let mut changed = log();
        changed[2].entry.result = Outcome::Failure;
        assert_eq!(verify(&changed), Err(BrokenAt(3)));
        let mut removed = log();
        removed.remove(2);
        assert_eq!(verify(&removed), Err(BrokenAt(4)));
        let mut swapped = log();
        swapped.swap(1, 2);
        assert_eq!(verify(&swapped), Err(BrokenAt(3)));
        let mut inserted = log();
        inserted.insert(2, inserted[1].clone());
        assert_eq!(verify(&inserted), Err(BrokenAt(2)));
        let mut rewritten = log();
        let entry = Entry { result: Outcome::Failure, ..rewritten[2].entry.clone() };
        rewritten[2] = Record::after(3, &rewritten[1].hash.clone(), entry);
        assert_eq!(verify(&rewritten), Err(BrokenAt(4)));
        let beheaded = Record::after(1, &"1".repeat(64), log()[0].entry.clone());
        assert_eq!(verify(&[beheaded]), Err(BrokenAt(1)));
    }
}
