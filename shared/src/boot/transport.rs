//! What calls to AWS go over: one HTTP client, and whom it trusts.
//!
//! AWS shows certificates that lead to the roots of Amazon Trust Services. Those five are compiled in, since reading all
//! 150 roots of the system is a fifth of what a function does before its first call. They are tried first and bind
//! nobody: where a certificate leads elsewhere (as in AWS's regions in China, or after Amazon has got itself new roots), the
//! roots of the system decide, from then on. ADR 0026 says more.

use std::ffi::OsString;
use std::path::Path;
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
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::problem::causes;

/// The roots of Amazon Trust Services.
const AMAZON: &str = include_str!("transport/amazon-roots.pem");

/// Which root certificates decide whom calls to AWS trust.
pub(super) enum Roots {
    /// Amazon's, and where they do not vouch, the system's beside them.
    AmazonFirst,
    /// The system's alone.
    System,
    /// These alone, in PEM.
    Of(Vec<u8>),
}

/// Why a file of roots is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRoots {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("has to name a file of one whole certificate in PEM, or more")]
    Form,
}

impl Roots {
    /// The variable that names a file of roots, as it is called in the AWS SDKs and the AWS CLI.
    pub(super) const BUNDLE: &str = "AWS_CA_BUNDLE";
    /// The ones that everything obeys which reads the roots of the system.
    const OF_THE_SYSTEM: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// Those that the environment asks for. A variable without a value is none.
    pub(super) fn chosen(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, BadRoots> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        match variable(Self::BUNDLE) {
            Some(path) => Self::of_file(path.as_ref()),
            None if Self::OF_THE_SYSTEM.into_iter().any(|name| variable(name).is_some()) => Ok(Self::System),
            None => Ok(Self::AmazonFirst),
        }
    }

    /// Those that a file holds: one at least, and none that is broken.
    fn of_file(path: &Path) -> Result<Self, BadRoots> {
        let pem = std::fs::read(path)?;
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&pem) {
            root.ok().and_then(|root| store.add(root).ok()).ok_or(BadRoots::Form)?;
        }
        if store.is_empty() { Err(BadRoots::Form) } else { Ok(Self::Of(pem)) }
    }
}

/// The client for all clients of AWS.
pub(super) fn http_client(roots: Roots) -> SharedHttpClient {
    SharedHttpClient::new(Transport::by(roots))
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
    /// Who decides in the end.
    last: SharedHttpClient,
}

impl Transport {
    fn by(roots: Roots) -> Self {
        let (first, last) = match roots {
            Roots::AmazonFirst => {
                let amazon = |store: TrustStore| store.with_pem_certificate(AMAZON);
                // Amazon's stay: one refusal must not lose a system that does not hold them the rest of AWS.
                (Some(First::of(amazon(TrustStore::empty()))), amazon(TrustStore::default()))
            }
            Roots::System => (None, TrustStore::default()),
            Roots::Of(pem) => (None, TrustStore::empty().with_pem_certificate(pem)),
        };
        Self { first, last: trusting(last) }
    }
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
            _ => self.last.http_connector(settings, components),
        }
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.last.connector_metadata()
    }
}

/// Notes when a certificate is refused. The attempt has failed then, before anything was sent; the SDK, where it
/// tries again, gets a connector of the last for it.
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
                    let why = causes(error).last().map(ToString::to_string);
                    tracing::warn!(
                        error = why,
                        "a certificate was refused: the system's roots decide from now on"
                    );
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
