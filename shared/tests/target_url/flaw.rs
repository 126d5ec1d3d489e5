//! What has to be true of every URL that was let through.

use shared::address::{EgressPolicy, TargetUrl};

use super::judge;

/// What the default policy says of a text: the URL as it is stored.
pub(super) fn stored(text: &str) -> Option<TargetUrl> {
    TargetUrl::parse(text, &EgressPolicy::default()).ok()
}

/// Everything that has to be true of a URL that was let through; the first thing that is not.
pub(super) fn flaw(url: &TargetUrl) -> Option<&'static str> {
    let text = url.as_str();
    let authority = text.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next());
    let Some(authority) = authority else { return Some("it does not start with `https://`") };
    let flaws = [
        ("it is longer than is stored", text.len() > TargetUrl::BYTES_MAX),
        ("it has user info", authority.contains('@')),
        ("it has a fragment", text.contains('#')),
        ("it has more than visible ASCII", !text.bytes().all(|byte| byte.is_ascii_graphic())),
        ("it has a port that is closed", !port_is_open(authority)),
        ("it names this machine or a private network", !judge::is_public_host(url.host())),
        ("it reads otherwise the second time", stored(text).as_ref() != Some(url)),
    ];
    flaws.into_iter().find_map(|(flaw, found)| found.then_some(flaw))
}

/// Without a port it is 443.
fn port_is_open(authority: &str) -> bool {
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    match port.map(str::parse::<u16>) {
        None => true,
        Some(Ok(port)) => port == 8443 || port >= 1024,
        Some(Err(_)) => false,
    }
}
