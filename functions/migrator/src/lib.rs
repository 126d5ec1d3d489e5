//! The migrator: goes through the whole table and brings items to another form.
//!
//! It is called with what to do, such as `{"migration": "reseal"}`, and says how far it has come. An invocation ends
//! before Lambda ends it, with its progress in the table and `"done": false`, and the next one goes on: its schedule
//! calls it again and again. One works on a run at a time, and whoever has lost it stops.
//!
//! Every change is made on what was read, or not at all: what a person changes meanwhile is never overwritten.

mod request;
mod work;

use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::entropy::NoEntropy;
use shared::migration::{Counts, LEASE, Migration, Run};
use shared::table::StoreError;

use request::Request;

/// When its schedule looks again for what could not be read or opened the last time, and may be mended by now.
const AGAIN: Duration = Duration::from_hours(24);

/// Why there is no run, or why it stopped before its time.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// What it is called with cannot be read.
    #[error("the request cannot be read: {0}")]
    Request(#[from] serde_json::Error),
    /// A field of it is out of its range.
    #[error("`{field}` is a number from 1 to {max}")]
    Range {
        /// Which.
        field: &'static str,
        /// The most.
        max: u32,
    },
    /// Somebody else works on the run.
    #[error("another invocation works on this migration, until {0} at least")]
    Busy(Timestamp),
    /// Somebody else has taken the run over.
    #[error("the run is in other hands by now")]
    Lost,
    /// The table failed. What was done until then is kept.
    #[error("the table failed")]
    Store(#[from] StoreError),
    /// The system gave no chance.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// What this function holds while it runs.
pub struct Migrator {
    core: Core,
}

/// How an invocation ended.
struct Outcome {
    run: Run,
    /// Of the pass that the run is in, or ended with.
    pass: Counts,
}

impl Migrator {
    /// A migrator of the table.
    pub fn new(core: Core) -> Self {
        Self { core }
    }

    /// Begins a run, or goes on with the one that has not ended, until it is done or `deadline` is near.
    pub async fn handle(&self, payload: Value, deadline: Timestamp) -> Result<Value, MigrateError> {
        let request = Request::parse(payload)?;
        let name = request.migration.name(request.dry_run);
        let seen = self.core.table.migration_run(name).await?;
        let unfinished = seen.as_ref().is_some_and(|run| run.ended_at.is_none());
        if request.if_needed && !unfinished && !self.is_needed(seen.as_ref()).await? {
            return Ok(json!({ "migration": request.migration, "needed": false, "done": true }));
        }
        let run = match self.take(&request, seen).await {
            // By its schedule, it will be called again.
            Err(MigrateError::Busy(until)) if request.if_needed => {
                return Ok(json!({ "migration": request.migration, "busy_until": until, "done": false }));
            }
            taken => taken?,
        };
        let outcome = Box::pin(self.work(run, &request, deadline)).await?;
        Ok(answer(&outcome))
    }

    /// Whether SECRET_KEY has a key that is out of use and of which nobody knows that nothing is sealed under it.
    /// Where the last run, of the same keys, did not find that out, a next one would not either, but for what
    /// somebody mends: that is looked for once a day.
    async fn is_needed(&self, last: Option<&Run>) -> Result<bool, StoreError> {
        let (ring, now) = (self.core.keys.ring().await, self.core.clock.now());
        let settled: Vec<_> =
            ring.all().iter().filter(|key| key.is_settled(now)).map(|key| key.kid().to_owned()).collect();
        let lately =
            |run: &Run| run.ended_at.is_some_and(|ended| now < ended.plus(AGAIN)) && run.kids == settled;
        if settled.is_empty() || last.is_some_and(lately) {
            return Ok(false);
        }
        let unused = self.core.table.unused_keys().await?;
        Ok(ring.all().iter().any(|key| key.is_settled(now) && !unused.contains_key(key.kid())))
    }

    /// The run to work on, in our hands.
    async fn take(&self, request: &Request, seen: Option<Run>) -> Result<Run, MigrateError> {
        let now = self.core.clock.now();
        let holder = format!("{:032x}", u128::from_le_bytes(self.core.entropy.bytes()?));
        let leased_until = now.plus(LEASE);
        let run = match &seen {
            Some(run) if run.ended_at.is_none() => {
                if now < run.leased_until {
                    return Err(MigrateError::Busy(run.leased_until));
                }
                tracing::info!(run = run.name(), pass = run.pass, "a migration goes on");
                Run { holder, leased_until, ..run.clone() }
            }
            _ => {
                let run = self.begin(request, holder, now).await;
                tracing::info!(run = run.name(), segments = run.segments, kids = ?run.kids, "a migration begins");
                run
            }
        };
        if self.core.table.put_migration_run(&run, seen.as_ref()).await? {
            return Ok(run);
        }
        let until = self.core.table.migration_run(run.name()).await?.map_or(now, |run| run.leased_until);
        Err(MigrateError::Busy(until))
    }

    async fn begin(&self, request: &Request, holder: String, now: Timestamp) -> Run {
        let ring = self.core.keys.ring().await;
        let settled = ring.all().iter().filter(|key| key.is_settled(now));
        Run {
            migration: request.migration,
            dry_run: request.dry_run,
            began_at: now,
            segments: request.segments,
            pass: 1,
            pass_began_at: now,
            kids: match request.migration {
                Migration::Reseal => settled.map(|key| key.kid().to_owned()).collect(),
            },
            before: Counts::default(),
            ended_at: None,
            holder,
            leased_until: now.plus(LEASE),
        }
    }
}

fn answer(Outcome { run, pass }: &Outcome) -> Value {
    let mut all = run.before.clone();
    all.add(pass);
    let done = run.ended_at.is_some();
    let unused: Vec<_> = if done { run.unused(pass).collect() } else { Vec::new() };
    json!({
        "migration": run.migration,
        "dry_run": run.dry_run,
        "done": done,
        "segments": run.segments,
        "pass": run.pass,
        "scanned": all.scanned,
        "changed": all.changed,
        // Of the last pass: what stands there now.
        "failed": pass.failed,
        "unreadable": pass.unreadable,
        "found": pass.found,
        "unused_keys": unused,
    })
}
