//! What is measured: `cargo bench-all` for everything, `cargo bench-all NAME …` for some of it.
//!
//! Each measurement prints what it compares with from the same run, and fails where a promise does not
//! hold: times by themselves belong to the machine.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be set up ends by panicking")]

mod burst;
mod faults;
mod figures;
mod keys_at_rest;
mod login_timing;
mod lossless;
mod neighbour;
mod outage;
mod perf;
mod product;
mod revocation;
mod rotation;
mod sink;
mod verify;

use std::process::ExitCode;

/// Every measurement, by its name.
const NAMES: &[&str] = &[
    "login-timing",
    "revocation",
    "verify",
    "keys-at-rest",
    "lossless",
    "crash-points",
    "outage",
    "burst",
    "noisy-neighbour",
    "rotation",
    "faults",
    "size",
    "cold-start",
    "warm",
    "parts",
    "dispatcher",
    "growth",
    "memory",
    "cost",
];

/// Those that show figures of which nothing is promised.
const SHOWN: &[&str] = &["dispatcher", "memory", "cost"];

/// What is said of a measurement.
fn verdict(name: &str, held: bool) -> &'static str {
    match (held, SHOWN.contains(&name)) {
        (true, true) => "Shown; nothing is promised of it.",
        (true, false) => "The promise holds.",
        (false, true) => "IT COULD NOT BE MEASURED.",
        (false, false) => "THE PROMISE DOES NOT HOLD.",
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!("there is no `{unknown}`; there are: {}", NAMES.join(", "));
        return ExitCode::from(2);
    }
    let mut kept = true;
    for name in NAMES.iter().copied().filter(|name| asked.is_empty() || asked.iter().any(|one| one == name)) {
        println!("\n## {name}\n");
        let held = match name {
            "login-timing" => login_timing::run().await,
            "lossless" => lossless::by_seeds().await,
            "crash-points" => lossless::by_points().await,
            "outage" => outage::run().await,
            "burst" => burst::run().await,
            "noisy-neighbour" => neighbour::run().await,
            "faults" => faults::run().await,
            "verify" => verify::run().await,
            "rotation" => rotation::run().await,
            "size" => perf::size(),
            "cold-start" => perf::cold().await,
            "warm" => perf::warm().await,
            "parts" => perf::parts().await,
            "dispatcher" => perf::dispatcher().await,
            "growth" => perf::growth().await,
            "memory" => perf::memory().await,
            "cost" => perf::cost().await,
            "keys-at-rest" => keys_at_rest::run().await,
            _ => revocation::run().await,
        };
        println!("\n{}", verdict(name, held));
        kept &= held;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
