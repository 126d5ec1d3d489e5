//! `TargetUrl` under libFuzzer: what it lets through is judged as in `shared/tests/target_url`.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz target_url -- -dict=tests/fuzz/target_url.dict -max_total_time=600
//! ```
//!
//! `RUSTC_BOOTSTRAP=1` lets the stable compiler take the sanitizer's flags.

#![no_main]

#[path = "../../shared/tests/target_url/flaw.rs"]
mod flaw;
#[path = "../../shared/tests/target_url/judge.rs"]
mod judge;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(url) = flaw::stored(text) {
        assert_eq!(flaw::flaw(&url), None, "{text:?} is stored as {url:?}");
    }
});
