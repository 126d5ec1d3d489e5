//! Whether anything accepted is lost while calls to the table and the queue fail, or functions die at them: runs
//! by seeds, and one for every single point between two calls. Each can be repeated. The promise: nothing is.

use it::lossless::{Tally, run, run_outage};
use it::{Harm, Plan};
use tokio::task::JoinSet;

/// How many seeds, if `BENCH_SEEDS` does not say, and how many of a thousand calls are struck in each.
const SEEDS: u64 = 50;
const PER_MILLE: [u64; 3] = [20, 100, 200];
const HARMS: [Harm; 3] = [Harm::Fails, Harm::Throttled, Harm::Dies];
const AT_ONCE: usize = 4;

/// By chance.
pub(crate) async fn by_seeds() -> bool {
    let seeds = crate::figures::setting("BENCH_SEEDS", SEEDS);
    head("Calls of a thousand that are struck");
    let mut kept = true;
    for (per_mille, harm) in PER_MILLE.into_iter().flat_map(|rate| HARMS.map(|harm| (rate, harm))) {
        let plans = (1..=seeds)
            .flat_map(|seed| [false, true].map(|outage| (Plan::ByChance { seed, per_mille, harm }, outage)));
        kept &= all(&format!("{per_mille}: {}", said(harm)), plans).await;
    }
    kept
}

/// Every point once, before each call and after it (what is throttled has no effect, so nothing is struck after it);
/// or each `BENCH_STRIDE`th, for a machine with less time.
pub(crate) async fn by_points() -> bool {
    let stride = usize::try_from(crate::figures::setting("BENCH_STRIDE", 1)).unwrap_or(1).max(1);
    head("The point that is struck");
    let mut kept = true;
    for (outage, name) in [(false, "publish, deliver, retry, sweep"), (true, "park, drain, replay")] {
        let points = one(Plan::Nowhere, outage).await.points;
        for harm in HARMS {
            let plans = (0..points).step_by(stride).map(|point| (Plan::At(point, harm), outage));
            let which = if stride == 1 { "each".to_owned() } else { format!("one in {stride}") };
            kept &= all(&format!("{which} of {points}, {name}: {}", said(harm)), plans).await;
        }
    }
    kept
}

const fn said(harm: Harm) -> &'static str {
    match harm {
        Harm::Fails => "the call fails",
        Harm::Throttled => "the call is throttled",
        Harm::Dies => "the function dies",
    }
}

fn head(what: &str) {
    println!("| {what} | Runs | Struck | Delivered | Told as failed | Lost | Repeated |");
    println!("|---|---|---|---|---|---|---|");
}

async fn one(plan: Plan, outage: bool) -> Tally {
    if outage { Box::pin(run_outage(plan)).await } else { Box::pin(run(plan)).await }
}

/// Runs them, a few at once, and prints a line: whether nothing was lost.
async fn all(name: &str, plans: impl Iterator<Item = (Plan, bool)>) -> bool {
    let (mut sum, mut runs) = (Tally::default(), 0);
    let (mut plans, mut running) = (plans, JoinSet::new());
    loop {
        while running.len() < AT_ONCE
            && let Some((plan, outage)) = plans.next()
        {
            running.spawn(async move { (plan, outage, one(plan, outage).await) });
        }
        let Some(done) = running.join_next().await else { break };
        let (plan, outage, tally) = done.unwrap();
        if tally.lost > 0 {
            println!("{plan:?}, outage {outage}: {tally:?}");
        }
        runs += 1;
        sum = sum.and(tally);
    }
    let Tally { faults, delivered, told, lost, repeated, .. } = sum;
    println!("| {name} | {runs} | {faults} | {delivered} | {told} | {lost} | {repeated} |");
    lost == 0
}
