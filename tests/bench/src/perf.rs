//! How fast and how small the functions are: ratios to a floor that is measured in the same run. The release
//! binaries are run as Lambda runs them, one process with one invocation at a time, behind TLS.
//!
//! What is compared is processor time, which Lambda sells, and not what a clock on the wall says.

mod api;
mod cold;
mod cost;
mod front;
mod functions;
mod growth;
mod memory;
mod others;
mod plot;
mod process;
mod room;
mod sending;
mod share;
mod size;
mod table;
mod warm;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stack::{Ports, Services, Settings, State};

pub(crate) use cold::run as cold;
pub(crate) use cost::run as cost;
pub(crate) use growth::run as growth;
pub(crate) use memory::run as memory;
pub(crate) use sending::{dispatcher, parts};
pub(crate) use size::run as size;
pub(crate) use warm::run as warm;

use front::{Authority, Front};

/// Every function, as its binary is named.
const FUNCTIONS: [&str; 10] = [
    "auth",
    "organizations",
    "api_keys",
    "webhooks",
    "authorizer",
    "dispatcher",
    "mailer",
    "sweeper",
    "rotator",
    "migrator",
];

/// The ones that answer an HTTP API.
const OF_THE_API: [&str; 4] = ["auth", "organizations", "api_keys", "webhooks"];

/// The release binary of a function or a floor: from `BENCH_FUNCTIONS`, a folder as `cargo build` or
/// `cargo lambda build` makes it, or from `target/release`.
fn binary(name: &str) -> Option<PathBuf> {
    binary_in(&crate::figures::functions().unwrap_or_else(|| it::repository().join("target/release")), name)
}

fn binary_in(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name).join("bootstrap"), folder.join(name)].into_iter().find(|path| path.is_file())
}

/// Whether every binary is there; says what to do if not.
fn is_built() -> bool {
    let floors = ["hello_runtime", "hello_http", "hello_get", "parts"];
    let missing: Vec<_> = FUNCTIONS.into_iter().chain(floors).filter(|name| binary(name).is_none()).collect();
    if !missing.is_empty() {
        println!(
            "There is no release binary of {}: `cargo build --release && cargo build --release -p floor`, or set \
             BENCH_FUNCTIONS to a folder of them.",
            missing.join(", ")
        );
    }
    missing.is_empty()
}

/// The local services, behind TLS as AWS is.
struct Aws {
    services: Services,
    authority: Authority,
    /// Each at an address of its own: no connection to one is good for another.
    dynamodb: Front,
    queues: Front,
    others: Front,
}

impl Aws {
    async fn start() -> Self {
        let settings = Settings::default();
        let services =
            Services::start_on(&it::template(), State::Memory, Ports::ANY, settings).await.unwrap();
        let authority = Authority::new();
        let dynamodb = Front::start(services.endpoint(stack::Service::DynamoDb), &authority).await;
        let queues = Front::start(services.endpoint(stack::Service::Sqs), &authority).await;
        let others = Front::start(services.endpoint(stack::Service::Sqs), &authority).await;
        Self { services, authority, dynamodb, queues, others }
    }

    /// How many calls its services have got so far.
    fn calls(&self) -> u64 {
        self.dynamodb.calls() + self.queues.calls() + self.others.calls()
    }

    /// The environment of a function, or of a floor, which gets that of `auth`.
    fn environment(&self, function: &str) -> BTreeMap<String, String> {
        let of = if FUNCTIONS.contains(&function) { function } else { "auth" };
        let mut environment = self.services.environment(of);
        for (name, value) in &mut environment {
            let front = match name.as_str() {
                "AWS_ENDPOINT_URL_DYNAMODB" => &self.dynamodb,
                "AWS_ENDPOINT_URL_SQS" => &self.queues,
                _ if value == self.services.endpoint(stack::Service::Sqs) => &self.others,
                _ => continue,
            };
            value.clone_from(&front.url);
        }
        // The functions read Amazon's roots for AWS and the system's for everybody else; a floor knows only these.
        let Authority { system, amazon, .. } = &self.authority;
        environment.insert("AWS_CA_BUNDLE".to_owned(), amazon.display().to_string());
        environment.insert("SSL_CERT_FILE".to_owned(), system.display().to_string());
        environment
    }
}
