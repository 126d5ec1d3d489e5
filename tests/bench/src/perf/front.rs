//! TLS before a local service: what goes over it is taken off and passed on.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The roots that functions trust in AWS: as many as they have to read there.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Who signs the certificates of a run.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    trusted: PathBuf,
}

impl Authority {
    /// A new one, written down beside the system's own roots.
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let trusted = std::env::temp_dir().join(format!("bench-roots-{}.pem", std::process::id()));
        let roots = std::fs::read_to_string(SYSTEM_ROOTS).unwrap_or_default();
        std::fs::write(&trusted, roots + &pem).unwrap();
        Self { issuer: Issuer::new(params, key), trusted }
    }
}

/// A port that speaks TLS; it ends when it is dropped.
pub(super) struct Front {
    pub(super) url: String,
    /// The roots that a client has to trust.
    pub(super) trusted: PathBuf,
    serving: JoinHandle<()>,
    /// Bytes that came from behind.
    answered: Arc<AtomicU64>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Front {
    /// Before what answers at `http://HOST:PORT`.
    pub(super) async fn start(behind: &str, authority: &Authority) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let behind = behind.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let answered = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&answered);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind, counted) = (acceptor.clone(), behind.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    drop(stream.set_nodelay(true));
                    let mut encrypted = acceptor.accept(stream).await?;
                    let plain = TcpStream::connect(behind).await?;
                    plain.set_nodelay(true)?;
                    let mut plain = Counted { plain, counted };
                    copy_bidirectional(&mut encrypted, &mut plain).await
                });
            }
        });
        Self { url, trusted: authority.trusted.clone(), serving, answered }
    }

    /// How many bytes have come from behind so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

/// A connection whose bytes are counted as they are read.
struct Counted {
    plain: TcpStream,
    counted: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.plain).poll_read(context, buffer);
        let read = u64::try_from(buffer.filled().len() - before).unwrap_or_default();
        self.counted.fetch_add(read, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.plain).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_shutdown(context)
    }
}
