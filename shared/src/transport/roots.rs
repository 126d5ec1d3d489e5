//! Whom calls trust.
//!
//! AWS shows certificates that lead to the roots of Amazon Trust Services. Those five are compiled in, since reading all
//! 150 roots of the system is a fifth of what a function does before its first call. They are asked first and bind
//! nobody: where a certificate leads elsewhere (as in AWS's regions in China, or after Amazon has got itself new roots), the
//! roots of the system decide. ADR 0026 says more.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, WantsVerifier,
};
use rustls_native_certs::load_native_certs;

/// The roots of Amazon Trust Services.
pub(super) const AMAZON: &str = include_str!("amazon-roots.pem");

/// Which root certificates decide whom calls trust.
#[derive(Debug)]
pub enum Roots {
    /// Amazon's, and where they do not vouch, the system's.
    AmazonFirst,
    /// The system's alone.
    System,
    /// These alone.
    Of(RootCertStore),
}

/// Why a file of roots is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadRoots {
    /// It is not there, or not for us.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It holds none, or one that is broken.
    #[error("has to name a file of one whole certificate in PEM, or more")]
    Form,
}

impl Roots {
    /// The variable that names a file of roots, as it is called in the AWS SDKs and the AWS CLI.
    pub const BUNDLE: &str = "AWS_CA_BUNDLE";
    /// The ones that everything obeys which reads the roots of the system.
    const OF_THE_SYSTEM: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// Those that the environment asks for. A variable without a value is none.
    pub fn chosen(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, BadRoots> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        match variable(Self::BUNDLE) {
            Some(path) => Self::of_file(path.as_ref()),
            None if Self::OF_THE_SYSTEM.into_iter().any(|name| variable(name).is_some()) => Ok(Self::System),
            None => Ok(Self::AmazonFirst),
        }
    }

    /// Those that a file holds: one at least, and none that is broken.
    pub(super) fn of_file(path: &Path) -> Result<Self, BadRoots> {
        Self::of_pem(&std::fs::read(path)?).map(Self::Of)
    }

    fn of_pem(pem: &[u8]) -> Result<RootCertStore, BadRoots> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            root.ok().and_then(|root| store.add(root).ok()).ok_or(BadRoots::Form)?;
        }
        if store.is_empty() { Err(BadRoots::Form) } else { Ok(store) }
    }

    /// TLS with those whom they vouch for.
    pub(super) fn into_tls(self) -> ClientConfig {
        self.by(|| Self::of_pem(AMAZON.as_bytes()).expect("a test reads them"), of_the_system)
    }

    /// The same, where these are Amazon's roots and those of the system.
    pub(super) fn by(
        self,
        amazon: impl FnOnce() -> RootCertStore,
        system: impl Fn() -> Arc<RootCertStore> + Send + Sync + 'static,
    ) -> ClientConfig {
        let store = match self {
            Self::AmazonFirst => {
                let first = First::of(amazon(), system);
                return tls()
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(first))
                    .with_no_client_auth();
            }
            Self::System => system(),
            Self::Of(store) => Arc::new(store),
        };
        tls().with_root_certificates(store).with_no_client_auth()
    }
}

/// TLS 1.2 and 1.3, by the one cryptographic library that is linked.
fn tls() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has what both versions need")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Those of the system that can be read, once for all. Where there are none, nobody is trusted.
fn of_the_system() -> Arc<RootCertStore> {
    static READ: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let found = load_native_certs();
        let mut store = RootCertStore::empty();
        let (good, bad) = store.add_parsable_certificates(found.certs);
        if good == 0 {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            tracing::warn!(unusable = bad, errors = errors.join("; "), "the system has no root certificates");
        }
        Arc::new(store)
    });
    Arc::clone(&READ)
}

/// Asks some roots, and where these do not vouch for a certificate, others, which are read only then. Each of the two
/// is the whole check of rustls: of the path, the times and the name.
struct First {
    verifier: Arc<WebPkiServerVerifier>,
    others: Box<dyn Fn() -> Arc<RootCertStore> + Send + Sync>,
    /// None where there are no others.
    read: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl First {
    fn of(first: RootCertStore, others: impl Fn() -> Arc<RootCertStore> + Send + Sync + 'static) -> Self {
        let verifier = verifier(Arc::new(first)).expect("there is a first root");
        Self { verifier, others: Box::new(others), read: OnceLock::new() }
    }

    fn others(&self, refusal: &Error) -> Option<&WebPkiServerVerifier> {
        let read = self.read.get_or_init(|| {
            tracing::warn!(error = %refusal, "Amazon's roots do not vouch for a certificate: the system's are asked");
            verifier((self.others)())
        });
        read.as_deref()
    }
}

impl fmt::Debug for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("First")
            .field("verifier", &self.verifier)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

/// None of no roots.
fn verifier(roots: Arc<RootCertStore>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(roots, provider()).build().ok()
}

impl ServerCertVerifier for First {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ask = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        ask(&self.verifier).or_else(|refusal| self.others(&refusal).map_or(Err(refusal), ask))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
