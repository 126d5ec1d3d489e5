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
    under_each_harm(run, 25).await;
}

#[tokio::test]
async fn whatever_fails_while_a_backlog_drains_or_a_replay_runs_nothing_is_lost() {
    under_each_harm(run_outage, 50).await;
}

/// Each harm is done, more than `delivered` arrive all the same, and nothing is lost.
async fn under_each_harm(run: impl AsyncFn(Plan) -> Tally, delivered: usize) {
    let mut faults = 0;
    for harm in [Harm::Fails, Harm::Throttled, Harm::Dies] {
        let mut all = Tally::default();
        for (seed, per_mille) in (1..=2).flat_map(|seed| [60, 200].map(|per_mille| (seed, per_mille))) {
            let tally = run(Plan::ByChance { seed, per_mille, harm }).await;
            assert_eq!(tally.lost, 0, "seed {seed}, {per_mille} of a thousand, {harm:?}: {tally:?}");
            all = all.and(tally);
        }
        assert!(all.faults > 20 && all.delivered > delivered, "{harm:?}: {all:?}");
        if harm == Harm::Throttled {
            // Each is refused as often as it is tried.
            assert!(it::throttled() > all.faults, "{all:?}, of which {} were answered", it::throttled());
        }
        faults += all.faults;
    }
    assert!(faults > 75, "{faults} faults struck");
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
