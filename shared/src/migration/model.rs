//! A run of a migration. It goes through the table in passes: the last one finds nothing to do. So what a run says is
//! what it has seen, and not what it meant to leave behind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::table::Position;

/// The most segments that a run has: its progress is written in one transaction.
pub const SEGMENTS_MAX: u16 = 32;
/// How long a run belongs to whoever works on it, from the last progress on. A page of each segment takes seconds.
pub const LEASE: Duration = Duration::from_mins(1);

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// Encrypts anew, under the current key of SECRET_KEY, what is encrypted under an older one.
    Reseal,
}

impl Migration {
    /// The name of its runs. One that changes nothing is a run of its own.
    pub fn name(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::Reseal, false) => "reseal",
            (Self::Reseal, true) => "reseal-dry-run",
        }
    }
}

/// What came of looking at items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items that were looked at.
    pub scanned: u64,
    /// Values that were changed, or would be.
    pub changed: u64,
    /// Values that could not be changed: each is in the log.
    pub failed: u64,
    /// Items that could not be read, so that nobody knows what is in them: each is in the log.
    pub unreadable: u64,
    /// How many values were found under each key but the current one.
    pub found: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts what others have counted.
    pub fn add(&mut self, other: &Self) {
        self.scanned += other.scanned;
        self.changed += other.changed;
        self.failed += other.failed;
        self.unreadable += other.unreadable;
        for (kid, count) in &other.found {
            *self.found.entry(kid.clone()).or_default() += count;
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What it does.
    pub migration: Migration,
    /// Whether it only says what it would do.
    pub dry_run: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// How many segments the table is cut into.
    pub segments: u16,
    /// Which pass through the table it is in, from 1.
    pub pass: u16,
    /// When that pass began.
    pub pass_began_at: Timestamp,
    /// The keys that nothing new was sealed under any more when it began: what it finds out is about these.
    pub kids: Vec<String>,
    /// What earlier passes counted.
    pub before: Counts,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Who works on it, or did so last.
    pub holder: String,
    /// Until when nobody else does.
    pub leased_until: Timestamp,
}

impl Run {
    /// A run that would go on for ever ends after so many passes: something keeps bringing back what it changes.
    const PASSES_MAX: u16 = 5;

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.migration.name(self.dry_run)
    }

    /// Whether `counts` of a whole pass are the end of it: there was nothing to do, or nothing that can be done.
    pub fn ends_with(&self, counts: &Counts) -> bool {
        self.dry_run || counts.changed == 0 || self.pass >= Self::PASSES_MAX
    }

    /// Of the keys that it is about, those that nothing was found under in a whole pass.
    pub fn unused<'a>(&'a self, counts: &'a Counts) -> impl Iterator<Item = &'a str> {
        let sure = !self.dry_run && counts.unreadable == 0;
        let kids = self.kids.iter().map(String::as_str);
        kids.filter(move |kid| sure && counts.found.get(*kid).is_none_or(|count| *count == 0))
    }
}

/// How far one segment has come in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which, from 0.
    pub number: u16,
    /// Where it goes on; `None` at its beginning, and at its end.
    pub next: Option<Position>,
    /// Whether it is at its end.
    pub ended: bool,
    /// What it has counted in this pass.
    pub counts: Counts,
}

impl Segment {
    /// One at its beginning.
    pub fn new(number: u16) -> Self {
        Self { number, next: None, ended: false, counts: Counts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pass: u16) -> Run {
        let at = Timestamp::from_seconds(1);
        Run {
            migration: Migration::Reseal,
            dry_run: false,
            began_at: at,
            segments: 1,
            pass,
            pass_began_at: at,
            kids: vec!["k1".to_owned(), "k2".to_owned()],
            before: Counts::default(),
            ended_at: None,
            holder: String::new(),
            leased_until: at,
        }
    }

    #[test]
    fn a_run_ends_with_a_pass_that_changed_nothing() {
        let changed = |changed| Counts { changed, ..Counts::default() };
        assert!(run(1).ends_with(&changed(0)) && !run(1).ends_with(&changed(1)));
        assert!(run(Run::PASSES_MAX).ends_with(&changed(1)));
        assert!(Run { dry_run: true, ..run(1) }.ends_with(&changed(1)));
    }

    #[test]
    fn a_key_is_unused_only_where_all_was_seen_and_nothing_found_under_it() {
        let mut counts = Counts::default();
        counts
            .add(&Counts { found: [("k1".to_owned(), 2), ("k3".to_owned(), 1)].into(), ..Counts::default() });
        assert_eq!(run(2).unused(&counts).collect::<Vec<_>>(), ["k2"]);
        counts.unreadable = 1;
        assert_eq!(run(2).unused(&counts).count(), 0);
        assert_eq!(Run { dry_run: true, ..run(2) }.unused(&Counts::default()).count(), 0);
    }
}
