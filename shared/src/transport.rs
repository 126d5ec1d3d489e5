//! What calls to AWS go over, and what is told of ourselves to others: an HTTP client, and whom it trusts.
//!
//! The SDK's own client is the same hyper and rustls, but brings HTTP/2, of no use to who makes a few calls at a time, and
//! lets nobody ask other roots before a call has failed. ADR 0027 says more.

mod roots;

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector as SdkConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use bytes::Bytes;
use http::{Request, Response, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connect, HttpConnector as TcpConnector, capture_connection,
};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt as _, service_fn};

use crate::problem::causes;

pub use self::roots::{BadRoots, Roots};

/// What an answer holds, as it comes.
pub type Body = SdkBody;

/// How long a connection to AWS may take to come about: the name, TCP and TLS.
const CONNECTING: Duration = Duration::from_millis(500);

/// The client for all clients of AWS. One keeps connections and reads roots for all of them.
pub fn http_client(roots: Roots) -> SharedHttpClient {
    SharedHttpClient::new(Transport { connector: over(roots.into_tls(), Some(CONNECTING)) })
}

/// For what is neither AWS nor a webhook's: whoever the operator has named, as the roots of the system know them. It sends
/// once, follows no redirect, and waits for as long as its caller does.
#[derive(Clone, Debug)]
pub struct Others {
    connector: SharedHttpConnector,
}

/// Why there is no answer: the last cause. It names no more of the URL than its host, and nothing of what was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

impl NoAnswer {
    fn of(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        Self(causes(&*error).last().map(ToString::to_string).unwrap_or_default())
    }
}

impl Default for Others {
    fn default() -> Self {
        Self { connector: over(Roots::System.into_tls(), None) }
    }
}

impl Others {
    /// The answer, of whatever status. What is wrong with the request itself, a header that is none, is no answer either.
    pub async fn send(&self, request: http::Result<Request<Bytes>>) -> Result<Response<Body>, NoAnswer> {
        let request = request.map_err(NoAnswer::of)?.map(SdkBody::from);
        let request = HttpRequest::try_from(request).map_err(NoAnswer::of)?;
        let answer = self.connector.call(request).await.map_err(NoAnswer::of)?;
        answer.try_into_http1x().map_err(NoAnswer::of)
    }
}

/// What sends one request at a time, over connections that are kept, and that come about within a time.
fn over(tls: ClientConfig, within: Option<Duration>) -> SharedHttpConnector {
    let mut tcp = TcpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    let connect = service_fn(move |uri: Uri| {
        let connecting = https.clone().oneshot(uri);
        Box::pin(async move {
            match within {
                Some(within) => timeout(within, connecting).await?,
                None => connecting.await,
            }
        })
    });
    // Without the timer, connections that nobody uses are kept for as long as the process lives.
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connect);
    SharedHttpConnector::new(Connector { client })
}

/// One connector for whoever asks. What a client of AWS would have it do differently is a time for connecting, which is
/// the same for all, and one for reading, which is that of an attempt.
#[derive(Debug)]
struct Transport {
    connector: SharedHttpConnector,
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector.clone()
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

#[derive(Debug)]
struct Connector<C> {
    client: Client<C, SdkBody>,
}

impl<C: Connect + Clone + Debug + Send + Sync + 'static> SdkConnector for Connector<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || taken(&connection));
        }
        let answer = self.client.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection that a request took, for the SDK to give up when what came over it looks as if it were at fault.
fn taken(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let give_up = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(give_up).build())
}

/// What a failure is to the SDK, which by it tries again or does not.
fn failure(error: ClientError) -> ConnectorError {
    let due_to = |kind: fn(&(dyn Error + 'static)) -> bool| causes(&error).any(kind);
    let is = |kind: fn(&hyper::Error) -> bool| causes(&error).filter_map(<dyn Error>::downcast_ref).any(kind);
    if due_to(<dyn Error>::is::<Elapsed>) || is(hyper::Error::is_timeout) {
        ConnectorError::timeout(error.into())
    } else if is(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else if error.is_connect()
        || due_to(<dyn Error>::is::<std::io::Error>)
        || is(|error| error.is_closed() || error.is_canceled())
    {
        ConnectorError::io(error.into())
    } else {
        // The connection may end between two requests, when the next is under way.
        let kind = is(hyper::Error::is_incomplete_message).then_some(ErrorKind::TransientError);
        ConnectorError::other(error.into(), kind)
    }
}

#[cfg(test)]
mod tests;
