//! How large each binary is, as it is and as Lambda gets it.

use std::path::Path;
use std::process::Command;

use super::table::publish;
use super::{FUNCTIONS, OF_THE_API, binary, binary_in, is_built};
use crate::figures::functions_for_arm64;

/// What is allowed, in bytes: with an HTTP client beside that for AWS, and without.
const WITH_CLIENT_MAX: u64 = 9_000_000;
const WITHOUT_MAX: u64 = 8_000_000;
/// The one that has it.
const WITH_CLIENT: &str = "dispatcher";

fn packed(path: &Path) -> usize {
    // What zip does with it, without zip.
    let packed = Command::new("gzip").args(["-9", "-c"]).arg(path).output().unwrap();
    packed.stdout.len()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mb(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

/// As it is, and as Lambda gets it.
fn sizes(path: &Path) -> [u64; 2] {
    [std::fs::metadata(path).unwrap().len(), u64::try_from(packed(path)).unwrap()]
}

pub(crate) fn run() -> bool {
    if !is_built() {
        return false;
    }
    let arm64 = functions_for_arm64();
    let (mut rows, mut kept) = (Vec::new(), true);
    for name in ["hello_runtime", "hello_http", "hello_get"].into_iter().chain(FUNCTIONS) {
        let x86_64 = sizes(&binary(name).unwrap());
        let arm64 = arm64.as_deref().and_then(|folder| binary_in(folder, name)).map(|path| sizes(&path));
        let most = if name == WITH_CLIENT { WITH_CLIENT_MAX } else { WITHOUT_MAX };
        kept &= x86_64[0].max(arm64.map_or(0, |[bytes, _]| bytes)) <= most;
        let role = match name {
            _ if OF_THE_API.contains(&name) => "HTTP API",
            _ if FUNCTIONS.contains(&name) => "events",
            _ => "floor",
        };
        let [bytes, packed] = x86_64.map(mb);
        let [bytes_arm64, packed_arm64] =
            arm64.map_or_else(|| ["–", "–"].map(str::to_owned), |sizes| sizes.map(mb));
        let target = format!("≤ {}", mb(most));
        rows.push(vec![
            format!("`{name}`"),
            role.to_owned(),
            bytes,
            packed,
            bytes_arm64,
            packed_arm64,
            target,
        ]);
    }
    let columns = ["Binary", "What it is", "x86-64, MB", "packed", "arm64, MB", "packed", "Target, MB"];
    publish("size", &columns, &rows);
    super::room::run();
    kept
}
