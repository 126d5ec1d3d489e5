//! Which certificates the sender trusts: real handshakes with an authority that the test makes.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a receiver that cannot be started is a failed test")]

mod authority;
mod receiver;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dispatcher::send::{Sender, SignedRequest};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared::address::{EgressPolicy, TargetUrl};
use shared::delivery::{Outcome, Unreachable};

use self::authority::{Authority, Credential, self_signed};
use self::receiver::Receiver;

/// Where the process that was started again finds the authority's certificate.
const ROOTS: &str = "TRUST_TEST_ROOTS";
const DELIVERED: Outcome = Outcome::Delivered { status: 200 };
const REFUSED: Outcome = Outcome::Unreachable(Unreachable::Tls);

/// The roots come from the system, which on Linux means: from a file that the environment can name. A process
/// cannot change its own environment once it has threads, so the test runs itself again.
#[test]
fn a_certificate_is_judged_by_its_names_its_issuer_and_its_dates() {
    match roots() {
        Some(file) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(judge(&file));
        }
        None => again("a_certificate_is_judged_by_its_names_its_issuer_and_its_dates"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a message from the test to itself")]
fn roots() -> Option<PathBuf> {
    std::env::var_os(ROOTS).map(PathBuf::from)
}

fn again(test: &str) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("roots-{}.pem", std::process::id()));
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROOTS, &file)
        .env("SSL_CERT_FILE", &file)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(ran.status.success() && said[0].contains("1 passed"), "{}", said.concat());
}

/// Each certificate by what is to be said of it, the host it is shown for, and what comes of that.
async fn judge(roots: &Path) {
    let authority = Authority::new();
    std::fs::write(roots, authority.pem()).unwrap();
    let stranger = Authority::new();
    let host = "receiver.example";
    let cases: Vec<(&str, Credential, &str, Outcome)> = vec![
        ("its name", authority.issue(&[host]), host, DELIVERED),
        ("one of its names", authority.issue(&["a.example", host]), host, DELIVERED),
        ("a wildcard over it", authority.issue(&["*.receiver.example"]), "a.receiver.example", DELIVERED),
        ("its address", authority.issue(&["127.0.0.1"]), "127.0.0.1", DELIVERED),
        ("another name", authority.issue(&["other.example"]), host, REFUSED),
        ("the name above", authority.issue(&[host]), "a.receiver.example", REFUSED),
        ("a wildcard too high", authority.issue(&["*.receiver.example"]), "a.b.receiver.example", REFUSED),
        ("a name for an address", authority.issue(&[host]), "127.0.0.1", REFUSED),
        ("an address for a name", authority.issue(&["127.0.0.1"]), host, REFUSED),
        ("its name as common name only", authority.issue_common_name(host), host, REFUSED),
        ("signed by itself", self_signed(host), host, REFUSED),
        ("signed by a stranger", stranger.issue(&[host]), host, REFUSED),
        ("expired", authority.issue_for_years(&[host], 2020, 2021), host, REFUSED),
        ("not valid yet", authority.issue_for_years(&[host], 4000, 4001), host, REFUSED),
    ];
    let mut found = vec![];
    let mut expected = vec![];
    for (shows, credential, host, outcome) in cases {
        found.push((shows, call(credential, host).await));
        // Who is refused does not get to see the request.
        expected.push((shows, (outcome, usize::from(outcome == DELIVERED))));
    }
    assert_eq!(found, expected);
}

/// The outcome of a call, and how many requests came through.
async fn call(credential: Credential, host: &str) -> (Outcome, usize) {
    let receiver = Receiver::start(credential).await;
    let policy = EgressPolicy::parse("false", "127.0.0.1/32", "1024-65535").unwrap();
    let request = SignedRequest {
        url: TargetUrl::parse(&format!("https://{host}:{}/", receiver.port), &policy).unwrap(),
        headers: vec![],
        body: Bytes::from_static(b"{}"),
        signed_at_ms: 0,
    };
    let sender = Sender::with_resolver(policy, Arc::new(Here)).unwrap();
    let sent = sender.send(request, Duration::from_secs(20)).await;
    (sent.outcome, receiver.requests())
}

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Box::pin(std::future::ready(Ok(Box::new(std::iter::once(here)) as Addrs)))
    }
}
