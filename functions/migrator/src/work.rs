//! A run, round by round: one page of each segment, and then how far that has come, written together with the lease.
//! An invocation that dies loses a round, and the next one makes it again.

use std::time::Duration;

use futures_util::future::try_join_all;
use shared::clock::Timestamp;
use shared::migration::{Counts, LEASE, Migration, Run, Segment};
use shared::observe::Metric;
use shared::secret::KeyRing;
use tokio::time::Instant;

use crate::request::Request;
use crate::{MigrateError, Migrator, Outcome};

/// What answering Lambda takes, and the round that is running then.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// How often the log says how far it is.
const SAID_EVERY: Duration = Duration::from_secs(15);

/// One page of a segment.
struct Page {
    segment: Segment,
    units: f64,
}

impl Migrator {
    pub(crate) async fn work(
        &self,
        mut run: Run,
        request: &Request,
        deadline: Timestamp,
    ) -> Result<Outcome, MigrateError> {
        let worked = self.rounds(&mut run, request, deadline.minus(LAST_WORDS)).await;
        // Whoever is not done lets the next go on at once; whoever lost the run has nothing to give out of hand.
        let released = self.core.table.release_migration(&run).await;
        let pass = worked?;
        released?;
        Ok(Outcome { run, pass })
    }

    async fn rounds(&self, run: &mut Run, request: &Request, end: Timestamp) -> Result<Counts, MigrateError> {
        let (table, clock) = (&self.core.table, &self.core.clock);
        let mut segments = table.migration_segments(run).await?;
        let mut said = Instant::now();
        loop {
            if segments.iter().all(|segment| segment.ended) {
                let counts = sum(&segments);
                self.end_pass(run, &counts).await?;
                if run.ended_at.is_some() {
                    return Ok(counts);
                }
                segments = (0..run.segments).map(Segment::new).collect();
            }
            if clock.now() >= end {
                return Ok(sum(&segments));
            }
            let began = Instant::now();
            let ring = self.core.keys.ring().await;
            let open = segments.iter().filter(|segment| !segment.ended);
            let pages = try_join_all(open.map(|segment| self.page(run, segment, &ring))).await?;
            let units: f64 = pages.iter().map(|page| page.units).sum();
            let moved: Vec<_> = pages.into_iter().map(|page| page.segment).collect();
            if !table.save_migration(run, &moved, clock.now()).await? {
                return Err(MigrateError::Lost);
            }
            for segment in moved {
                let place = usize::from(segment.number);
                segments[place] = segment;
            }
            if said.elapsed() >= SAID_EVERY {
                said = Instant::now();
                let Counts { scanned, changed, .. } = sum(&segments);
                tracing::info!(
                    run = run.name(),
                    pass = run.pass,
                    scanned,
                    changed,
                    "a migration is under way"
                );
            }
            let fair = Duration::from_secs_f64(units / f64::from(request.capacity_per_second));
            self.rest(run, fair.saturating_sub(began.elapsed()), end).await?;
        }
    }

    /// Waits until the capacity that was used is there again, or until the end: with the lease all the while, which at
    /// a low capacity is shorter than what a round has to be waited for.
    async fn rest(&self, run: &Run, rest: Duration, end: Timestamp) -> Result<(), MigrateError> {
        let mut left = rest.min(end.since(self.core.clock.now()));
        while !left.is_zero() {
            let part = part(left);
            tokio::time::sleep(part).await;
            left -= part;
            if !left.is_zero() && !self.core.table.save_migration(run, &[], self.core.clock.now()).await? {
                return Err(MigrateError::Lost);
            }
        }
        Ok(())
    }

    async fn page(&self, run: &Run, segment: &Segment, ring: &KeyRing) -> Result<Page, MigrateError> {
        let table = &self.core.table;
        let mut segment = segment.clone();
        let scanned = match run.migration {
            Migration::Reseal => table.scan_sealed(&segment, run.segments).await?,
        };
        let mut units = scanned.units;
        segment.counts.scanned += scanned.scanned;
        for item in scanned.items {
            let looked = match run.migration {
                Migration::Reseal => table.reseal(item, ring, &self.core.entropy, run.dry_run).await?,
            };
            segment.counts.add(&looked.counts);
            // An item of up to 3 KB, which webhooks hardly exceed.
            units += 3.0 * f64::from(looked.writes);
        }
        segment.ended = scanned.next.is_none();
        segment.next = scanned.next;
        Ok(Page { segment, units })
    }

    /// Writes what a whole pass found, and makes `run` what it is afterwards.
    async fn end_pass(&self, run: &mut Run, counts: &Counts) -> Result<(), MigrateError> {
        let (table, now) = (&self.core.table, self.core.clock.now());
        let known = table.unused_keys().await?;
        if !run.dry_run {
            for kid in counts.found.keys().filter(|kid| known.contains_key(*kid)) {
                tracing::warn!(
                    kid,
                    "something is sealed under a key of which it was thought that nothing is"
                );
                table.forget_unused_key(kid).await?;
            }
        }
        let ends = run.ends_with(counts);
        let unused: Vec<_> = run.unused(counts).filter(|kid| ends && !known.contains_key(*kid)).collect();
        let mut next = run.clone();
        if ends {
            next.ended_at = Some(now);
        } else {
            next.before.add(counts);
            next.pass += 1;
            next.pass_began_at = now;
            next.leased_until = now.plus(LEASE);
        }
        if !table.end_migration_pass(run, &next, &unused).await? {
            return Err(MigrateError::Lost);
        }
        let Counts { scanned, changed, failed, unreadable, found } = counts;
        if !run.dry_run {
            self.core.observer.measure(Metric::MigrationFailures, failed + unreadable);
        }
        tracing::info!(
            run = run.name(),
            pass = run.pass,
            scanned,
            changed,
            failed,
            unreadable,
            ?found,
            ?unused,
            done = ends,
            "a pass of a migration ended"
        );
        *run = next;
        Ok(())
    }
}

fn sum(segments: &[Segment]) -> Counts {
    let mut counts = Counts::default();
    for segment in segments {
        counts.add(&segment.counts);
    }
    counts
}

/// How much of a rest is slept through before the lease is renewed.
fn part(rest: Duration) -> Duration {
    rest.min(LEASE / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_that_is_longer_than_the_lease_is_slept_through_in_parts_that_are_not() {
        // 32 segments of a megabyte each, 128 units a page, at one unit a second.
        let (mut left, mut parts) = (Duration::from_secs(32 * 128), 0);
        while !left.is_zero() {
            assert!(part(left) * 3 < LEASE);
            left -= part(left);
            parts += 1;
        }
        assert_eq!(parts, 274);
    }
}
