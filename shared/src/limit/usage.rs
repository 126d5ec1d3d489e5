//! How often something was used, by day and by what came of it.
//!
//! Counting must not cost a write for each call. A process writes the first call of a second down at once
//! and gathers what follows within it, to be written with the first call after. So a quiet key is
//! counted exactly, and of a busy one at most the last second of a process that ends is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::subjects::Subjects;
use super::{Item, Limiter, keys};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::table::{StoreError, number};

/// How long counts are gathered.
const GATHERED: Duration = Duration::from_secs(1);
/// How long they are kept.
const KEPT: Duration = Duration::from_hours(91 * 24);
/// Over so many items the counts of a day are spread.
const SHARDS: u32 = 4;

/// The counts of one day, in UTC: by what they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// `2026-01-31`.
    pub date: String,
    /// How many of each.
    pub counts: BTreeMap<String, u64>,
}

/// What a process has counted and not yet written. Of subjects that there is no room for each call is written at once.
#[derive(Default)]
pub struct UsageBook(Mutex<Subjects<String, Page>>);

/// Of one subject.
struct Page {
    written_at: Timestamp,
    date: String,
    counts: BTreeMap<&'static str, u64>,
}

impl UsageBook {
    /// Counts one, and takes out what is to be written now: by date.
    fn count(&self, subject: &str, what: &'static str, now: Timestamp) -> Vec<(String, Counts)> {
        let date = date(now);
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        if let Some(page) = book.known.get_mut(subject) {
            if page.date != date {
                due.push((std::mem::replace(&mut page.date, date.clone()), std::mem::take(&mut page.counts)));
            }
            *page.counts.entry(what).or_default() += 1;
            if page.written_at > now || now.since(page.written_at) >= GATHERED {
                page.written_at = now;
                due.push((date, std::mem::take(&mut page.counts)));
            }
        } else {
            if book.has_room(now, |page| page.counts.is_empty()) {
                let page = Page { written_at: now, date: date.clone(), counts: BTreeMap::new() };
                book.known.insert(subject.to_owned(), page);
            }
            due.push((date, BTreeMap::from([(what, 1)])));
        }
        due.retain(|(_, counts)| !counts.is_empty());
        due
    }
}

type Counts = BTreeMap<&'static str, u64>;

fn date(now: Timestamp) -> String {
    now.to_string().get(..10).unwrap_or_default().to_owned()
}

impl Limiter {
    /// Counts one `what` of `subject`: one write for the first of a second, none for those that follow.
    pub async fn note(
        &self,
        book: &UsageBook,
        subject: &str,
        what: &'static str,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<(), StoreError> {
        for (date, counts) in book.count(subject, what, now) {
            let shard = u32::from_le_bytes(entropy.bytes()?) % SHARDS;
            let mut change = "SET expires = :expires ADD ".to_owned();
            let mut update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(keys::counter("usage", subject, &format!("{date}#{shard}"))))
                .expression_attribute_values(":expires", number(now.plus(KEPT).seconds()));
            for (place, (what, count)) in counts.iter().enumerate() {
                let comma = if place == 0 { "" } else { ", " };
                let _ = write!(change, "{comma}#c{place} :c{place}");
                update = update
                    .expression_attribute_names(format!("#c{place}"), format!("n_{what}"))
                    .expression_attribute_values(
                        format!(":c{place}"),
                        number(i64::try_from(*count).unwrap_or(i64::MAX)),
                    );
            }
            update.update_expression(change).send().await?;
        }
        Ok(())
    }

    /// The days from `from` to `to`, both `2026-01-31`, on which `subject` was counted, the oldest first.
    pub async fn usage(&self, subject: &str, from: &str, to: &str) -> Result<Vec<Day>, StoreError> {
        let mut days: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", keys::partition("usage", subject))
                .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                .expression_attribute_values(":to", AttributeValue::S(format!("{to}#~")))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await?;
            for item in answer.items.unwrap_or_default() {
                let date = item.get("sk").and_then(|sk| sk.as_s().ok()?.split('#').next());
                let day = days.entry(date.unwrap_or_default().to_owned()).or_default();
                for (what, count) in counts_of(&item) {
                    *day.entry(what).or_default() += count;
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(days.into_iter().map(|(date, counts)| Day { date, counts }).collect());
            }
        }
    }
}

fn counts_of(item: &Item) -> impl Iterator<Item = (String, u64)> {
    item.iter().filter_map(|(name, value)| {
        let count = value.as_n().ok()?.parse().ok()?;
        Some((name.strip_prefix("n_")?.to_owned(), count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::subjects::SUBJECTS_MAX;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + ms)
    }

    fn total(due: &[(String, Counts)]) -> u64 {
        due.iter().flat_map(|(_, counts)| counts.values()).sum()
    }

    #[test]
    fn the_first_of_a_second_is_written_at_once_and_the_others_with_the_next() {
        let book = UsageBook::default();
        let written: Vec<_> =
            [0, 1, 500, 999, 1000, 1500, 9000].map(|ms| total(&book.count("key", "valid", at(ms)))).into();
        assert_eq!(written, [1, 0, 0, 0, 4, 0, 2]);
    }

    #[test]
    fn what_was_gathered_before_midnight_counts_for_the_day_before() {
        const DAY: i64 = 24 * 3600 * 1000;
        let book = UsageBook::default();
        book.count("key", "valid", at(DAY - 10));
        book.count("key", "valid", at(DAY - 5));
        let due = book.count("key", "expired", at(DAY + 1));
        assert_eq!(due, [("2026-01-01".to_owned(), BTreeMap::from([("valid", 1)]))]);
        let due = book.count("key", "valid", at(DAY + 1001));
        assert_eq!(due, [("2026-01-02".to_owned(), BTreeMap::from([("expired", 1), ("valid", 1)]))]);
    }

    #[test]
    fn subjects_are_counted_apart_and_none_is_lost_when_there_are_too_many() {
        let book = UsageBook::default();
        let mut written = 0;
        for subject in 0..SUBJECTS_MAX + 10 {
            written += total(&book.count(&subject.to_string(), "valid", at(0)));
        }
        assert_eq!(written, u64::try_from(SUBJECTS_MAX).unwrap() + 10);
    }

    #[test]
    fn room_for_another_subject_is_looked_for_once_in_a_second() {
        let book = UsageBook::default();
        let known = |subject: usize| book.0.lock().unwrap().known.contains_key(&subject.to_string());
        let count = |subject: usize, ms| drop(book.count(&subject.to_string(), "valid", at(ms)));
        // Each twice, so that something is gathered for all of them.
        for subject in (0..SUBJECTS_MAX).chain(0..SUBJECTS_MAX) {
            count(subject, 0);
        }
        let new = SUBJECTS_MAX;
        count(new, 100);
        // What was gathered for this one is written, so that its page holds nothing.
        count(7, 1050);
        count(new, 1099);
        assert!(!known(new) && known(7));
        count(new, 1100);
        assert!(known(new) && !known(7));
    }
}
