//! What hostile receivers do with a connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use crate::receiver::{Receiver, request};

type Report = UnboundedSender<Vec<u8>>;

const SECOND: Duration = Duration::from_secs(1);

impl Receiver {
    /// Answers with a start and then with the same again and again, as fast as it is read.
    pub(crate) async fn endless(start: &'static str, repeated: &'static str) -> Self {
        Self::start(move |mut stream, _| async move {
            let _ = request(&mut stream).await?;
            stream.write_all(start.as_bytes()).await?;
            let block = repeated.repeat(16 * 1024 / repeated.len());
            loop {
                stream.write_all(block.as_bytes()).await?;
            }
        })
        .await
    }

    /// Answers with the same a hundred times every millisecond. Not as fast as it is read: unoptimised code
    /// reads so slowly that the test would measure nothing else.
    pub(crate) async fn storming(repeated: &'static str) -> Self {
        Self::start(move |mut stream, _| async move {
            let _ = request(&mut stream).await?;
            let block = repeated.repeat(100);
            let mut gust = tokio::time::interval(Duration::from_millis(1));
            loop {
                gust.tick().await;
                stream.write_all(block.as_bytes()).await?;
            }
        })
        .await
    }
}

pub(super) async fn reads_nothing(stream: TcpStream, _: Report) -> io::Result<()> {
    std::future::pending::<()>().await;
    drop(stream);
    Ok(())
}

pub(super) async fn drips_its_head(mut stream: TcpStream, _: Report) -> io::Result<()> {
    let _ = request(&mut stream).await?;
    drip(stream, b"HTTP/1.1 200 OK\r\n\r\n").await
}

/// The first byte half a second after the head, so that none is due when the deadline is.
pub(super) async fn drips_its_body(mut stream: TcpStream, _: Report) -> io::Result<()> {
    let _ = request(&mut stream).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await?;
    drip(stream, b"abcde").await
}

pub(super) async fn drips_its_handshake(mut stream: TcpStream, _: Report) -> io::Result<()> {
    let _ = stream.read(&mut [0; 16 * 1024]).await?;
    drip(stream, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03").await
}

pub(super) async fn hangs_up(stream: TcpStream, _: Report) -> io::Result<()> {
    drop(stream);
    Ok(())
}

/// Closes so that the other side gets a reset instead of an end.
pub(super) async fn resets(mut stream: TcpStream, _: Report) -> io::Result<()> {
    let _ = request(&mut stream).await?;
    stream.set_zero_linger()
}

async fn drip(mut stream: TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut drip = tokio::time::interval_at(tokio::time::Instant::now() + SECOND / 2, SECOND);
    for byte in bytes {
        drip.tick().await;
        stream.write_all(&[*byte]).await?;
    }
    std::future::pending().await
}
