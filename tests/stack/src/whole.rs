//! Everything together: services, functions, gateway, queue sources, schedules.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::binaries::{self, Binaries, BinariesError};
use crate::captured::{Captured, Prints};
use crate::gateway::{self, Gateway};
use crate::lambda::{Lambda, Launch};
use crate::mail::Mail;
use crate::rotation::{RotateError, Rotations};
use crate::services::{Ports, ServiceError, Services, Settings, State};
use crate::template::{Template, TemplateError};
use crate::{queue_source, schedule};

/// How often expired items are deleted from kept state.
const SWEEP_PERIOD: Duration = Duration::from_mins(1);

/// What to run, and how.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// The template. Its directory is the workspace that is built.
    pub template: PathBuf,
    /// Parameters that are given by hand.
    pub parameters: Vec<(String, String)>,
    /// The port of the gateway; 0 for any. With `services_only`, that of the gateway that
    /// somebody else runs: links in mails lead there.
    pub gateway_port: u16,
    /// The ports of the services.
    pub ports: Ports,
    /// Where tables, secrets and mails are kept.
    pub state: State,
    /// Whether somebody who registers has to follow a link in a mail first.
    pub verify_email: bool,
    /// Whether every service can have faults, `DynamoDB` too: its calls take a little longer then.
    pub faults: bool,
    /// Neither functions nor a gateway.
    pub services_only: bool,
    /// Functions print nothing, unless one does not start.
    pub quiet: bool,
    /// Variables that every function has, over those of the template.
    pub variables: Vec<(String, String)>,
    /// Keeps what functions print, and what queues hand them.
    pub captured: Option<Captured>,
    /// Where the functions come from.
    pub binaries: Binaries,
}

impl Options {
    /// In memory, on free ports, quiet: for tests.
    pub fn new(template: impl Into<PathBuf>) -> Options {
        Options {
            template: template.into(),
            parameters: Vec::new(),
            gateway_port: 0,
            ports: Ports::ANY,
            state: State::Memory,
            verify_email: false,
            faults: false,
            services_only: false,
            quiet: true,
            variables: Vec::new(),
            captured: None,
            binaries: Binaries::Build,
        }
    }
}

/// Why the stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The template cannot be run.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A service does not start.
    #[error(transparent)]
    Services(#[from] ServiceError),
    /// There is nothing to run.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// Something else listens on the gateway's port.
    #[error("cannot listen on port {port}: {source}; --port takes another one")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The running stack. Dropping it kills its processes; [`Stack::shutdown`] also waits
/// until they are gone.
#[derive(Debug)]
pub struct Stack {
    template: Template,
    url: String,
    lambdas: Vec<Lambda>,
    tasks: JoinSet<()>,
    gateway: Option<Gateway>,
    services: Arc<Services>,
    rotations: Rotations,
}

impl Stack {
    /// Builds what has to be built and starts everything.
    pub async fn start(options: Options) -> Result<Stack, StackError> {
        Stack::start_with(options, Vec::new()).await
    }

    /// Starts another template beside this one, as a deployer has a stack of their own beside the
    /// product: its authorizers may be functions of this one, named by their ARN.
    pub async fn start_beside(&self, options: Options) -> Result<Stack, StackError> {
        Stack::start_with(options, self.lambdas.clone()).await
    }

    async fn start_with(options: Options, beside: Vec<Lambda>) -> Result<Stack, StackError> {
        let parameters = options.parameters.iter();
        let parameters: Vec<_> = parameters.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let template = Template::load_with(&options.template, &parameters)?;
        let port = options.gateway_port;
        let mut settings =
            Settings { verify_email: options.verify_email, faults: options.faults, ..Settings::default() };
        if options.services_only {
            if port != 0 {
                settings.gateway_url = format!("http://127.0.0.1:{port}");
            }
            let services = Services::start_on(&template, options.state.clone(), options.ports, settings);
            let services = services.await?;
            return Ok(Stack::around(template, services, &options.state));
        }
        // A taken port is found before minutes of building.
        let taken = |source| StackError::Port { port, source };
        let listeners = gateway::listen(port).await.map_err(taken)?;
        settings.gateway_url = gateway::url(&listeners).map_err(taken)?;
        let url = settings.gateway_url.clone();
        let functions = template.functions().iter();
        let functions: Vec<_> =
            functions.map(|function| (function.id.as_str(), function.binary.as_str())).collect();
        let workspace = options.template.parent().filter(|path| *path != Path::new(""));
        let workspace = workspace.unwrap_or(Path::new("."));
        let found = binaries::find(&options.binaries, workspace, &functions, options.quiet);
        let found = found.await?;
        let services = Services::start_on(&template, options.state.clone(), options.ports, settings);
        let services = services.await?;
        let mut stack = Stack::around(template, services, &options.state);
        for function in stack.template.functions() {
            let launch = match found.get(&function.binary) {
                Some(path) => Launch::Process(path.clone()),
                None => Launch::Attached,
            };
            let mut environment = stack.services.environment(&function.id);
            environment.extend(options.variables.iter().cloned());
            let prints = Prints { quiet: options.quiet, captured: options.captured.clone() };
            let lambda = Lambda::new(function.clone(), environment, launch, prints);
            stack.lambdas.push(lambda);
        }
        let asked = stack.lambdas.iter().cloned().chain(beside).collect();
        let guards = (stack.template.authorizers(), asked);
        let cors = stack.template.cors();
        stack.rotations = Rotations::of(&stack.template, &stack.services, &stack.lambdas);
        let (mailbox, faults) = (stack.services.mailbox().clone(), stack.services.faults().clone());
        let own = (mailbox, faults, stack.rotations.clone());
        stack.gateway = Some(Gateway::start(listeners, &stack.lambdas, guards, cors, own));
        stack.url = url;
        stack.start_sources();
        Ok(stack)
    }

    fn around(template: Template, services: Services, state: &State) -> Stack {
        let services = Arc::new(services);
        let mut tasks = JoinSet::new();
        if *state != State::Memory {
            tasks.spawn(sweep_regularly(Arc::clone(&services)));
        }
        let (lambdas, rotations) = (Vec::new(), Rotations::default());
        Stack { template, url: String::new(), lambdas, tasks, gateway: None, services, rotations }
    }

    fn start_sources(&mut self) {
        for lambda in &self.lambdas {
            for source in &lambda.function().queues {
                let queues = self.services.queues().clone();
                let polling = queue_source::poll(source.clone(), queues, lambda.clone());
                self.tasks.spawn(polling);
            }
            for schedule in &lambda.function().schedules {
                let running = schedule::run(schedule.clone(), lambda.clone());
                self.tasks.spawn(running);
            }
        }
    }

    /// Where the gateway answers: `http://127.0.0.1:3000`. Empty with `services_only`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The services behind the functions.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// How many panics functions have printed.
    pub fn panics(&self) -> usize {
        self.lambdas.iter().map(Lambda::panics).sum()
    }

    /// The mails that were sent, the oldest first: [`Services::mails`].
    pub fn mails(&self) -> Vec<Mail> {
        self.services.mails()
    }

    /// The next mail that this has not handed out before: [`Services::next_mail`].
    ///
    /// # Panics
    ///
    /// If none comes within ten seconds.
    pub async fn next_mail(&self) -> Mail {
        self.services.next_mail().await
    }

    /// What is run.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Calls every function that has a schedule, once per schedule, and waits for them.
    pub async fn tick(&self) {
        for lambda in &self.lambdas {
            for schedule in &lambda.function().schedules {
                schedule::fire(schedule, lambda).await;
            }
        }
    }

    /// Rotates every secret that has a function for it, as Secrets Manager does: the identifiers
    /// of the versions that are current then.
    pub async fn rotate(&self) -> Result<Vec<String>, RotateError> {
        self.rotations.run().await
    }

    /// Calls a function (its logical id or binary) with an event, and gives its answer, or what it
    /// failed with.
    ///
    /// # Panics
    ///
    /// If the template has no such function.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, String> {
        let answer = self.lambda(function).invoke(event.to_string().into()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::from_slice(&answer).map_err(|error| error.to_string())
    }

    /// Kills the processes of a function (its logical id or binary) with SIGKILL and
    /// returns when they are gone. The next invocation starts a new one.
    ///
    /// # Panics
    ///
    /// If the template has no such function.
    pub async fn kill_instances(&self, function: &str) {
        self.lambda(function).kill_instances().await;
    }

    /// Starts processes of a function (its logical id or binary) until so many wait for an
    /// invocation, and returns then. Invocations take those that wait in turn, so what
    /// one process remembers can be told from what another does.
    ///
    /// # Panics
    ///
    /// If the template has no such function, or it does not start.
    pub async fn warm(&self, function: &str, instances: usize) {
        self.lambda(function).warm(instances).await;
    }

    /// The address of a Runtime API for a function that somebody else runs
    /// (`AWS_LAMBDA_RUNTIME_API`): with [`Binaries::Attached`].
    ///
    /// # Panics
    ///
    /// If the template has no such function.
    pub async fn attach(&self, function: &str) -> std::io::Result<SocketAddr> {
        self.lambda(function).attach().await
    }

    fn lambda(&self, name: &str) -> &Lambda {
        let is_named = |lambda: &&Lambda| {
            let function = lambda.function();
            function.id == name || function.binary == name
        };
        match self.lambdas.iter().find(is_named) {
            Some(lambda) => lambda,
            None => panic!("the template has no function `{name}`"),
        }
    }

    /// Ends everything and waits until every process is gone.
    pub async fn shutdown(mut self) {
        self.gateway = None;
        self.tasks.shutdown().await;
        for lambda in &self.lambdas {
            lambda.shutdown().await;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for lambda in &self.lambdas {
            lambda.stop();
        }
    }
}

async fn sweep_regularly(services: Arc<Services>) {
    let mut ticks = tokio::time::interval(SWEEP_PERIOD);
    loop {
        ticks.tick().await;
        let services = Arc::clone(&services);
        let swept = tokio::task::spawn_blocking(move || services.sweep_expired());
        if let Ok(Err(error)) = swept.await {
            eprintln!("[dynamodb] {error}");
        }
    }
}
