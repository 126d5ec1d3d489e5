//! So many within any span of time, wherever it begins.
//!
//! The window is cut into ten slices, and a call counts until the slice that it came in is wholly a
//! window old: for one window to 1.1 of it. So no span of the window's length ever holds more than the
//! limit, and one full of calls opens again a slice at a time. One item holds the counts of the slices
//! and their sum, so that a call is one conditional write; when a slice ends, the first call of the next
//! one writes the counts anew, on the condition that nobody was faster.
//!
//! One item takes about a thousand writes a second. A limit that allows more than half of that is split
//! over several items, the *shards*, each with its part of the limit. A call that finds one full asks the
//! next, so that together they let through exactly the limit; a call that costs more than one may find
//! none with room for all of it while they have room in sum, at most its cost less one in each.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::window::seconds_until;
use super::{Limiter, keys, shards};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::problem::RateLimit;
use crate::table::{StoreError, number};

/// Slices of a window.
const SLICES: i64 = 10;
/// Counts that are kept: those of the window, and of the slice that is filling.
const SLOTS: usize = 11;

/// A limit of so many within any span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// Names it in keys and headers.
    pub name: &'static str,
    /// How many.
    pub limit: u32,
    /// How long the span is, in seconds.
    pub seconds: u32,
}

/// Whether a call was let through, and how the limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slid {
    /// It was, and is counted.
    Through(RateLimit),
    /// It was not, and is not counted.
    Full(RateLimit),
}

/// The counts of the slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    /// The slice that is filling, since 1970.
    slice: i64,
    /// By slice, modulo their number.
    slots: [u32; SLOTS],
}

impl Counts {
    fn of(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<i64>().ok();
        let mut slots = [0; SLOTS];
        for (place, slot) in slots.iter_mut().enumerate() {
            *slot = number(&slot_name(place)).and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        }
        Some(Self { slice: number("slice")?, slots })
    }

    fn taken(&self) -> u32 {
        self.slots.iter().sum()
    }

    /// As they are in `slice`: what is a window old is gone.
    fn at(mut self, slice: i64) -> Self {
        for begun in (self.slice + 1..=slice).take(SLOTS) {
            self.slots[slot(begun)] = 0;
        }
        Self { slice: slice.max(self.slice), ..self }
    }

    /// The first slice in which `cost` more fit under `limit`.
    fn opens_in(self, cost: u32, limit: u32) -> i64 {
        let later =
            (self.slice..=self.slice + SLICES + 1).find(|slice| self.at(*slice).taken() + cost <= limit);
        later.unwrap_or(self.slice + SLICES + 1)
    }
}

fn slot(slice: i64) -> usize {
    usize::try_from(slice.rem_euclid(SLICES + 1)).unwrap_or(0)
}

fn slot_name(place: usize) -> String {
    format!("s{place}")
}

impl Sliding {
    fn slice_ms(self) -> i64 {
        i64::from(self.seconds) * 1000 / SLICES
    }

    fn slice(self, now: Timestamp) -> i64 {
        now.millis() / self.slice_ms()
    }

    fn begins(self, slice: i64) -> Timestamp {
        Timestamp::from_millis(slice * self.slice_ms())
    }

    /// When the slice that `now` is in ends.
    pub(super) fn ends(self, now: Timestamp) -> Timestamp {
        self.begins(self.slice(now) + 1)
    }

    /// The part of the limit that one of `shards` has.
    fn part(self, shard: u32, shards: u32) -> u32 {
        self.limit / shards + u32::from(shard < self.limit % shards)
    }

    fn state(self, remaining: u32, reset_seconds: u64) -> RateLimit {
        let Self { name, limit: quota, seconds } = self;
        RateLimit { name, quota, window_seconds: seconds.into(), remaining, reset_seconds }
    }
}

/// What one shard said.
enum Shard {
    Through(Counts),
    Full(Counts),
}

impl Limiter {
    /// Counts `cost` more of `subject` if they fit: one write while a slice fills, two when one begins,
    /// none when this process knows that it is full.
    pub async fn slide(
        &self,
        sliding: Sliding,
        subject: &str,
        cost: u32,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Slid, StoreError> {
        let subject = format!("{subject}#{}/{}", sliding.limit, sliding.seconds);
        if let Some(until) = self.refusals.until(sliding.name, &subject, now) {
            return Ok(Slid::Full(sliding.state(0, seconds_until(until, now))));
        }
        let count = shards(sliding.limit.into(), sliding.seconds.into());
        let first = if count == 1 { 0 } else { u32::from_le_bytes(entropy.bytes()?) % count };
        let mut opens = None;
        for shard in (0..count).map(|step| (first + step) % count) {
            let part = sliding.part(shard, count);
            match self.slide_one(sliding, &format!("{subject}#{shard}"), cost, part, now).await? {
                Shard::Through(counts) => {
                    let left = part.saturating_sub(counts.taken()).saturating_mul(count);
                    let reset = sliding.begins(counts.slice + SLICES + 1);
                    return Ok(Slid::Through(sliding.state(left, seconds_until(reset, now))));
                }
                Shard::Full(counts) => {
                    let at = sliding.begins(counts.opens_in(cost, part));
                    opens = Some(opens.map_or(at, |before: Timestamp| before.min(at)));
                }
            }
        }
        let opens = opens.unwrap_or(now);
        if cost == 1 {
            self.refusals.keep(sliding.name, &subject, now, opens);
        }
        Ok(Slid::Full(sliding.state(0, seconds_until(opens, now))))
    }

    async fn slide_one(
        &self,
        sliding: Sliding,
        subject: &str,
        cost: u32,
        limit: u32,
        now: Timestamp,
    ) -> Result<Shard, StoreError> {
        /// Whoever loses a race knows what the winner wrote, and mostly needs one call more.
        const TRIES: u32 = 12;
        let mut slice = sliding.slice(now);
        let mut known: Option<Counts> = None;
        for _ in 0..TRIES {
            let written = match known {
                // It is already this slice, or we do not know better.
                None => self.slide_within(sliding, subject, slice, cost, limit).await?,
                Some(old) if old.slice >= slice => {
                    // Another's clock is ahead of ours, by what clocks are apart: theirs counts.
                    slice = old.slice;
                    if old.taken() + cost > limit {
                        return Ok(Shard::Full(old));
                    }
                    self.slide_within(sliding, subject, slice, cost, limit).await?
                }
                Some(old) => {
                    let mut new = old.at(slice);
                    if new.taken() + cost > limit {
                        return Ok(Shard::Full(new));
                    }
                    new.slots[slot(slice)] += cost;
                    self.slide_on(sliding, subject, old, new).await?
                }
            };
            match written {
                Ok(counts) => return Ok(Shard::Through(counts)),
                Err(Some(found)) => known = Some(found),
                // Nothing is there yet.
                Err(None) => known = Some(Counts { slice: slice - SLICES - 1, slots: [0; SLOTS] }),
            }
        }
        Err(StoreError::Contended)
    }

    /// A call in the slice that is filling.
    async fn slide_within(
        &self,
        sliding: Sliding,
        subject: &str,
        slice: i64,
        cost: u32,
        limit: u32,
    ) -> Result<Result<Counts, Option<Counts>>, StoreError> {
        let Some(room) = limit.checked_sub(cost) else {
            return Ok(Err(Some(Counts { slice, slots: [limit; SLOTS] })));
        };
        let update = self
            .client
            .update_item()
            .update_expression("ADD #taken :cost, #slot :cost")
            .condition_expression("#slice = :slice AND #taken <= :room")
            .expression_attribute_names("#taken", "taken")
            .expression_attribute_names("#slice", "slice")
            .expression_attribute_names("#slot", slot_name(slot(slice)))
            .expression_attribute_values(":cost", number(cost))
            .expression_attribute_values(":slice", number(slice))
            .expression_attribute_values(":room", number(room));
        self.slide_by(update, sliding, subject).await
    }

    /// The first call of a slice: every count anew, if they are still what was read.
    async fn slide_on(
        &self,
        sliding: Sliding,
        subject: &str,
        old: Counts,
        new: Counts,
    ) -> Result<Result<Counts, Option<Counts>>, StoreError> {
        let expires = sliding.begins(new.slice + SLICES + 2).seconds() + 60;
        let mut change = "SET #slice = :slice, #taken = :taken, expires = :expires".to_owned();
        let mut update = self
            .client
            .update_item()
            .expression_attribute_names("#taken", "taken")
            .expression_attribute_names("#slice", "slice")
            .expression_attribute_values(":slice", number(new.slice))
            .expression_attribute_values(":taken", number(new.taken()))
            .expression_attribute_values(":expires", number(expires))
            .expression_attribute_values(":old_slice", number(old.slice))
            .expression_attribute_values(":old_taken", number(old.taken()))
            .condition_expression(
                "attribute_not_exists(#slice) OR (#slice = :old_slice AND #taken = :old_taken)",
            );
        for (place, count) in new.slots.iter().enumerate() {
            let name = slot_name(place);
            let _ = write!(change, ", {name} = :{name}");
            update = update.expression_attribute_values(format!(":{name}"), number(*count));
        }
        self.slide_by(update.update_expression(change), sliding, subject).await
    }

    async fn slide_by(
        &self,
        update: aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder,
        sliding: Sliding,
        subject: &str,
    ) -> Result<Result<Counts, Option<Counts>>, StoreError> {
        let answer = update
            .table_name(&self.table)
            .set_key(Some(keys::counter(sliding.name, subject, "row")))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let corrupt = || StoreError::Corrupt("a sliding counter has no slice".to_owned());
        match answer {
            Ok(answer) => Ok(Ok(Counts::of(&answer.attributes.unwrap_or_default()).ok_or_else(corrupt)?)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let found = refused.item.as_ref().filter(|item| !item.is_empty());
                    Ok(Err(found.map(|item| Counts::of(item).ok_or_else(corrupt)).transpose()?))
                }
                _ => Err(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(slice: i64, taken: &[(i64, u32)]) -> Counts {
        let mut slots = [0; SLOTS];
        for (slice, count) in taken {
            slots[slot(*slice)] = *count;
        }
        Counts { slice, slots }
    }

    #[test]
    fn a_call_counts_until_its_slice_is_a_window_old() {
        let full = counts(100, &[(100, 5)]);
        let taken: Vec<_> = [100, 101, 110, 111, 200].map(|slice| full.at(slice).taken()).into();
        assert_eq!(taken, [5, 5, 5, 0, 0]);
    }

    #[test]
    fn slices_leave_one_after_the_other() {
        let full = counts(105, &[(100, 2), (103, 3), (105, 1)]);
        let taken: Vec<_> = [110, 111, 113, 114, 115, 116].map(|slice| full.at(slice).taken()).into();
        assert_eq!(taken, [6, 4, 4, 1, 1, 0]);
        assert_eq!([1, 2, 3, 5, 6].map(|cost| full.opens_in(cost, 6)), [111, 111, 114, 114, 116]);
    }

    #[test]
    fn a_clock_that_went_back_frees_nothing() {
        let full = counts(100, &[(100, 5)]);
        assert_eq!(full.at(99), full);
    }

    #[test]
    fn the_parts_of_the_shards_are_the_limit() {
        for (limit, seconds) in [(1, 1), (7, 60), (500, 1), (501, 1), (1_000_000, 60), (1_000_000, 1)] {
            let sliding = Sliding { name: "x", limit, seconds };
            let count = shards(limit.into(), seconds.into());
            assert_eq!((0..count).map(|shard| sliding.part(shard, count)).sum::<u32>(), limit);
        }
    }
}
