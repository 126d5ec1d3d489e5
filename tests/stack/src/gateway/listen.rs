//! Where the gateway listens: on both addresses that `localhost` can mean.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::net::TcpListener;

/// How many free ports are tried until one is free on both.
const ATTEMPTS: usize = 8;

/// On `127.0.0.1` and, where this machine has it, on `::1`. The port is the same; 0 is any.
pub(crate) async fn listen(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let same = first.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, same)).await {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if port != 0 || attempts_left == 0 {
                    return Err(error);
                }
            }
            // There is no IPv6 here.
            Err(_) => return Ok(vec![first]),
        }
    }
}

/// The address of the first, which every machine has.
pub(crate) fn url(listeners: &[TcpListener]) -> std::io::Result<String> {
    let first = listeners.first().ok_or(ErrorKind::AddrNotAvailable)?;
    Ok(format!("http://{}", first.local_addr()?))
}
