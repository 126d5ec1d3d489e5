//! What takes the room in a binary: its symbols' sizes by crate. Binaries that are deployed have no symbols; it is
//! shown of those that were built with `CARGO_PROFILE_RELEASE_STRIP=none`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::binary;
use super::table::publish;

/// Crates that are shown.
const SHOWN: usize = 14;

/// Bytes by crate, or `None` where the binary has no symbols, or there is no `nm`.
fn rooms(path: &Path) -> Option<BTreeMap<String, u64>> {
    let output = Command::new("nm").args(["--demangle", "--print-size"]).arg(path).output().ok()?;
    let mut rooms = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut parts = line.splitn(4, ' ').skip(1);
        let (Some(size), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let Ok(size) = u64::from_str_radix(size, 16) else { continue };
        let owner = match kind {
            "t" | "T" | "w" | "W" => owner(name),
            "r" | "R" | "d" | "D" => "constants and tables",
            _ => continue,
        };
        *rooms.entry(owner.to_owned()).or_default() += size;
    }
    (!rooms.is_empty()).then_some(rooms)
}

/// The crate that a function is of. What a generic function is made for is not seen: all of `Vec` is `alloc`.
fn owner(name: &str) -> &str {
    let path = name.trim_start_matches(['<', '&', '*', '(', '[']);
    let path = ["mut ", "const ", "dyn "].iter().fold(path, |path, word| path.trim_start_matches(word));
    match path.split_once("::") {
        Some((first, _)) if first.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => first,
        Some(_) => "other Rust code",
        None => "C and assembler",
    }
}

pub(super) fn run() {
    let of = |name: &str| rooms(&binary(name)?);
    let (Some(webhooks), Some(auth)) = (of("webhooks"), of("auth")) else {
        println!("What takes the room is shown of binaries with symbols: CARGO_PROFILE_RELEASE_STRIP=none.");
        return;
    };
    let mut owners: Vec<_> = webhooks.keys().chain(auth.keys()).collect();
    owners.sort_unstable();
    owners.dedup();
    let size = |rooms: &BTreeMap<String, u64>, owner: &String| rooms.get(owner).copied().unwrap_or(0);
    owners.sort_by_key(|owner| std::cmp::Reverse(size(&webhooks, owner).max(size(&auth, owner))));
    let rows: Vec<_> = owners
        .iter()
        .take(SHOWN)
        .map(|owner| vec![(*owner).clone(), kb(size(&webhooks, owner)), kb(size(&auth, owner))])
        .collect();
    publish("room", &["Crate", "`webhooks`, KB", "`auth`, KB"], &rows);
}

fn kb(bytes: u64) -> String {
    (bytes / 1000).to_string()
}
