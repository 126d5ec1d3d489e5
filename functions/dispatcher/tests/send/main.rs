//! The sender against receivers on real sockets that do what receivers should not.

#![expect(clippy::unwrap_used, reason = "a receiver that cannot be started is a failed test")]

mod answers;
mod egress;
mod hostile;
mod receiver;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dispatcher::send::{BODY_READ_BYTES_MAX, Sender, Sent, SignedRequest};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use shared::address::{EgressPolicy, TargetUrl};
use shared::delivery::{Outcome, Unreachable};
use tokio::io::AsyncWriteExt;

use self::answers::{Answers, NeverResolves};
use self::receiver::{Forbidden, Receiver, request};

/// For receivers that answer: never reached.
const AMPLE: Duration = Duration::from_secs(20);
/// For receivers that do not.
const SHORT: Duration = Duration::from_millis(300);
/// More than the buffers of two sockets, much less than runs through them in two seconds.
const SOCKETS_HOLD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// 1994-11-06 08:49:37 UTC.
const SIGNED_AT_MS: i64 = 784_111_777_000;

/// 100,000 times `0`, compressed with gzip.
const BOMB: &[u8] = b"\
    \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\x4a\xeb\x9f\
    \xce\x1a\x1e\x40\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xaf\x06\x85\xc2\x4d\xc5\xa0\x86\x01\
    \x00";

fn local() -> EgressPolicy {
    EgressPolicy::parse("true", "127.0.0.0/8,::1/128", "1024-65535").unwrap()
}

fn signed(url: &str) -> SignedRequest {
    signed_for(url, &local())
}

/// A request to a URL that was stored under this policy.
fn signed_for(url: &str, policy: &EgressPolicy) -> SignedRequest {
    SignedRequest {
        url: TargetUrl::parse(url, policy).unwrap(),
        headers: vec![
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("webhook-id"), HeaderValue::from_static("evt_1")),
        ],
        body: Bytes::from_static(b"{\"a\":1}"),
        signed_at_ms: SIGNED_AT_MS,
    }
}

/// All that does not depend on the clock.
fn told(sent: Sent) -> (Outcome, Option<String>) {
    (sent.outcome, sent.response_body)
}

async fn send(url: &str, deadline: Duration) -> (Outcome, Option<String>) {
    told(Sender::new(local()).unwrap().send(signed(url), deadline).await)
}

async fn answer_to(bytes: impl Into<Vec<u8>>) -> (Outcome, Option<String>) {
    send(&Receiver::answering(bytes).await.url(), AMPLE).await
}

fn delivered(status: u16, body: &str) -> (Outcome, Option<String>) {
    (Outcome::Delivered { status }, Some(body.to_owned()))
}

fn unreachable(reason: Unreachable) -> (Outcome, Option<String>) {
    (Outcome::Unreachable(reason), None)
}

#[tokio::test]
async fn the_receiver_gets_what_was_signed_and_nothing_of_ours_but_the_name() {
    let mut receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine").await;
    assert_eq!(send(&receiver.url(), AMPLE).await, delivered(200, "fine"));
    let expected = format!(
        "POST /hook HTTP/1.1\r\n\
         content-type: application/json\r\n\
         webhook-id: evt_1\r\n\
         accept: */*\r\n\
         user-agent: AI-Foundry-Webhooks/{}\r\n\
         host: {}\r\n\
         content-length: 7\r\n\r\n{{\"a\":1}}",
        env!("CARGO_PKG_VERSION"),
        receiver.address,
    );
    assert_eq!(receiver.heard(), [expected]);
}

#[tokio::test]
async fn a_204_with_a_body_is_a_delivery_without_one() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello").await;
    let sender = Sender::new(local()).unwrap();
    for _ in 0..2 {
        let sent = sender.send(signed(&receiver.url()), AMPLE).await;
        assert_eq!(told(sent), (Outcome::Delivered { status: 204 }, None));
    }
}

#[tokio::test]
async fn informational_answers_before_the_status_are_passed_over() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                  HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    assert_eq!(answer_to(answer).await, delivered(200, "ok"));
}

#[tokio::test]
async fn http_1_0_is_understood() {
    assert_eq!(answer_to("HTTP/1.0 200 OK\r\n\r\nold").await, delivered(200, "old"));
}

#[tokio::test]
async fn retry_after_is_read_against_the_time_of_the_attempt() {
    let answer = "HTTP/1.1 503 Busy\r\nretry-after: Sun, 06 Nov 1994 08:51:37 GMT\r\n\
                  content-length: 4\r\n\r\nbusy";
    let retry_after = Some(Duration::from_mins(2));
    let rejected = Outcome::Rejected { status: 503, retry_after };
    assert_eq!(answer_to(answer).await, (rejected, Some("busy".to_owned())));
}

#[tokio::test]
async fn a_connection_is_used_again_when_its_answer_was_read_whole() {
    let mut receiver = Receiver::start(|mut stream, report| async move {
        let _ = report.send(b"connection".to_vec());
        loop {
            let _ = request(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
        }
    })
    .await;
    let sender = Sender::new(local()).unwrap();
    for _ in 0..3 {
        let sent = sender.send(signed(&receiver.url()), AMPLE).await;
        assert_eq!(told(sent), delivered(200, "ok"));
    }
    assert_eq!(receiver.heard(), ["connection"]);
}

#[tokio::test]
async fn a_receiver_that_closes_without_an_answer_closed_early() {
    let closed = unreachable(Unreachable::ClosedEarly);
    assert_eq!(answer_to("").await, closed);
    assert_eq!(answer_to("HTTP/1.1 200 OK\r\nx: ").await, closed);
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_response() {
    let bad = unreachable(Unreachable::BadResponse);
    assert_eq!(answer_to("SSH-2.0-OpenSSH_9.6\r\n\r\n").await, bad);
    assert_eq!(answer_to("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").await, bad);
    assert_eq!(answer_to("HTTP/1.1 999999 Large\r\n\r\n").await, bad);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_not_a_receiver() {
    let receiver = Receiver::start(|mut stream, _| async move {
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
        std::future::pending().await
    })
    .await;
    let bad = unreachable(Unreachable::BadResponse);
    assert_eq!(send(&receiver.url(), AMPLE).await, bad);
}

#[tokio::test]
async fn a_header_of_64_kib_is_taken_and_a_head_without_end_is_not() {
    let with_header =
        |bytes: usize| format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(bytes));
    let taken = (Outcome::Delivered { status: 200 }, None);
    assert_eq!(answer_to(with_header(64 * 1024)).await, taken);
    assert_eq!(answer_to(with_header(1024 * 1024)).await, unreachable(Unreachable::BadResponse));
}

#[tokio::test]
async fn a_receiver_that_never_answers_times_out() {
    let receiver = Receiver::answering_and_staying(b"").await;
    assert_eq!(send(&receiver.url(), SHORT).await, (Outcome::TimedOut, None));
}

#[tokio::test]
async fn a_head_that_drips_does_not_stretch_the_deadline() {
    let receiver = Receiver::start(|mut stream, _| async move {
        let _ = request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await?;
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        loop {
            drip.tick().await;
            stream.write_all(b"a").await?;
        }
    })
    .await;
    assert_eq!(send(&receiver.url(), SHORT).await, (Outcome::TimedOut, None));
}

#[tokio::test]
async fn a_name_that_is_never_resolved_times_out() {
    let sender = Sender::with_resolver(local(), Arc::new(NeverResolves)).unwrap();
    let sent = sender.send(signed("http://receiver.example:9000/"), SHORT).await;
    assert_eq!(told(sent), (Outcome::TimedOut, None));
}

#[tokio::test]
async fn a_body_that_stops_after_one_byte_leaves_the_status_and_the_byte() {
    let head_and_byte = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\na";
    let receiver = Receiver::answering_and_staying(head_and_byte).await;
    assert_eq!(send(&receiver.url(), SHORT).await, delivered(200, "a"));
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_status_and_its_start() {
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhello";
    let chunked = "HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzzz";
    let rejected = Outcome::Rejected { status: 500, retry_after: None };
    assert_eq!(answer_to(length).await, delivered(200, "hello"));
    assert_eq!(answer_to(chunked).await, (rejected, Some("hello".to_owned())));
}

#[tokio::test]
async fn a_body_without_end_is_read_to_64_kib_and_then_hung_up_on() {
    let mut receiver = Receiver::start(|mut stream, report| async move {
        let _ = request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let mut written_bytes = 0;
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {
            written_bytes += 4096;
        }
        // What the sender did not read is at most what the sockets between can hold.
        let held = if written_bytes < SOCKETS_HOLD_BYTES_MAX { "at once" } else { "late" };
        let _ = report.send(held.into());
        Ok(())
    })
    .await;
    assert_eq!(send(&receiver.url(), AMPLE).await, delivered(200, &"a".repeat(1024)));
    assert_eq!(receiver.heard.recv().await, Some(b"at once".to_vec()));
}

#[tokio::test]
async fn no_more_than_1_kib_of_a_long_answer_is_kept_and_no_character_is_split() {
    let body = format!("a{}", "€".repeat(BODY_READ_BYTES_MAX));
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert_eq!(answer_to(answer).await, delivered(200, &format!("a{}", "€".repeat(341))));
}

#[tokio::test]
async fn a_compressed_answer_is_not_decompressed() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", BOMB.len());
    let (outcome, body) = answer_to([head.as_bytes(), BOMB].concat()).await;
    let start: String = body.unwrap_or_default().chars().take(3).collect();
    assert_eq!((outcome, start), (Outcome::Delivered { status: 200 }, "\u{fffd}\u{fffd}\u{fffd}".to_owned()));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_failed_connection() {
    let port = Forbidden::start().port();
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(send(&url, AMPLE).await, unreachable(Unreachable::ConnectionFailed));
}

#[tokio::test]
async fn a_failed_handshake_is_told_from_a_failed_connection() {
    let plain = Receiver::answering_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let closing = Receiver::answering_tls(b"").await;
    let alert = Receiver::answering_tls(b"\x15\x03\x03\x00\x02\x02\x28").await;
    for receiver in [plain, closing, alert] {
        let url = format!("https://{}/", receiver.address);
        assert_eq!(send(&url, AMPLE).await, unreachable(Unreachable::Tls));
    }
}

#[tokio::test]
async fn the_handshake_names_the_host_and_not_its_address() {
    let mut receiver = Receiver::answering_tls(b"").await;
    let answers = Answers::new(&[&["127.0.0.1"]]);
    let sender = Sender::with_resolver(local(), Arc::new(answers)).unwrap();
    let url = format!("https://receiver.example:{}/", receiver.address.port());
    let sent = sender.send(signed(&url), AMPLE).await;
    let named = receiver.heard().iter().any(|hello| hello.contains("receiver.example"));
    assert_eq!((told(sent), named), (unreachable(Unreachable::Tls), true));
}

#[tokio::test]
async fn a_name_with_one_refused_address_is_not_called_at_all() {
    let forbidden = Forbidden::start();
    let url = format!("http://receiver.example:{}/", forbidden.port());
    for answer in [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]] {
        let sender = Sender::with_resolver(local(), Arc::new(Answers::new(&[&answer]))).unwrap();
        let sent = sender.send(signed(&url), AMPLE).await;
        let refused = unreachable(Unreachable::AddressNotAllowed);
        assert_eq!((told(sent), forbidden.was_reached()), (refused, false));
    }
}

#[tokio::test]
async fn an_answer_that_changes_is_never_used_unchecked() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answers = Answers::new(&[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1"]]);
    let sender = Sender::with_resolver(local(), Arc::new(answers.clone())).unwrap();
    let url = format!("http://rebound.example:{}/", receiver.address.port());
    let mut story = vec![];
    for _ in 0..4 {
        let sent = sender.send(signed(&url), AMPLE).await;
        story.push((sent.outcome, answers.left()));
    }
    let delivered = Outcome::Delivered { status: 200 };
    assert_eq!(
        story,
        [
            // One look-up each: had the connector asked again, the second answer would be gone.
            (delivered, 2),
            (Outcome::Unreachable(Unreachable::AddressNotAllowed), 1),
            (delivered, 0),
            (Outcome::Unreachable(Unreachable::NameNotResolved), 0),
        ]
    );
}

#[tokio::test]
async fn a_name_without_addresses_is_not_resolved() {
    let sender = Sender::with_resolver(local(), Arc::new(Answers::new(&[&[]]))).unwrap();
    let sent = sender.send(signed("http://empty.example:9000/"), AMPLE).await;
    assert_eq!(told(sent), unreachable(Unreachable::NameNotResolved));
}

#[tokio::test]
async fn an_address_in_the_url_is_checked_again_before_it_is_called() {
    let forbidden = Forbidden::start();
    let strict = EgressPolicy::parse("true", "", "1024-65535").unwrap();
    let request = signed(&format!("http://127.0.0.1:{}/", forbidden.port()));
    let sent = Sender::new(strict).unwrap().send(request, AMPLE).await;
    let refused = unreachable(Unreachable::AddressNotAllowed);
    assert_eq!((told(sent), forbidden.was_reached()), (refused, false));
}

#[tokio::test]
async fn a_url_that_the_policy_no_longer_allows_is_not_called() {
    let forbidden = Forbidden::start();
    let https_only = EgressPolicy::parse("false", "127.0.0.0/8", "1024-65535").unwrap();
    let request = signed(&format!("http://127.0.0.1:{}/", forbidden.port()));
    let sent = Sender::new(https_only).unwrap().send(request, AMPLE).await;
    let refused = unreachable(Unreachable::UrlNotAllowed);
    assert_eq!((told(sent), forbidden.was_reached()), (refused, false));
}

#[tokio::test]
async fn a_local_receiver_can_be_called_by_its_name_where_loopback_is_allowed() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    assert_eq!(send(&url, AMPLE).await, delivered(200, "ok"));
}
