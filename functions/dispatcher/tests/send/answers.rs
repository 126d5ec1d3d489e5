//! DNS whose answers the test gives.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Answers each look-up with the next list of addresses; after the last, with none at all.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Self(Arc::new(Mutex::new(answers.iter().map(parse).collect())))
    }

    /// How many answers nobody has asked for.
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Resolve for Answers {
    fn resolve(&self, _: Name) -> Resolving {
        let answer = self.0.lock().unwrap().pop_front();
        let found = answer.ok_or_else(|| io::Error::other("no such host").into());
        let port_9 = |ip| SocketAddr::new(ip, 9);
        Box::pin(std::future::ready(found.map(|found| Box::new(found.into_iter().map(port_9)) as Addrs)))
    }
}

/// Never answers.
pub(crate) struct NeverResolves;

impl Resolve for NeverResolves {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(std::future::pending())
    }
}
