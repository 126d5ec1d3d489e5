//! How a function starts: logs, settings, clients, one call to each service so that the first
//! request finds everything warm, and then the runtime.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{
    Credentials, Region, SharedCredentialsProvider, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use axum::middleware::from_fn_with_state;
use lambda_http::Error;
use tower::util::MapRequestLayer;
use tower::{ServiceBuilder, ServiceExt as _};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::address::EgressPolicy;
use crate::clock::Clock;
use crate::config::{ConfigError, CoreConfig, Settings};
use crate::context::Core;
use crate::entropy::Entropy;
use crate::http::finish;
use crate::limit::Limiter;
use crate::mail::MailQueue;
use crate::observe::{Lines, Observer, Subject, Told, log_panics};
use crate::operational::Operational;
use crate::problem::Problem;
use crate::queue::{Queue, QueueError};
use crate::router::without_last_slash;
use crate::secret::{Keeper, SecretError};
use crate::standing::StandingCache;
use crate::table::Table;
use crate::transport::{Roots, http_client};

/// How long the start waits for what it only asks in order to be connected. In one region an answer takes some tens of
/// milliseconds, TLS included.
const CONNECTED_WITHIN: Duration = Duration::from_millis(300);

/// What a function is started with.
pub struct Boot {
    /// Its settings.
    pub settings: Settings,
    /// What every function holds.
    pub core: Core,
    aws: Aws,
}

/// How often a call is tried.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3)
}

/// Where AWS is, who calls it (the function's role, as Lambda puts it into the environment), and what the calls go over.
pub struct Aws {
    region: Region,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
}

impl Aws {
    /// Where.
    pub fn region(&self) -> Region {
        self.region.clone()
    }

    /// Who.
    pub fn credentials(&self) -> SharedCredentialsProvider {
        self.credentials.clone()
    }

    /// Over what. One for all clients, with one pool of connections.
    pub fn http(&self) -> SharedHttpClient {
        self.http.clone()
    }

    #[expect(clippy::disallowed_methods, reason = "Lambda's own variables, which are no settings of ours")]
    fn from_environment() -> Result<Self, ConfigError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let need =
            |name: &str| variable(name).ok_or_else(|| ConfigError::bad(name, "is missing; Lambda sets it"));
        let roots = Roots::chosen(|name| std::env::var_os(name))
            .map_err(|error| ConfigError::bad(Roots::BUNDLE, error))?;
        let credentials = Credentials::new(
            need("AWS_ACCESS_KEY_ID")?,
            need("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "lambda",
        );
        Ok(Self {
            region: Region::new(need("AWS_REGION").or_else(|_| need("AWS_DEFAULT_REGION"))?),
            credentials: SharedCredentialsProvider::new(credentials),
            http: http_client(roots),
        })
    }
}

/// The SDK sets no timeouts of its own. No request makes more than three calls one after the other
/// that matter, and the API functions end after ten seconds: a call that fails has to have failed by
/// then, so that the caller gets a 503 and not the gateway's silence.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(3))
        .build()
}

/// A client of one SDK, by the function's settings, with a [`crate::circuit::Circuit`] before the service: the
/// SDKs are alike but have types of their own. It is a macro so that only those who use an SDK link it.
#[macro_export]
macro_rules! client {
    ($sdk:ident, $service:literal, $aws:expr, $settings:expr, $endpoint:literal) => {{
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($aws.region())
            .credentials_provider($aws.credentials())
            .http_client($aws.http())
            .retry_config($crate::boot::retries())
            .timeout_config($crate::boot::timeouts())
            .interceptor($crate::circuit::Circuit::new($service, $crate::clock::Clock::system()));
        let config = match $settings.get($endpoint) {
            Some(url) => config.endpoint_url(url),
            None => config,
        };
        $sdk::Client::from_conf(config.build())
    }};
}

/// Starts the function named `function`: everything but its own state.
pub async fn boot(function: &'static str) -> Result<Boot, Error> {
    Start::of(function)?.boot(function).await
}

/// The same for a function that sends to the queue of deliveries all the time: it too is asked for something, at once
/// with the others.
pub async fn boot_with_queue(function: &'static str) -> Result<(Boot, Queue), Error> {
    let start = Start::of(function)?;
    let queue = queue(&start.aws, &start.settings)?;
    let (boot, ()) = tokio::join!(Box::pin(start.boot(function)), connect(queue.ping()));
    Ok((boot?, queue))
}

/// A connection that is there before it is needed is welcome and no more: most calls go without a queue, so that one that
/// does not answer is not waited for as a call would.
async fn connect(ping: impl Future<Output = Result<(), QueueError>>) {
    match tokio::time::timeout(CONNECTED_WITHIN, ping).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %error, "the queue did not answer at the start"),
        Err(_) => tracing::warn!("the queue did not answer in time at the start"),
    }
}

fn queue(aws: &Aws, settings: &Settings) -> Result<Queue, ConfigError> {
    let client = client!(aws_sdk_sqs, "SQS", aws, settings, "AWS_ENDPOINT_URL_SQS");
    Ok(Queue::new(client, settings.require("DELIVERIES_QUEUE_URL")?.to_owned()))
}

/// Before anybody was asked for anything.
struct Start {
    settings: Settings,
    aws: Aws,
}

impl Start {
    fn of(function: &'static str) -> Result<Self, Error> {
        Ok(Self { settings: Settings::from_environment(function)?, aws: Aws::from_environment()? })
    }

    async fn boot(self, function: &'static str) -> Result<Boot, Error> {
        let Self { settings, aws } = self;
        let CoreConfig { stage, table_name, limits_table_name, secret_key_arn, jwt_issuer } =
            settings.core()?;
        let (rates, front) = (settings.rate_limits()?, settings.origin_secrets()?);

        let clock = Clock::system();
        let secrets = client!(
            aws_sdk_secretsmanager,
            "Secrets Manager",
            aws,
            settings,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER"
        );
        let dynamodb = client!(aws_sdk_dynamodb, "DynamoDB", aws, settings, "AWS_ENDPOINT_URL_DYNAMODB");
        let limiter = Limiter::new(dynamodb.clone(), limits_table_name.unwrap_or_default());
        let table = Table::new(dynamodb, table_name, Entropy::system());
        // Init is not slowed down by a small memory size, requests are: connect now. A table that does
        // not answer yet is the first request's business, a missing secret is fatal.
        let (keys, ping) = tokio::join!(Keeper::open(secrets, secret_key_arn, clock.clone()), table.ping());
        let keys = keys?;
        if let Err(error) = ping {
            tracing::warn!(error = %error, "the table did not answer at the start");
        }
        tracing::info!(function, stage = stage.as_str(), "started");

        let core = Core {
            observer: observer(&settings, function, stage.as_str())?,
            clock,
            entropy: Entropy::system(),
            keys: Arc::new(keys),
            table,
            issuer: jwt_issuer.unwrap_or_default().into(),
            limiter,
            rates: Arc::new(rates),
            front,
            standings: Arc::new(StandingCache::default()),
        };
        Ok(Boot { settings, core, aws })
    }
}

impl Boot {
    /// For clients that only this function has; see [`crate::client`].
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The queue of deliveries.
    pub fn queue(&self) -> Result<Queue, ConfigError> {
        queue(&self.aws, &self.settings)
    }

    /// What publishes operational events.
    pub fn operational(&self) -> Result<Operational, ConfigError> {
        let Core { table, clock, entropy, .. } = self.core.clone();
        Ok(Operational::new(table, self.queue()?, (clock, entropy)))
    }

    /// The queue of mails.
    pub fn mail(&self) -> Result<MailQueue, ConfigError> {
        let client = client!(aws_sdk_sqs, "SQS", self.aws, self.settings, "AWS_ENDPOINT_URL_SQS");
        Ok(MailQueue::new(client, self.settings.require("MAIL_QUEUE_URL")?.to_owned()))
    }

    /// Where webhooks may point.
    pub fn egress(&self) -> Result<EgressPolicy, ConfigError> {
        let setting = |name| self.settings.get(name).unwrap_or_default();
        let (http, cidrs, ports) = ("EGRESS_ALLOW_HTTP", "EGRESS_ALLOWED_CIDRS", "EGRESS_ALLOWED_PORTS");
        EgressPolicy::parse(setting(http), setting(cidrs), setting(ports)).map_err(ConfigError::of)
    }
}

/// JSON lines at the level that Lambda's logging configuration asks for. Call it once, first.
///
/// None is finer than `info`: below that the runtime and the SDK write down whole events and answers, with what is
/// secret in them.
#[expect(clippy::disallowed_methods, reason = "Lambda's own variables, which are no settings of ours")]
pub fn logs() {
    let lines = tracing_subscriber::registry().with(filter(&log_level()));
    if std::env::var("AWS_LAMBDA_LOG_FORMAT").as_deref() == Ok("Text") {
        let text = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_timer(Time(Clock::system()))
            .with_ansi(false);
        lines.with(text.and_then(Lines::silent(Clock::system()))).init();
    } else {
        lines.with(Lines::json(Clock::system())).init();
    }
    log_panics();
}

/// How talkative the function is to be, in lower case.
#[expect(clippy::disallowed_methods, reason = "Lambda's own variables, which are no settings of ours")]
fn log_level() -> String {
    std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default().to_ascii_lowercase()
}

/// What the function tells of itself, and to whom.
fn observer(settings: &Settings, function: &'static str, stage: &str) -> Result<Observer, ConfigError> {
    let told = Told {
        subject: Subject { function, function_name: function_name(function), stage: stage.to_owned() },
        out: Box::new(std::io::stdout()),
        level: least(&log_level()),
        collector: settings.collector()?,
        sentry: settings.sentry()?,
    };
    Ok(Observer::new(told, (Clock::system(), Entropy::system())))
}

/// The name that AWS has for the function: metrics are told apart by it, as Lambda's own are.
#[expect(clippy::disallowed_methods, reason = "Lambda's own variables, which are no settings of ours")]
fn function_name(function: &str) -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| function.to_owned())
}

/// A level that no line of metrics is dropped at.
fn least(level: &str) -> &'static str {
    match level {
        "error" => "ERROR",
        "warn" => "WARN",
        _ => "INFO",
    }
}

fn filter(level: &str) -> LevelFilter {
    match level {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    }
}

/// Lambda takes a line's level for what it is only if the line says when it was written.
struct Time(Clock);

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

/// Serves a function's router to API Gateway, until Lambda ends the process.
pub async fn serve(router: Router) -> Result<(), Error> {
    let service = ServiceBuilder::new().layer(MapRequestLayer::new(without_last_slash)).service(router);
    lambda_http::run(service).await
}

/// Serves the router that `start` makes. While it cannot be made because Secrets Manager is in trouble, calls
/// are answered with 503, and each tries again: a process that ended instead would answer with the gateway's
/// bare 500, and be started again and again.
pub async fn serve_when_ready<Made>(function: &'static str, start: fn() -> Made) -> Result<(), Error>
where
    Made: Future<Output = Result<Router, Error>> + Send,
{
    match start().await {
        Ok(router) => serve(router).await,
        Err(error) if passes(&error) => {
            tracing::error!(error = %error, "the function is not ready");
            serve_late(function, start).await
        }
        Err(error) => Err(error),
    }
}

fn passes(error: &Error) -> bool {
    matches!(error.downcast_ref::<SecretError>(), Some(SecretError::Away(_)))
}

async fn serve_late<Made>(function: &'static str, start: fn() -> Made) -> Result<(), Error>
where
    Made: Future<Output = Result<Router, Error>> + Send,
{
    let settings = Settings::from_environment(function)?;
    let observer = observer(&settings, function, settings.core()?.stage.as_str())?;
    let made = &tokio::sync::Mutex::new(None::<Router>);
    let refusing = &Router::new()
        .fallback(async || Problem::unavailable(&NotReady))
        .layer(from_fn_with_state((Clock::system(), Entropy::system(), observer), finish));
    let service = tower::service_fn(move |request: lambda_http::Request| async move {
        let mut made = made.lock().await;
        if made.is_none() {
            *made = start()
                .await
                .inspect_err(|error| tracing::error!(error = %error, "the function is not ready"))
                .ok();
        }
        let router = made.as_ref().unwrap_or(refusing).clone();
        drop(made);
        router.oneshot(without_last_slash(request)).await
    });
    lambda_http::run(service).await
}

/// Why calls are refused before a function is ready.
#[derive(Debug, thiserror::Error)]
#[error("the function has no SECRET_KEY yet")]
struct NotReady;

/// Tells why a function does not start, in its log and to Lambda, and ends the process.
pub fn explain(result: Result<(), Error>) -> Result<(), Error> {
    if let Err(error) = &result {
        tracing::error!(error = %error, "the function does not start");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_that_never_answers_does_not_hold_up_the_start() {
        connect(std::future::pending()).await;
    }

    #[test]
    fn lines_of_metrics_are_never_finer_than_what_is_kept() {
        assert_eq!(
            ["error", "warn", "info", "debug", ""].map(least),
            ["ERROR", "WARN", "INFO", "INFO", "INFO"]
        );
    }

    #[test]
    fn no_line_is_finer_than_info() {
        let all = ["trace", "debug", "info", "warn", "error", "", "x=y"].map(filter);
        let info = LevelFilter::INFO;
        assert_eq!(all, [info, info, info, LevelFilter::WARN, LevelFilter::ERROR, info, info]);
    }
}
