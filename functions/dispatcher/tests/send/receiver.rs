//! Receivers on sockets of their own, as bad as the test wants them.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A receiver on a port of its own, which reports each connection's first bytes or whole requests.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) heard: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Receiver {
    /// Runs `serve` for every connection, which reports what it heard.
    pub(crate) async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream, mpsc::UnboundedSender<Vec<u8>>) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (report, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, report.clone()));
            }
        });
        Self { address, heard }
    }

    /// Answers the first request of every connection with these bytes and closes it.
    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut stream, report| {
            let bytes = bytes.clone();
            async move {
                let _ = report.send(request(&mut stream).await?);
                stream.write_all(&bytes).await?;
                stream.shutdown().await
            }
        })
        .await
    }

    /// Answers the first request of every connection with these bytes and stays silent after.
    pub(crate) async fn answering_and_staying(bytes: &'static [u8]) -> Self {
        Self::start(move |mut stream, report| async move {
            let _ = report.send(request(&mut stream).await?);
            stream.write_all(bytes).await?;
            std::future::pending().await
        })
        .await
    }

    /// Answers the first bytes of a handshake with these.
    pub(crate) async fn answering_tls(bytes: &'static [u8]) -> Self {
        Self::start(move |mut stream, report| async move {
            let mut hello = vec![0; 16 * 1024];
            let length = stream.read(&mut hello).await?;
            hello.truncate(length);
            let _ = report.send(hello);
            stream.write_all(bytes).await?;
            stream.shutdown().await
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What was heard so far.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let next = || self.heard.try_recv().ok();
        std::iter::from_fn(next).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }
}

/// Reads one request: its head, and as much body as the head says.
pub(crate) async fn request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Ok(bytes);
        }
    }
}

/// A port that hears nothing, which can be asked whether somebody knocked.
pub(crate) struct Forbidden(std::net::TcpListener);

impl Forbidden {
    pub(crate) fn start() -> Self {
        Self::on(&[(Ipv4Addr::LOCALHOST, 0).into()])
    }

    /// At every address of this machine: of both families, unless it has no IPv6.
    pub(crate) fn everywhere() -> Self {
        Self::on(&[(Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::UNSPECIFIED, 0).into()])
    }

    /// At one address, on the port of somebody who may be called.
    pub(crate) fn at(address: &str, port: u16) -> Self {
        Self::on(&[SocketAddr::new(address.parse().unwrap(), port)])
    }

    /// At the first of these that this machine has.
    fn on(addresses: &[SocketAddr]) -> Self {
        let listener = std::net::TcpListener::bind(addresses).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// A connection would wait in the queue of the listener from the moment the client has it.
    pub(crate) fn was_reached(&self) -> bool {
        !matches!(self.0.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}
