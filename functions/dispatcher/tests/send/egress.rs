//! What is not public is not called, however it is written and wherever it comes from: the URL, DNS, a
//! redirect.

mod blocks;
mod spellings;

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use dispatcher::egress::GuardedResolver;
use dispatcher::send::Sender;
use reqwest::dns::Resolve;
use shared::address::{EgressPolicy, TargetUrl, TargetUrlError};
use shared::delivery::{Outcome, Unreachable};

use self::blocks::BLOCKS;
use self::spellings::{ADDRESSES, CREDENTIALS, NAMES, URLS};
use super::answers::Answers;
use super::receiver::{Forbidden, Receiver};
use super::{AMPLE, answer_to, signed_for, told, unreachable};

const ADDRESS_NOT_ALLOWED: Outcome = Outcome::Unreachable(Unreachable::AddressNotAllowed);
const URL_NOT_ALLOWED: Outcome = Outcome::Unreachable(Unreachable::UrlNotAllowed);

/// Public addresses, on every port and without TLS: only the address can be the reason.
fn public_only() -> EgressPolicy {
    EgressPolicy::parse("true", "", "1-65535").unwrap()
}

/// All that a deployment can allow.
fn everything() -> EgressPolicy {
    EgressPolicy::parse("true", "0.0.0.0/0,::/0", "1-65535").unwrap()
}

/// Compares row by row and shows the rows that differ: a whole table is too much to read.
fn assert_rows<T: PartialEq + Debug>(found: Vec<T>, expected: Vec<T>) {
    assert_eq!(found.len(), expected.len());
    let wrong: Vec<_> =
        found.into_iter().zip(expected).filter(|(found, expected)| found != expected).collect();
    assert!(wrong.is_empty(), "found and expected: {wrong:#?}");
}

/// The stage that refuses a URL when it is stored.
fn stored(url: &str, policy: &EgressPolicy) -> &'static str {
    match TargetUrl::parse(url, policy) {
        Ok(_) => "stored",
        Err(TargetUrlError::Address(_)) => "address",
        Err(TargetUrlError::Name(_)) => "name",
        Err(_) => "text",
    }
}

/// The address that a host stands for, once somebody allows it.
fn read(url: &str) -> Option<IpAddr> {
    TargetUrl::parse(url, &everything()).ok().and_then(|url| url.ip())
}

/// The outcomes of calling one name after the other, which DNS answers with these.
async fn called_by_name(port: u16, answers: &[&[&str]]) -> Vec<Outcome> {
    let url = format!("http://receiver.example:{port}/");
    let sender = Sender::with_resolver(public_only(), Arc::new(Answers::new(answers))).unwrap();
    let mut outcomes = vec![];
    for _ in answers {
        outcomes.push(sender.send(signed_for(&url, &everything()), AMPLE).await.outcome);
    }
    outcomes
}

/// The outcomes of calling URLs that were stored while everything was allowed.
async fn called_by_url(urls: impl IntoIterator<Item = String>) -> Vec<Outcome> {
    let sender = Sender::new(public_only()).unwrap();
    let mut outcomes = vec![];
    for url in urls {
        outcomes.push(sender.send(signed_for(&url, &everything()), AMPLE).await.outcome);
    }
    outcomes
}

#[tokio::test]
async fn a_private_address_is_refused_when_stored_and_when_called_however_it_is_written() {
    let forbidden = Forbidden::everywhere();
    let url = |host: &str| format!("http://{host}:{}/", forbidden.port());
    let outcomes = called_by_url(ADDRESSES.iter().map(|(host, _)| url(host))).await;
    let found: Vec<_> = ADDRESSES
        .iter()
        .zip(outcomes)
        .map(|((host, _), outcome)| (*host, stored(&url(host), &public_only()), read(&url(host)), outcome))
        .collect();
    let expected: Vec<_> = ADDRESSES
        .iter()
        .map(|(host, address)| (*host, "address", Some(address.parse().unwrap()), ADDRESS_NOT_ALLOWED))
        .collect();
    assert_rows(found, expected);
    assert!(!forbidden.was_reached());
}

#[tokio::test]
async fn the_same_spellings_reach_a_socket_where_loopback_is_allowed() {
    let mut receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let loopback = EgressPolicy::parse("true", "127.0.0.1/32", "1-65535").unwrap();
    let sender = Sender::new(loopback.clone()).unwrap();
    let port = receiver.address.port();
    let spellings: Vec<_> =
        ADDRESSES.iter().filter(|(_, address)| *address == "127.0.0.1").map(|(host, _)| *host).collect();
    let mut delivered = vec![];
    for host in &spellings {
        let request = signed_for(&format!("http://{host}:{port}/"), &loopback);
        if sender.send(request, AMPLE).await.outcome == (Outcome::Delivered { status: 200 }) {
            delivered.push(*host);
        }
    }
    assert_eq!((&delivered, receiver.heard().len()), (&spellings, spellings.len()));
}

#[tokio::test]
async fn an_address_that_answers_with_credentials_is_refused_by_every_policy() {
    let forbidden = Forbidden::everywhere();
    let url = |host: &str| format!("http://{host}:{}/", forbidden.port());
    let found: Vec<_> = CREDENTIALS
        .iter()
        .map(|(host, _)| (*host, stored(&url(host), &public_only()), stored(&url(host), &everything())))
        .collect();
    let expected: Vec<_> = CREDENTIALS.iter().map(|(host, _)| (*host, "address", "address")).collect();
    assert_rows(found, expected);

    let answers: Vec<_> = CREDENTIALS.iter().map(|(_, address)| std::slice::from_ref(address)).collect();
    let outcomes = called_by_name(forbidden.port(), &answers).await;
    assert_eq!(outcomes, vec![ADDRESS_NOT_ALLOWED; CREDENTIALS.len()]);
}

#[tokio::test]
async fn a_private_name_is_refused_when_stored_and_when_called_without_asking_dns() {
    let forbidden = Forbidden::everywhere();
    let url = |host: &str| format!("http://{host}:{}/", forbidden.port());
    let answers = Answers::new(&[&["127.0.0.1"]]);
    let sender = Sender::with_resolver(public_only(), Arc::new(answers.clone())).unwrap();
    let mut found = vec![];
    for name in NAMES {
        let outcome = sender.send(signed_for(&url(name), &everything()), AMPLE).await.outcome;
        found.push((*name, stored(&url(name), &public_only()), outcome));
    }
    let expected: Vec<_> = NAMES.iter().map(|name| (*name, "name", URL_NOT_ALLOWED)).collect();
    assert_rows(found, expected);
    assert_eq!((answers.left(), forbidden.was_reached()), (1, false));
}

#[test]
fn a_url_that_parsers_disagree_about_is_stored_by_no_policy() {
    let read = |url: &str, policy: &EgressPolicy| match TargetUrl::parse(&url.replace("PORT", "9000"), policy)
    {
        Ok(url) => format!("stored as {url}"),
        Err(error) => error.to_string(),
    };
    let found: Vec<_> =
        URLS.iter().map(|(url, _)| (*url, read(url, &public_only()), read(url, &everything()))).collect();
    let expected: Vec<_> =
        URLS.iter().map(|(url, error)| (*url, (*error).to_owned(), (*error).to_owned())).collect();
    assert_rows(found, expected);
}

#[tokio::test]
async fn both_edges_of_every_special_block_are_refused_in_the_url_and_from_dns() {
    let forbidden = Forbidden::everywhere();
    let edges: Vec<_> = BLOCKS.iter().flat_map(|block| [block.first, block.last]).collect();
    let url = |address: &str| in_url(address, forbidden.port());
    let found: Vec<_> = edges.iter().map(|edge| (*edge, stored(&url(edge), &public_only()))).collect();
    let refused: Vec<_> = edges.iter().map(|edge| (*edge, "address")).collect();
    assert_rows(found, refused);

    let answers: Vec<_> = edges.iter().map(std::slice::from_ref).collect();
    let by_name = called_by_name(forbidden.port(), &answers).await;
    let open = edges.iter().map(|edge| url(edge)).filter(|url| stored(url, &everything()) == "stored");
    let by_url = called_by_url(open).await;
    let all = |outcomes: &[Outcome]| vec![ADDRESS_NOT_ALLOWED; outcomes.len()];
    assert_eq!((&by_name, &by_url), (&all(&by_name), &all(&by_url)));
    // One of the edges, written twice, answers with credentials: no policy opens it.
    assert_eq!((by_name.len(), by_url.len()), (edges.len(), edges.len() - 2));
    assert!(!forbidden.was_reached());
}

#[tokio::test]
async fn the_addresses_beside_the_blocks_are_let_through() {
    let beside: Vec<_> = BLOCKS.iter().flat_map(|block| block.beside).copied().collect();
    let answers: Vec<_> = beside.iter().map(std::slice::from_ref).collect();
    let guard = GuardedResolver::over(Arc::new(public_only()), Arc::new(Answers::new(&answers)));
    let mut found = vec![];
    for address in &beside {
        let passed = guard.resolve("receiver.example".parse().unwrap()).await;
        let passed: Vec<_> = passed.into_iter().flatten().map(|socket| socket.ip()).collect();
        found.push((*address, stored(&in_url(address, 9000), &public_only()), passed));
    }
    let expected: Vec<_> =
        beside.iter().map(|address| (*address, "stored", vec![address.parse().unwrap()])).collect();
    assert_rows(found, expected);
}

fn in_url(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("http://[{address}]:{port}/")
    } else {
        format!("http://{address}:{port}/")
    }
}

#[tokio::test]
async fn a_private_address_among_public_ones_is_not_called_wherever_it_stands() {
    let forbidden = Forbidden::everywhere();
    let answers: [&[&str]; 6] = [
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["8.8.8.8", "127.0.0.1", "1.1.1.1"],
        &["2606:4700:4700::1111", "127.0.0.1"],
        &["8.8.8.8", "::1"],
        &["2606:4700:4700::1111", "::ffff:127.0.0.1"],
    ];
    let outcomes = called_by_name(forbidden.port(), &answers).await;
    assert_eq!((outcomes, forbidden.was_reached()), (vec![ADDRESS_NOT_ALLOWED; 6], false));
}

#[cfg(target_os = "linux")] // Only there is all of 127.0.0.0/8 the machine itself.
#[tokio::test]
async fn the_second_answer_of_a_name_that_moves_to_a_private_address_is_never_asked_for() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = receiver.address.port();
    let forbidden = Forbidden::at("127.0.0.2", port);
    let policy = EgressPolicy::parse("true", "127.0.0.1/32", "1-65535").unwrap();
    let answers = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = Sender::with_resolver(policy.clone(), Arc::new(answers.clone())).unwrap();
    let url = format!("http://rebound.example:{port}/");
    let first = sender.send(signed_for(&url, &policy), AMPLE).await.outcome;
    let left = answers.left();
    let second = sender.send(signed_for(&url, &policy), AMPLE).await.outcome;
    assert_eq!((first, left), (Outcome::Delivered { status: 200 }, 1));
    assert_eq!((second, forbidden.was_reached()), (ADDRESS_NOT_ALLOWED, false));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let forbidden = Forbidden::everywhere();
    let port = forbidden.port();
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for location in [in_url("127.0.0.1", port), in_url("::1", port), format!("//127.1:{port}/")] {
            let head = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\n");
            let refresh = format!("refresh: 0; url={location}\r\ncontent-length: 0\r\n\r\n");
            let rejected = Outcome::Rejected { status, retry_after: None };
            assert_eq!(answer_to(head + &refresh).await, (rejected, None));
        }
    }
    assert!(!forbidden.was_reached());
}

#[tokio::test]
async fn a_port_that_the_policy_no_longer_allows_is_not_called() {
    let forbidden = Forbidden::everywhere();
    let closed = EgressPolicy::parse("true", "127.0.0.0/8", "443").unwrap();
    let request = signed_for(&in_url("127.0.0.1", forbidden.port()), &everything());
    let sent = Sender::new(closed).unwrap().send(request, AMPLE).await;
    let refused = unreachable(Unreachable::UrlNotAllowed);
    assert_eq!((told(sent), forbidden.was_reached()), (refused, false));
}
