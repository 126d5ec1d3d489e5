//! TLS before a local service: what goes over it is taken off and passed on.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The roots that a system trusts: as many as there are in Lambda's image.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The roots that functions try first in AWS.
const AMAZON_ROOTS: &str = include_str!("../../../../shared/src/transport/amazon-roots.pem");

/// Who signs the certificates of a run. As those of AWS's services are: RSA with 2048 bits, by an authority in between that
/// a root has signed. What it takes to check them is a good part of what a process does at its start.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    between: CertificateDer<'static>,
    /// Its root among those of the system.
    pub(super) system: PathBuf,
    /// Its root beside those of Amazon.
    pub(super) amazon: PathBuf,
}

impl Authority {
    /// A new one, whose root is written down for those who are to trust it.
    pub(super) fn new() -> Self {
        let (root, root_key) = (authority("Root"), key());
        let pem = root.self_signed(&root_key).unwrap().pem();
        let (params, own_key) = (authority("Between"), key());
        let between = params.signed_by(&own_key, &Issuer::new(root, root_key)).unwrap().der().clone();
        let file = |name| std::env::temp_dir().join(format!("bench-{name}-{}.pem", std::process::id()));
        let (system, amazon) = (file("system"), file("amazon"));
        std::fs::write(&system, std::fs::read_to_string(SYSTEM_ROOTS).unwrap() + &pem).unwrap();
        std::fs::write(&amazon, AMAZON_ROOTS.to_owned() + &pem).unwrap();
        Self { issuer: Issuer::new(params, own_key), between, system, amazon }
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A port that speaks TLS; it ends when it is dropped.
pub(super) struct Front {
    pub(super) url: String,
    serving: JoinHandle<()>,
    passed: Arc<Passed>,
}

/// What has gone through.
#[derive(Default)]
struct Passed {
    /// Calls of an SDK, by a header that each has once.
    calls: AtomicU64,
    /// Bytes that came from behind.
    answered: AtomicU64,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Front {
    /// Before what answers at `http://HOST:PORT`.
    pub(super) async fn start(behind: &str, authority: &Authority) -> Self {
        let key = key();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate, authority.between.clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let behind = behind.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let passed = Arc::<Passed>::default();
        let counted = Arc::clone(&passed);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind, passed) = (acceptor.clone(), behind.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    drop(stream.set_nodelay(true));
                    let mut encrypted = acceptor.accept(stream).await?;
                    let plain = TcpStream::connect(behind).await?;
                    plain.set_nodelay(true)?;
                    let mut plain = Counted { plain, passed };
                    copy_bidirectional(&mut encrypted, &mut plain).await
                });
            }
        });
        Self { url, serving, passed }
    }

    /// How many bytes have come from behind so far.
    pub(super) fn answered(&self) -> u64 {
        self.passed.answered.load(Ordering::Relaxed)
    }

    /// How many calls have been made so far.
    pub(super) fn calls(&self) -> u64 {
        self.passed.calls.load(Ordering::Relaxed)
    }
}

/// A connection on which calls are counted as they are written, and bytes as they are read.
struct Counted {
    plain: TcpStream,
    passed: Arc<Passed>,
}

/// Of each call that an SDK signs; a request's head is written at once.
const IN_EACH_CALL: &[u8] = b"\r\nx-amz-date:";

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.plain).poll_read(context, buffer);
        let read = u64::try_from(buffer.filled().len() - before).unwrap_or_default();
        self.passed.answered.fetch_add(read, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.plain).poll_write(context, bytes))?;
        let calls = bytes[..written].windows(IN_EACH_CALL.len()).filter(|window| *window == IN_EACH_CALL);
        self.passed.calls.fetch_add(u64::try_from(calls.count()).unwrap_or_default(), Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_shutdown(context)
    }
}
