//! Nothing accepted is lost: calls to the table and the queue fail, before and after they take effect, while
//! events are published, delivered, retried, swept and buried. `cargo bench-all lossless` tries far more seeds.

use it::lossless::{Tally, run, run_outage};

#[tokio::test]
async fn without_faults_everything_arrives_once() {
    let expected = Tally { delivered: 8, ..Tally::default() };
    assert_eq!(run(0, 0).await, expected);
}

#[tokio::test]
async fn whatever_fails_between_two_calls_nothing_accepted_is_lost() {
    let mut all = Tally::default();
    for seed in 1..=3 {
        for per_mille in [60, 250] {
            let tally = run(seed, per_mille).await;
            assert_eq!(tally.lost, 0, "seed {seed}, {per_mille} of a thousand: {tally:?}");
            all = all.and(tally);
        }
    }
    assert!(all.faults > 50 && all.delivered > 25, "the faults struck, and most arrived: {all:?}");
}

#[tokio::test]
async fn without_faults_what_was_parked_and_what_was_missed_arrives_once() {
    let expected = Tally { delivered: 18, ..Tally::default() };
    assert_eq!(run_outage(0, 0).await, expected);
}

#[tokio::test]
async fn whatever_fails_while_a_backlog_drains_or_a_replay_runs_nothing_is_lost() {
    let mut all = Tally::default();
    for seed in 1..=3 {
        for per_mille in [60, 200] {
            let tally = run_outage(seed, per_mille).await;
            assert_eq!(tally.lost, 0, "seed {seed}, {per_mille} of a thousand: {tally:?}");
            all = all.and(tally);
        }
    }
    assert!(all.faults > 50 && all.delivered > 50, "the faults struck, and most arrived: {all:?}");
}
