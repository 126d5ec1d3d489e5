//! What DNS says of a domain: its TXT records, from a real resolver.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use shared::problem::{Problem, chain};
use tokio::time::timeout;

/// DNS did not answer, or refused to.
#[derive(Debug, thiserror::Error)]
#[error("DNS does not answer: {0}")]
pub struct Silent(String);

impl From<Silent> for Problem {
    fn from(error: Silent) -> Self {
        Self::unavailable(&error)
    }
}

/// A resolver. It remembers nothing: whoever has just added a record must not wait for an old answer.
#[derive(Clone)]
pub struct Dns(TokioResolver);

impl Dns {
    /// For all of a look-up.
    const DEADLINE: Duration = Duration::from_secs(3);

    /// The resolver of this machine.
    pub fn system() -> Result<Self, Silent> {
        let builder = TokioResolver::builder_tokio().map_err(|error| Silent(chain(&error)))?;
        Self::build(builder)
    }

    /// The resolver at an address.
    pub fn at(address: SocketAddr) -> Result<Self, Silent> {
        let [udp, tcp] = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::build(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
    }

    fn build(mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, Silent> {
        let options: &mut ResolverOpts = builder.options_mut();
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = Duration::from_secs(1);
        options.attempts = 2;
        builder.build().map(Self).map_err(|error| Silent(chain(&error)))
    }

    /// The texts of the TXT records of a name; none where there is no such name.
    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<String>, Silent> {
        // With a dot at its end it is whole: no search domain is tried.
        let asked = timeout(Self::DEADLINE, self.0.txt_lookup(format!("{name}."))).await;
        let answer = match asked {
            Err(late) => return Err(Silent(late.to_string())),
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => return Ok(Vec::new()),
            Ok(Err(error)) => return Err(Silent(chain(&error))),
            Ok(Ok(answer)) => answer,
        };
        let texts = answer.answers().iter().filter_map(|record| match &record.data {
            // A long text comes in pieces (RFC 1035, 3.3.14).
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        Ok(texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect())
    }
}
