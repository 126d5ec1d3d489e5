//! Whether anything accepted is lost while calls to the table and the queue fail: runs by seeds, each of which
//! can be repeated. The promise: nothing is.

use it::lossless::{Tally, run, run_outage};
use tokio::task::JoinSet;

/// How many seeds, and how many of a thousand calls fail in each.
const SEEDS: u64 = 50;
const PER_MILLE: [u64; 3] = [20, 100, 200];
const AT_ONCE: usize = 4;

pub(crate) async fn run_all() -> bool {
    println!(
        "| Calls of a thousand that fail | Runs | Failed calls | Delivered | Told as failed | Lost | Repeated |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut lost = 0;
    for per_mille in PER_MILLE {
        let mut all = Tally::default();
        let mut seeds = 1..=SEEDS;
        let mut running = JoinSet::new();
        loop {
            while running.len() < AT_ONCE
                && let Some(seed) = seeds.next()
            {
                running.spawn(async move {
                    (seed, run(seed, per_mille).await.and(run_outage(seed, per_mille).await))
                });
            }
            let Some(done) = running.join_next().await else { break };
            let (seed, tally) = done.unwrap();
            if tally.lost > 0 {
                println!("seed {seed}, {per_mille} of a thousand: {tally:?}");
            }
            all = all.and(tally);
        }
        let Tally { faults, delivered, told, lost: gone, repeated } = all;
        println!("| {per_mille} | {SEEDS} | {faults} | {delivered} | {told} | {gone} | {repeated} |");
        lost += gone;
    }
    lost == 0
}
