//! How large each binary is, as it is and as Lambda gets it.

use std::path::Path;
use std::process::Command;

use super::table::publish;
use super::{FUNCTIONS, OF_THE_API, binary, is_built};

/// What is allowed, in bytes: with an HTTP client beside the SDK's, and without.
const WITH_CLIENT_MAX: u64 = 9_000_000;
const WITHOUT_MAX: u64 = 8_000_000;
/// Those that call others than AWS.
const WITH_CLIENT: [&str; 2] = ["auth", "dispatcher"];

fn packed(path: &Path) -> usize {
    // What zip does with it, without zip.
    let packed = Command::new("gzip").args(["-9", "-c"]).arg(path).output().unwrap();
    packed.stdout.len()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mb(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

pub(crate) fn run() -> bool {
    if !is_built() {
        return false;
    }
    let (mut rows, mut kept) = (Vec::new(), true);
    for name in ["hello_runtime", "hello_http", "hello_get"].into_iter().chain(FUNCTIONS) {
        let path = binary(name).unwrap();
        let bytes = std::fs::metadata(&path).unwrap().len();
        let most = if WITH_CLIENT.contains(&name) { WITH_CLIENT_MAX } else { WITHOUT_MAX };
        kept &= bytes <= most;
        let role = match name {
            _ if OF_THE_API.contains(&name) => "HTTP API",
            _ if FUNCTIONS.contains(&name) => "events",
            _ => "floor",
        };
        let packed = u64::try_from(packed(&path)).unwrap();
        rows.push(vec![
            format!("`{name}`"),
            role.to_owned(),
            mb(bytes),
            mb(packed),
            format!("≤ {}", mb(most)),
        ]);
    }
    publish("size", &["Binary", "What it is", "MB", "MB, packed", "Target, MB"], &rows);
    super::room::run();
    kept
}
