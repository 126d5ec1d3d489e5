//! Certificates are made when they are needed, and shown by a server that answers every call with nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

use super::roots::AMAZON;
use super::*;

/// Somebody who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// A file that is gone when it is dropped.
struct File(String);

impl File {
    fn with(text: String) -> Self {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("roots-{}-{number}.pem", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path.to_str().unwrap().to_owned())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// What has come to a server.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// A DynamoDB over TLS, at `localhost`.
struct Service {
    url: String,
    seen: Arc<Seen>,
}

const FOUND: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}";
/// It ends in the middle of its head.
const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-le";
/// It ends before all of its body is there.
const HALF_A_BODY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"Item\": ";

/// Shows a certificate whoever asks.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A certificate for `localhost` that an authority has signed, and the key of it, or another.
fn certified(authority: &Authority, with_its_key: bool) -> Arc<CertifiedKey> {
    let [key, other] = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap().der().clone();
    let key = if with_its_key { key } else { other };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    Arc::new(CertifiedKey::new(vec![certificate], key))
}

impl Service {
    async fn start(authority: &Authority) -> Self {
        Self::that_answers(authority, &[]).await
    }

    /// It answers its first calls as it is told, the others well. After half an answer it ends the connection.
    async fn that_answers(authority: &Authority, first: &'static [&'static str]) -> Self {
        Self::that_shows(certified(authority, true), rustls::DEFAULT_VERSIONS, first).await
    }

    async fn that_shows(
        certified: Arc<CertifiedKey>,
        versions: &[&'static SupportedProtocolVersion],
        first: &'static [&'static str],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(certified)));
        let (listener, url) = listener().await;
        let (acceptor, seen) = (TlsAcceptor::from(Arc::new(config)), Arc::<Seen>::default());
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, Arc::clone(&counted), first));
            }
        });
        Self { url, seen }
    }

    /// What a call comes to that is tried twice, and how many connections and calls have come by then.
    async fn asked_over(&self, transport: &SharedHttpClient) -> (bool, [usize; 2]) {
        let answer = get(&self.url, transport).await;
        let Seen { connections, calls } = &*self.seen;
        (answer.is_ok(), [connections, calls].map(|number| number.load(Ordering::SeqCst)))
    }
}

async fn get(url: &str, transport: &SharedHttpClient) -> Result<GetItemOutput, SdkError<GetItemError>> {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::ZERO))
        .endpoint_url(url)
        .http_client(transport.clone());
    let get = Client::from_conf(config.build()).get_item().table_name("t");
    get.key("pk", AttributeValue::S("k".to_owned())).send().await
}

async fn answer(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    seen: Arc<Seen>,
    first: &[&'static str],
) -> io::Result<()> {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let mut stream = acceptor.accept(stream).await?;
    while stream.read(&mut [0; 16 * 1024]).await? > 0 {
        let answer = first.get(seen.calls.fetch_add(1, Ordering::SeqCst)).unwrap_or(&FOUND);
        stream.write_all(answer.as_bytes()).await?;
        if [HALF_A_HEAD, HALF_A_BODY].contains(answer) {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    (listener, url)
}

/// What was chosen, where `amazon` has signed Amazon's roots and the others are the system's; and how often the latter were read.
fn by(roots: Roots, amazon: &Authority, system: RootCertStore) -> (SharedHttpClient, Arc<AtomicUsize>) {
    let read = Arc::<AtomicUsize>::default();
    let (counted, system) = (Arc::clone(&read), Arc::new(system));
    let tls = roots.by(
        || amazon.roots(),
        move || {
            counted.fetch_add(1, Ordering::SeqCst);
            Arc::clone(&system)
        },
    );
    (SharedHttpClient::new(Transport { connector: over(tls, Some(CONNECTING)) }), read)
}

fn trusting(authority: &Authority) -> SharedHttpClient {
    http_client(Roots::Of(authority.roots()))
}

#[tokio::test]
async fn where_the_first_roots_vouch_the_system_s_are_not_read() {
    let [amazon, system] = [Authority::new(), Authority::new()];
    let ((transport, read), service) =
        (by(Roots::AmazonFirst, &amazon, system.roots()), Service::start(&amazon).await);
    assert_eq!(service.asked_over(&transport).await, (true, [1, 1]));
    assert_eq!(service.asked_over(&transport).await, (true, [1, 2]));
    assert_eq!(read.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn where_the_first_roots_do_not_vouch_the_system_s_do_and_no_call_is_lost() {
    let [amazon, system] = [Authority::new(), Authority::new()];
    let (transport, read) = by(Roots::AmazonFirst, &amazon, system.roots());
    let [one, other] = [Service::start(&system).await, Service::start(&system).await];
    assert_eq!(one.asked_over(&transport).await, (true, [1, 1]));
    assert_eq!(one.asked_over(&transport).await, (true, [1, 2]));
    assert_eq!(other.asked_over(&transport).await, (true, [1, 1]));
    assert_eq!(read.load(Ordering::SeqCst), 1);
    assert_eq!(Service::start(&amazon).await.asked_over(&transport).await, (true, [1, 1]));
}

#[tokio::test]
async fn whom_neither_vouches_for_gets_no_call() {
    let [amazon, system, stranger] = [Authority::new(), Authority::new(), Authority::new()];
    for system in [system.roots(), RootCertStore::empty()] {
        let ((transport, read), service) =
            (by(Roots::AmazonFirst, &amazon, system), Service::start(&stranger).await);
        assert_eq!(service.asked_over(&transport).await, (false, [2, 0]));
        assert_eq!(read.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_whoever_signed_it() {
    let [amazon, system] = [Authority::new(), Authority::new()];
    let (transport, _) = by(Roots::AmazonFirst, &amazon, system.roots());
    for authority in [&amazon, &system] {
        let mut service = Service::start(authority).await;
        service.url = service.url.replace("localhost", "127.0.0.1");
        assert_eq!(service.asked_over(&transport).await, (false, [2, 0]));
    }
}

#[tokio::test]
async fn a_file_of_roots_is_all_that_counts() {
    let [ours, stranger] = [Authority::new(), Authority::new()];
    let file = File::with(format!("Ours, and Amazon's.\n{}{AMAZON}", ours.pem));
    let transport = http_client(Roots::of_file(file.0.as_ref()).unwrap());
    let [known, unknown] = [Service::start(&ours).await, Service::start(&stranger).await];
    assert_eq!(known.asked_over(&transport).await, (true, [1, 1]));
    assert_eq!(unknown.asked_over(&transport).await, (false, [2, 0]));
}

#[tokio::test]
async fn where_the_system_s_roots_were_chosen_no_others_count() {
    let [amazon, system] = [Authority::new(), Authority::new()];
    let (transport, _) = by(Roots::System, &amazon, system.roots());
    assert_eq!(Service::start(&amazon).await.asked_over(&transport).await, (false, [2, 0]));
    assert_eq!(Service::start(&system).await.asked_over(&transport).await, (true, [1, 1]));
}

#[tokio::test]
async fn who_shows_a_certificate_has_to_have_its_key_in_both_versions_of_tls() {
    let [amazon, system] = [Authority::new(), Authority::new()];
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for authority in [&amazon, &system] {
            let (transport, _) = by(Roots::AmazonFirst, &amazon, system.roots());
            for (with_its_key, expected) in [(true, (true, [1, 1])), (false, (false, [2, 0]))] {
                let shown = certified(authority, with_its_key);
                let service = Service::that_shows(shown, &[version], &[]).await;
                assert_eq!(service.asked_over(&transport).await, expected, "{version:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_over_which_the_service_failed_is_given_up() {
    let ours = Authority::new();
    let transport = trusting(&ours);
    let service = Service::that_answers(&ours, &[FOUND, BROKEN]).await;
    assert_eq!(service.asked_over(&transport).await, (true, [1, 1]));
    assert_eq!(service.asked_over(&transport).await, (true, [2, 3]));
    assert_eq!(service.asked_over(&transport).await, (true, [2, 4]));
}

#[tokio::test]
async fn a_call_whose_answer_ends_half_way_is_made_again() {
    let ours = Authority::new();
    for half in [&[HALF_A_HEAD], &[HALF_A_BODY]] {
        let (transport, service) = (trusting(&ours), Service::that_answers(&ours, half).await);
        assert_eq!(service.asked_over(&transport).await, (true, [2, 2]), "{half:?}");
    }
}

#[tokio::test]
async fn calls_that_are_made_at_once_do_not_wait_for_each_other() {
    const CALLS: usize = 8;
    let (listener, url) = listener().await;
    tokio::spawn(async move {
        let all_are_here = Arc::new(Barrier::new(CALLS));
        while let Ok((mut stream, _)) = listener.accept().await {
            let all_are_here = Arc::clone(&all_are_here);
            tokio::spawn(async move {
                let _asked = stream.read(&mut [0; 16 * 1024]).await?;
                all_are_here.wait().await;
                stream.write_all(FOUND.as_bytes()).await
            });
        }
    });
    let (url, transport) = (url.replace("https", "http"), trusting(&Authority::new()));
    let calls = join_all((0..CALLS).map(|_| get(&url, &transport)));
    let answers = timeout(Duration::from_secs(30), calls).await.expect("nobody waits for another");
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// What the SDK is told of a failure: whether it was a matter of time, or of the way.
async fn failure_of(url: &str) -> [bool; 2] {
    let transport = trusting(&Authority::new());
    let failure = get(url, &transport).await.expect_err("nobody answers");
    let SdkError::DispatchFailure(failure) = failure else { panic!("{failure:?}") };
    [failure.is_timeout(), failure.is_io()]
}

#[tokio::test]
async fn nobody_there_is_a_failure_of_the_way() {
    let (listener, url) = listener().await;
    drop(listener);
    assert_eq!(failure_of(&url).await, [false, true]);
}

#[tokio::test]
async fn somebody_who_never_speaks_is_a_failure_of_time() {
    let (_listener, url) = listener().await;
    assert_eq!(failure_of(&url).await, [true, false]);
}

#[test]
fn a_file_that_holds_no_root_or_a_broken_one_is_refused() {
    let refused = |text: String| match Roots::of_file(File::with(text).0.as_ref()) {
        Ok(_) => panic!("it is taken"),
        Err(error) => error.to_string(),
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in [String::new(), "roots".to_owned(), broken.to_owned(), AMAZON.to_owned() + broken] {
        assert_eq!(refused(text), "has to name a file of one whole certificate in PEM, or more");
    }
    assert!(matches!(Roots::of_file("/nowhere/roots.pem".as_ref()), Err(BadRoots::Unreadable(_))));
}

#[test]
fn a_bundle_counts_before_the_system_s_variables_and_these_before_amazon() {
    let (file, nowhere) = (File::with(AMAZON.to_owned()), "/nowhere/roots.pem");
    let chosen = |set: &[(&str, &str)]| {
        let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
        Roots::chosen(value).map(|roots| match roots {
            Roots::AmazonFirst => "Amazon's first",
            Roots::System => "the system's",
            Roots::Of(store) if store.len() == 5 => "the file's",
            Roots::Of(_) => "others",
        })
    };
    for (set, expected) in [
        (&[][..], "Amazon's first"),
        (&[("AWS_CA_BUNDLE", ""), ("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")], "Amazon's first"),
        (&[("SSL_CERT_FILE", nowhere)], "the system's"),
        (&[("SSL_CERT_DIR", nowhere)], "the system's"),
        (&[("AWS_CA_BUNDLE", &file.0), ("SSL_CERT_FILE", nowhere)], "the file's"),
    ] {
        assert_eq!(chosen(set).unwrap(), expected, "{set:?}");
    }
    assert!(matches!(chosen(&[("AWS_CA_BUNDLE", nowhere)]), Err(BadRoots::Unreadable(_))));
}

#[test]
fn the_first_roots_are_the_five_that_amazon_publishes() {
    let roots: Vec<_> = CertificateDer::pem_slice_iter(AMAZON.as_bytes()).map(Result::unwrap).collect();
    let digests: Vec<_> =
        roots.iter().map(|root| data_encoding::HEXUPPER.encode(digest(&SHA256, root).as_ref())).collect();
    assert_eq!(
        digests,
        [
            "8ECDE6884F3D87B1125BA31AC3FCB13D7016DE7F57CC904FE1CB97C6AE98196E",
            "1BA5B2AA8C65401A82960118F80BEC4F62304D83CEC4713A19C39C011EA46DB4",
            "18CE6CFE7BF14E60B2E347B8DFE868CB31D02EBB3ADA271569F50343B46DB3A4",
            "E35D28419ED02025CFA69038CD623962458DA5C695FBDEA3C22B0BFB25897092",
            "568D6905A2C88708A4B3025190EDCFEDB1974A606A13C6E5290FCB2AE63EDAB5",
        ]
    );
    assert_eq!(RootCertStore::empty().add_parsable_certificates(roots), (5, 0));
}
