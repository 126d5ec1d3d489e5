//! `DynamoDB`, SQS, Secrets Manager and SES inside this process, filled from a template.
//!
//! Tables persist in `dynamodb.sqlite`, secrets in `secrets.json` and mails in
//! `mails.json` of a state directory; queue messages are in memory only and are gone
//! after a restart. Mails are kept to be read and go nowhere. No
//! IAM, no throttling but as a fault, no transaction conflicts; `MessageGroupId` is taken off
//! messages, because the SQS inside refuses it on standard queues.

mod cut;
mod dynamodb;
mod emails;
pub mod faults;
mod forward;
mod queues;
mod route;
mod secrets;
mod server;
mod settings;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::{self, Mail, Mailbox};
use crate::template::{REGION, Template, TemplateError};

use dynamodb::DynamoDb;
pub use faults::{Fault, FaultKind, Faults};
pub(crate) use queues::Queues;
use secrets::Secrets;
use server::{App, Server};
pub use settings::Settings;

/// For how long [`Services::next_mail`] waits.
const MAIL_TIMEOUT: Duration = Duration::from_secs(10);

/// Where tables, secrets and mails are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// Nowhere: gone with the [`Services`].
    #[default]
    Memory,
    /// In files of this directory, which is made if need be.
    Directory(PathBuf),
}

/// Where the services listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// The port of `DynamoDB`; 0 for any.
    pub dynamodb: u16,
    /// The port of SQS, Secrets Manager and SES; 0 for any.
    pub others: u16,
    /// By which name containers and other machines reach this one. With it, the
    /// services listen on every interface; without it, on 127.0.0.1 only.
    pub host: Option<String>,
}

impl Ports {
    /// Free ports of 127.0.0.1.
    pub const ANY: Ports = Ports { dynamodb: 0, others: 0, host: None };
    /// The ports that `--services-only` uses.
    pub const FIXED: Ports = Ports { dynamodb: 8000, others: 9324, host: None };

    fn listen(&self, port: u16) -> Result<TcpListener, ServiceError> {
        let address = match self.host {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        TcpListener::bind(SocketAddr::new(address, port))
            .map_err(|source| ServiceError::Listen { port, source })
    }

    fn url(&self, address: SocketAddr) -> String {
        let host = self.host.as_deref().unwrap_or("127.0.0.1");
        format!("http://{host}:{}", address.port())
    }
}

/// What can be asked for its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The tables.
    DynamoDb,
    /// The queues.
    Sqs,
    /// The secrets.
    SecretsManager,
    /// The mails: SES version 2.
    Ses,
}

/// Why the services do not start, or a call to one failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Something else listens there.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state directory cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    State {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The table exists with another shape.
    #[error(
        "table `{0}` was made with another key or other indexes than the template has now: \
         start over with --fresh"
    )]
    TableChanged(String),
    /// A resource of the template is refused.
    #[error("{operation} for `{resource}`: {reason}")]
    Refused {
        /// What was tried.
        operation: String,
        /// The resource.
        resource: String,
        /// What the service said.
        reason: String,
    },
    /// A server ended before it was ready.
    #[error("the local {0} ended before it was ready")]
    Stopped(String),
    /// A variable of a function cannot be resolved.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Anything of the system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The running services. Dropping them ends their threads and frees their ports.
#[derive(Debug)]
pub struct Services {
    dynamodb_url: String,
    others_url: String,
    table_names: BTreeMap<String, String>,
    queue_urls: BTreeMap<String, String>,
    /// Logical id → environment, and the binary's name → logical id.
    environments: BTreeMap<String, BTreeMap<String, String>>,
    binaries: BTreeMap<String, String>,
    dynamodb: Arc<DynamoDb>,
    queues: Queues,
    mailbox: Mailbox,
    faults: Faults,
    _servers: [Server; 2],
}

impl Services {
    /// Starts the services on free ports and makes what the template names.
    pub async fn start(template: &Template, state: State) -> Result<Services, ServiceError> {
        Services::start_on(template, state, Ports::ANY, Settings::default()).await
    }

    /// The same, on given ports and with given settings.
    pub async fn start_on(
        template: &Template,
        state: State,
        ports: Ports,
        settings: Settings,
    ) -> Result<Services, ServiceError> {
        if let State::Directory(path) = &state {
            std::fs::create_dir_all(path)
                .map_err(|source| ServiceError::State { path: path.clone(), source })?;
        }
        let mailbox = open_mailbox(&state)?;
        let dynamodb_listener = ports.listen(ports.dynamodb)?;
        let others_listener = ports.listen(ports.others)?;
        let dynamodb_url = ports.url(dynamodb_listener.local_addr()?);
        let others_url = ports.url(others_listener.local_addr()?);

        let dynamodb = Arc::new(DynamoDb::open(&state)?);
        let tables = template.tables().to_vec();
        let database = Arc::clone(&dynamodb);
        let (faults, faulty) = (Faults::default(), settings.faults);
        let make = async move || {
            tables.iter().try_for_each(|table| database.make(table))?;
            let database = database.handle();
            Ok(if faulty { App::FaultyTables(database) } else { App::Tables(database) })
        };
        let dynamodb_server = Server::start("dynamodb", dynamodb_listener, faults.clone(), make).await?;

        let queues = Queues::at(&others_url, faults.clone());
        let secrets = Secrets::kept_in(&state);
        let (declared, declared_secrets) = (template.queues().to_vec(), template.secrets().to_vec());
        let (inside, mails) = (queues.clone(), mailbox.clone());
        let switches = faults::router(faults.clone());
        let others_server = Server::start("sqs", others_listener, faults.clone(), async move || {
            inside.make(&declared).await?;
            secrets.make(&declared_secrets).await?;
            let routes = route::router(inside, secrets);
            let mails = emails::router(mails.clone()).merge(mail::page::router(mails));
            Ok(App::Routes(routes.merge(mails).merge(switches)))
        })
        .await?;

        let mut services = Services {
            table_names: (template.tables().iter()).map(|table| (table.id.clone(), table.name())).collect(),
            queue_urls: (template.queues().iter())
                .map(|queue| (queue.id.clone(), queues.url(&queue.name())))
                .collect(),
            dynamodb_url,
            others_url,
            environments: BTreeMap::new(),
            binaries: BTreeMap::new(),
            dynamodb,
            queues,
            mailbox,
            faults,
            _servers: [dynamodb_server, others_server],
        };
        services.resolve_environments(template, &settings)?;
        Ok(services)
    }

    fn resolve_environments(&mut self, template: &Template, settings: &Settings) -> Result<(), ServiceError> {
        for function in template.functions() {
            let mut environment = template.environment(function, &self.others_url, settings)?;
            environment.extend(self.client_environment());
            self.environments.insert(function.id.clone(), environment);
            self.binaries.entry(function.binary.clone()).or_insert_with(|| function.id.clone());
        }
        Ok(())
    }

    /// What makes an AWS SDK talk to these services: endpoints, region, credentials.
    pub fn client_environment(&self) -> BTreeMap<String, String> {
        let values = [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url.as_str()),
            ("AWS_ENDPOINT_URL_SQS", self.others_url.as_str()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.others_url.as_str()),
            ("AWS_ENDPOINT_URL_SESV2", self.others_url.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ];
        let values = values.into_iter();
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Where a service answers.
    pub fn endpoint(&self, service: Service) -> &str {
        match service {
            Service::DynamoDb => &self.dynamodb_url,
            Service::Sqs | Service::SecretsManager | Service::Ses => &self.others_url,
        }
    }

    /// The environment of a function, by its logical id or its binary: the template's
    /// variables, resolved, and [`Services::client_environment`]. Of those that a function
    /// declares, `EGRESS_ALLOW_HTTP` and `EGRESS_ALLOWED_CIDRS` allow this machine, and
    /// `EMAIL_VERIFICATION` and `LINK_URL` are as [`Settings`] say, unless the parameter
    /// behind it was given by hand. An empty `MAIL_FROM` becomes a made-up sender.
    ///
    /// # Panics
    ///
    /// If the template has no such function.
    pub fn environment(&self, function: &str) -> BTreeMap<String, String> {
        let id = self.binaries.get(function).map_or(function, String::as_str);
        match self.environments.get(function).or(self.environments.get(id)) {
            Some(environment) => environment.clone(),
            None => panic!("the template has no function `{function}`"),
        }
    }

    /// The name of a table, by its logical id.
    ///
    /// # Panics
    ///
    /// If the template has no such table.
    pub fn table_name(&self, id: &str) -> &str {
        match self.table_names.get(id) {
            Some(name) => name,
            None => panic!("the template has no table `{id}`"),
        }
    }

    /// The URL of a queue, by its logical id.
    ///
    /// # Panics
    ///
    /// If the template has no such queue.
    pub fn queue_url(&self, id: &str) -> &str {
        match self.queue_urls.get(id) {
            Some(url) => url,
            None => panic!("the template has no queue `{id}`"),
        }
    }

    /// Deletes what expired before `now_unix_seconds` and says how many items that were.
    /// AWS does it within days. State in a directory is swept by the wall clock
    /// instead: its database reads no other.
    pub fn sweep_ttl(&self, now_unix_seconds: u64) -> Result<usize, ServiceError> {
        self.dynamodb.sweep(Some(now_unix_seconds))
    }

    /// The same by the wall clock.
    pub(crate) fn sweep_expired(&self) -> Result<usize, ServiceError> {
        self.dynamodb.sweep(None)
    }

    /// The mails that were sent, the oldest first; of many, the last 500.
    pub fn mails(&self) -> Vec<Mail> {
        self.mailbox.all()
    }

    /// The next mail that this has not handed out before, once it is there. Mails of an
    /// earlier run are not waited for.
    ///
    /// # Panics
    ///
    /// If none comes within ten seconds.
    pub async fn next_mail(&self) -> Mail {
        match self.mail_within(MAIL_TIMEOUT).await {
            Some(mail) => mail,
            None => panic!("no mail was sent within {MAIL_TIMEOUT:?}"),
        }
    }

    /// The same with a bound of its own, and nothing instead of a panic.
    pub async fn mail_within(&self, bound: Duration) -> Option<Mail> {
        self.mailbox.within(bound).await
    }

    /// What is wrong with the services. `DynamoDB` has faults only where [`Settings::faults`] is set.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

fn open_mailbox(state: &State) -> Result<Mailbox, ServiceError> {
    let file = match state {
        State::Memory => None,
        State::Directory(path) => Some(path.join("mails.json")),
    };
    Mailbox::open(file.clone())
        .map_err(|source| ServiceError::State { path: file.unwrap_or_default(), source })
}
