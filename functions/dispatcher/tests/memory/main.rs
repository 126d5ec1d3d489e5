//! What twenty receivers that never stop sending cost in memory. A process of its own, so that nothing else
//! is measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a receiver that cannot be started is a failed test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use dispatcher::send::{Sender, SignedRequest};
use shared::address::{EgressPolicy, TargetUrl};
use shared::delivery::{Outcome, Unreachable};

const CONCURRENT: usize = 20;
const ROUNDS: usize = 2;
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// A start, what comes again and again as fast as it is read, and what is to come of it.
const RECEIVERS: [(&str, &str, Outcome); 5] = [
    ("HTTP/1.1 200 OK\r\n\r\n", "a", Outcome::Delivered { status: 200 }),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "1\r\na\r\n",
        Outcome::Delivered { status: 200 },
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        "x: y\r\n",
        Outcome::Delivered { status: 200 },
    ),
    ("HTTP/1.1 200 OK\r\nx: ", "a", Outcome::Unreachable(Unreachable::BadResponse)),
    ("HTTP/1.1 200 OK\r\n", "x: y\r\n", Outcome::Unreachable(Unreachable::BadResponse)),
];

/// Serves on a thread for each connection, with next to no memory of its own.
fn endless(start: &'static str, repeated: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || pour(stream.unwrap(), start, repeated));
        }
    });
    address
}

/// Until the other side hangs up, which is the only end.
fn pour(mut stream: TcpStream, start: &str, repeated: &str) -> Option<()> {
    if stream.read(&mut [0; 1024]).ok()? == 0 {
        return None;
    }
    stream.write_all(start.as_bytes()).ok()?;
    let block = repeated.repeat(16 * 1024 / repeated.len());
    loop {
        stream.write_all(block.as_bytes()).ok()?;
    }
}

fn request(address: SocketAddr, policy: &EgressPolicy) -> SignedRequest {
    SignedRequest {
        url: TargetUrl::parse(&format!("http://{address}/"), policy).unwrap(),
        headers: vec![],
        body: Bytes::from_static(b"{}"),
        signed_at_ms: 0,
    }
}

/// A line of `/proc/self/status`, in KiB. The kernel keeps the highest size itself, so none is missed between
/// two looks.
fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_answers_without_end_take_less_than_64_mib() {
    let policy = EgressPolicy::parse("true", "127.0.0.1/32", "1024-65535").unwrap();
    let sender = Sender::new(policy.clone()).unwrap();
    let before_kib = kib("VmRSS:");
    for (start, repeated, expected) in RECEIVERS {
        let address = endless(start, repeated);
        for _ in 0..ROUNDS {
            let calls =
                (0..CONCURRENT).map(|_| sender.send(request(address, &policy), Duration::from_secs(1)));
            let sent = futures_util::future::join_all(calls).await;
            let outcomes: Vec<_> = sent.into_iter().map(|sent| sent.outcome).collect();
            assert_eq!((repeated, outcomes), (repeated, vec![expected; CONCURRENT]));
        }
    }
    let growth_kib = kib("VmHWM:") - before_kib;
    assert!(growth_kib < GROWTH_KIB_MAX, "the process grew by {growth_kib} KiB");
}
