//! Nothing accepted is lost: calls to the table and the queue fail, before and after they take effect, or the
//! function dies there, while events are published, delivered, retried, swept, buried, parked, drained and
//! replayed. `cargo bench-all lossless` tries far more seeds, `cargo bench-all crash-points` every single point.

use it::lossless::{Tally, run, run_outage};
use it::{Harm, Plan};

/// Without faults.
fn expected(tally: Tally, delivered: usize) -> Tally {
    Tally { points: tally.points, delivered, ..Tally::default() }
}

#[tokio::test]
async fn without_faults_everything_arrives_once() {
    let tally = run(Plan::Nowhere).await;
    assert_eq!(tally, expected(tally, 8));
    assert!(tally.points > 50, "points between two calls are counted: {tally:?}");
}

#[tokio::test]
async fn without_faults_what_was_parked_and_what_was_missed_arrives_once() {
    let tally = run_outage(Plan::Nowhere).await;
    assert_eq!(tally, expected(tally, 18));
    assert!(tally.points > 200, "points between two calls are counted: {tally:?}");
}

#[tokio::test]
async fn whatever_fails_between_two_calls_nothing_accepted_is_lost() {
    let mut all = Tally::default();
    for (seed, per_mille, harm) in plans() {
        let tally = run(Plan::ByChance { seed, per_mille, harm }).await;
        assert_eq!(tally.lost, 0, "seed {seed}, {per_mille} of a thousand, {harm:?}: {tally:?}");
        all = all.and(tally);
    }
    assert!(all.faults > 50 && all.delivered > 25, "the faults struck, and most arrived: {all:?}");
}

#[tokio::test]
async fn whatever_fails_while_a_backlog_drains_or_a_replay_runs_nothing_is_lost() {
    let mut all = Tally::default();
    for (seed, per_mille, harm) in plans() {
        let tally = run_outage(Plan::ByChance { seed, per_mille, harm }).await;
        assert_eq!(tally.lost, 0, "seed {seed}, {per_mille} of a thousand, {harm:?}: {tally:?}");
        all = all.and(tally);
    }
    assert!(all.faults > 50 && all.delivered > 50, "the faults struck, and most arrived: {all:?}");
}

fn plans() -> impl Iterator<Item = (u64, u64, Harm)> {
    let harms = [Harm::Fails, Harm::Throttled, Harm::Dies];
    (1..=2).flat_map(move |seed| {
        [60, 200].into_iter().flat_map(move |rate| harms.map(|harm| (seed, rate, harm)))
    })
}

/// A function that dies between two calls repeats at most the calls of its batch that it had not recorded yet.
#[tokio::test]
async fn who_dies_at_one_point_repeats_one_batch_at_the_most() {
    let points = run(Plan::Nowhere).await.points;
    for point in (0..points).step_by(11) {
        let tally = run(Plan::At(point, Harm::Dies)).await;
        assert_eq!((tally.faults, tally.lost), (1, 0), "point {point}: {tally:?}");
        assert!(tally.repeated <= 8, "there are eight deliveries in all: point {point}: {tally:?}");
    }
}
