//! Receivers that keep a connection busy on purpose: each has its outcome, and none outlives the deadline.

mod answers;
mod behaviours;

use std::time::Duration;

use dispatcher::send::{BODY_KEPT_BYTES_MAX, Sender};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::delivery::{Outcome, Unreachable};
use tokio::time::Instant;

use self::behaviours as server;
use super::receiver::Receiver;
use super::{SignedRequest, delivered, local, signed, told, unreachable};

const DEADLINE: Duration = Duration::from_secs(1);
/// How much later than the deadline an outcome may be there.
const LATE_MAX: Duration = Duration::from_millis(500);

type Told = (Outcome, Option<String>);

/// A receiver by what it does, and what is to come of it.
struct Case {
    does: &'static str,
    receiver: Receiver,
    request: SignedRequest,
    expected: Told,
}

fn case(does: &'static str, receiver: Receiver, expected: Told) -> Case {
    let request = signed(&receiver.url());
    Case { does, receiver, request, expected }
}

/// The same, called over TLS.
fn tls_case(does: &'static str, receiver: Receiver, expected: Told) -> Case {
    let request = signed(&format!("https://{}/", receiver.address));
    Case { does, receiver, request, expected }
}

const TIMED_OUT: Told = (Outcome::TimedOut, None);

/// Those that hold the connection until the deadline.
async fn lasting() -> Vec<Case> {
    let deaf = Receiver::start(server::reads_nothing).await;
    let more_than_sockets_hold = vec![b'a'; 16 * 1024 * 1024].into();
    let large = SignedRequest { body: more_than_sockets_hold, ..signed(&deaf.url()) };
    let head = Receiver::start(server::drips_its_head).await;
    let body = Receiver::start(server::drips_its_body).await;
    let handshake = Receiver::start(server::drips_its_handshake).await;
    let mut cases = vec![
        Case { does: "does not read", receiver: deaf, request: large, expected: TIMED_OUT },
        case("drips its head, a byte a second", head, TIMED_OUT),
        case("drips its body, a byte a second", body, delivered(200, "a")),
        case("stops in its head", Receiver::answering_and_staying(b"HTTP/1.1 200 OK\r\n").await, TIMED_OUT),
        tls_case("never answers a handshake", Receiver::answering_and_staying(b"").await, TIMED_OUT),
        tls_case("drips its handshake, a byte a second", handshake, TIMED_OUT),
    ];
    for (does, repeated) in answers::STORMS {
        cases.push(case(does, Receiver::storming(repeated).await, TIMED_OUT));
    }
    cases
}

/// Those whose head is no answer.
async fn no_answer() -> Vec<Case> {
    let bad = || unreachable(Unreachable::BadResponse);
    let closed = || unreachable(Unreachable::ClosedEarly);
    let mut cases = vec![
        case("hangs up at once", Receiver::start(server::hangs_up).await, closed()),
        case("resets after the request", Receiver::start(server::resets).await, closed()),
    ];
    for (does, answer) in answers::BAD_HEADS {
        cases.push(case(does, Receiver::answering(*answer).await, bad()));
    }
    for (does, answer) in answers::CUT_HEADS {
        cases.push(case(does, Receiver::answering(*answer).await, closed()));
    }
    for (does, start, repeated) in answers::ENDLESS_HEADS {
        cases.push(case(does, Receiver::endless(start, repeated).await, bad()));
    }
    cases
}

/// Those that say a status and spoil what follows.
async fn spoilt_body() -> Vec<Case> {
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
    let patient = Receiver::answering(hints + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut cases = vec![case("103 a thousand times and then 200", patient, delivered(200, "ok"))];
    let told = |status, body: Option<String>| (Outcome::of_answer(status, None, 0), body);
    for (does, answer, status, kept) in answers::BODIES {
        let expected = told(*status, kept.map(str::to_owned));
        cases.push(case(does, Receiver::answering(*answer).await, expected));
    }
    for (does, chunks, kept) in answers::CHUNKS {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let expected = told(200, kept.map(str::to_owned));
        cases.push(case(does, Receiver::answering(answer).await, expected));
    }
    for (does, start, repeated, status, kept) in answers::ENDLESS_BODIES {
        let expected = told(*status, kept.map(|kept| kept.repeat(BODY_KEPT_BYTES_MAX)));
        cases.push(case(does, Receiver::endless(start, repeated).await, expected));
    }
    cases
}

/// Calls all of them at once and compares what came of each, and how late it came.
async fn assert_outcomes(cases: Vec<Case>) {
    let sender = Sender::new(local()).unwrap();
    let sender = &sender;
    let calls = cases.into_iter().map(|case| async move {
        let start = Instant::now();
        let sent = sender.send(case.request, DEADLINE).await;
        let elapsed = start.elapsed();
        let late = elapsed.saturating_sub(DEADLINE + LATE_MAX);
        drop(case.receiver);
        ((case.does, told(sent), late), (case.does, case.expected, Duration::ZERO))
    });
    let told: Vec<_> = futures_util::future::join_all(calls).await;
    let wrong: Vec<_> = told.into_iter().filter(|(found, expected)| found != expected).collect();
    assert!(wrong.is_empty(), "found and expected: {wrong:#?}");
}

#[tokio::test]
async fn a_receiver_that_holds_the_connection_has_it_until_the_deadline() {
    assert_outcomes(lasting().await).await;
}

#[tokio::test]
async fn a_head_that_is_no_answer_is_told_by_what_is_wrong() {
    assert_outcomes(no_answer().await).await;
}

#[tokio::test]
async fn a_spoilt_body_does_not_take_back_the_status() {
    assert_outcomes(spoilt_body().await).await;
}

#[tokio::test]
async fn nine_hostile_receivers_do_not_delay_the_tenth() {
    let sender = Sender::new(local()).unwrap();
    let healthy = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut cases = lasting().await;
    assert_eq!(cases.len(), 9);
    cases.push(case("is well", healthy, delivered(200, "ok")));
    let mut calls: FuturesUnordered<_> = cases
        .iter()
        .map(|case| async { (case.does, told(sender.send(case.request.clone(), DEADLINE).await)) })
        .collect();
    let first = calls.next().await;
    assert_eq!((first, calls.len()), (Some(("is well", delivered(200, "ok"))), 9));
    assert_eq!(calls.count().await, 9);
}
