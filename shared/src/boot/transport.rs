//! What calls to AWS go over: one HTTP client, and whom it trusts.
//!
//! AWS shows certificates that lead to the roots of Amazon Trust Services. Those five are compiled in, since reading all
//! 150 roots of the system is a fifth of what a function does before its first call. They are tried first and bind
//! nobody: where a certificate leads elsewhere (as in AWS's regions in China, or after Amazon has got itself new roots), the
//! roots of the system decide, from then on. ADR 0026 says more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::problem::causes;

/// The roots of Amazon Trust Services.
const AMAZON: &str = include_str!("transport/amazon-roots.pem");

/// The client for all clients of AWS. Where whoever runs the function has `chosen` the roots of the system, they alone
/// are trusted.
pub(super) fn http_client(chosen: bool) -> SharedHttpClient {
    let first = (!chosen).then(|| First::of(TrustStore::empty().with_pem_certificate(AMAZON)));
    SharedHttpClient::new(Transport { first, system: trusting(TrustStore::default()) })
}

fn trusting(roots: TrustStore) -> SharedHttpClient {
    let tls = TlsContext::builder().with_trust_store(roots).build();
    let tls = tls.expect("nothing but roots is set, and these are read later");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https()
}

/// Makes a connector when there is a call, and not before: the SDK's client makes one for each client of AWS that it
/// is put into, and drops it, so that roots are read early. Here the first call is made early.
#[derive(Debug)]
struct Transport {
    first: Option<First>,
    system: SharedHttpClient,
}

/// Who is asked first, until that was not enough.
#[derive(Debug)]
struct First {
    client: SharedHttpClient,
    insufficient: Arc<AtomicBool>,
}

impl First {
    fn of(roots: TrustStore) -> Self {
        Self { client: trusting(roots), insufficient: Arc::default() }
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        match &self.first {
            Some(First { client, insufficient }) if !insufficient.load(Ordering::Relaxed) => {
                let connector = client.http_connector(settings, components);
                SharedHttpConnector::new(Trying { connector, insufficient: Arc::clone(insufficient) })
            }
            _ => self.system.http_connector(settings, components),
        }
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.system.connector_metadata()
    }
}

/// Notes when a certificate is refused. The attempt has failed then, before anything was sent; the SDK makes the next
/// one, which gets a connector of the system's.
#[derive(Debug)]
struct Trying {
    connector: SharedHttpConnector,
    insufficient: Arc<AtomicBool>,
}

impl HttpConnector for Trying {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (call, insufficient) = (self.connector.call(request), Arc::clone(&self.insufficient));
        HttpConnectorFuture::new(async move {
            call.await.inspect_err(|error| {
                if is_refusal(error) && !insufficient.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "AWS shows a certificate that Amazon's roots do not vouch for");
                }
            })
        })
    }
}

fn is_refusal(error: &ConnectorError) -> bool {
    let mut causes = causes(error).filter_map(|cause| cause.downcast_ref());
    causes.any(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests;
