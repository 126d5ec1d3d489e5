//! Traces: the W3C context that callers send and receivers get, and X-Ray's header, which Lambda gives.

mod context;
mod xray;

pub use context::{Place, SpanId, TraceContext};
pub use xray::XRay;

use std::fmt::Write as _;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many digits of lower-case hexadecimal, not all zero: what identifiers of traces and spans are.
fn is_id(text: &str, chars: usize) -> bool {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.len() == chars && lower && text.bytes().any(|byte| byte != b'0')
}
