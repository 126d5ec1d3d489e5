//! What the operator of a deployment allows webhooks to reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::ports::{PortRanges, PortsError};
use super::special::{self, Finding};

/// Three settings, read once. The default is the strictest: `https`, public addresses, the usual ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allow_http: bool,
    allowed_cidrs: Vec<IpNet>,
    allowed_ports: PortRanges,
}

/// The settings by the names that operators give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressSetting {
    /// `EGRESS_ALLOW_HTTP`: `true` or `false`.
    AllowHttp,
    /// `EGRESS_ALLOWED_CIDRS`: blocks that are allowed although they are not public.
    AllowedCidrs,
    /// `EGRESS_ALLOWED_PORTS`: ports and ranges of ports.
    AllowedPorts,
}

impl EgressSetting {
    /// The name of the environment variable.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowHttp => "EGRESS_ALLOW_HTTP",
            Self::AllowedCidrs => "EGRESS_ALLOWED_CIDRS",
            Self::AllowedPorts => "EGRESS_ALLOWED_PORTS",
        }
    }
}

impl fmt::Display for EgressSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a setting was refused. Every message names the setting and the item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressSettingError {
    /// Neither `true` nor `false`.
    #[error("{setting}: `{0}` is neither `true` nor `false`", setting = EgressSetting::AllowHttp)]
    NotABool(String),
    /// Not an address with a prefix length.
    #[error("{setting}: `{0}` is not a block of addresses such as `10.0.0.0/8`", setting = EgressSetting::AllowedCidrs)]
    NotACidr(String),
    /// The address has bits behind the prefix: the block would be larger than it looks.
    #[error("{setting}: `{given}` is not the start of its block, which is `{block}`", setting = EgressSetting::AllowedCidrs)]
    NotTheStart {
        /// The item as it was written.
        given: String,
        /// The block it falls into.
        block: IpNet,
    },
    /// A bad list of ports.
    #[error("{setting}: {0}", setting = EgressSetting::AllowedPorts)]
    Ports(#[from] PortsError),
}

/// An address that webhooks may not reach, and the rule that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAllowed {
    address: IpAddr,
    finding: Finding,
}

impl NotAllowed {
    /// The address that was refused.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The row of the tables that it falls under.
    pub fn rule(&self) -> &'static special::Rule {
        self.finding.rule
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address: ", self.address)?;
        if let Some(carried) = self.finding.carried {
            write!(f, "it carries {carried}, ")?;
        }
        write!(f, "{}", self.finding.rule)
    }
}

impl std::error::Error for NotAllowed {}

impl EgressPolicy {
    /// Reads the three settings. An empty list of blocks is no exception; the other two have to say
    /// something.
    pub fn parse(
        allow_http: &str,
        allowed_cidrs: &str,
        allowed_ports: &str,
    ) -> Result<Self, EgressSettingError> {
        let allow_http = match allow_http.trim() {
            "true" => true,
            "false" => false,
            other => return Err(EgressSettingError::NotABool(other.to_owned())),
        };
        let items = allowed_cidrs.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(Self {
            allow_http,
            allowed_cidrs: items.map(cidr).collect::<Result<_, _>>()?,
            allowed_ports: PortRanges::parse(allowed_ports)?,
        })
    }

    /// Whether webhooks may be called without TLS.
    pub fn allows_http(&self) -> bool {
        self.allow_http
    }

    /// Whether webhooks may be called on this port.
    pub fn allows_port(&self, port: u16) -> bool {
        self.allowed_ports.contains(port)
    }

    /// Public addresses, and the blocks of the allow-list. Addresses that answer with a cloud's credentials
    /// stay closed inside an allowed block too: nobody receives webhooks there, and a block is easily drawn
    /// too wide.
    pub fn permits(&self, address: IpAddr) -> Result<(), NotAllowed> {
        match special::find(address) {
            None => Ok(()),
            Some(finding) if finding.rule.answers_with_credentials() => Err(NotAllowed { address, finding }),
            Some(_) if self.lists(address) => Ok(()),
            Some(finding) => Err(NotAllowed { address, finding }),
        }
    }

    /// Whether some private addresses are allowed, so that private names can make sense.
    pub(super) fn has_exceptions(&self) -> bool {
        !self.allowed_cidrs.is_empty()
    }

    /// Whether `localhost`, which is one of these two by definition (RFC 6761), can be called.
    pub(super) fn allows_loopback(&self) -> bool {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        loopback.into_iter().any(|address| self.lists(address))
    }

    /// A mapped address is the IPv4 address it maps, in the list as in the socket layer.
    fn lists(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        self.allowed_cidrs.iter().any(|block| block.contains(&address) || block.contains(&canonical))
    }
}

fn cidr(item: &str) -> Result<IpNet, EgressSettingError> {
    let given: IpNet = item.parse().map_err(|_| EgressSettingError::NotACidr(item.to_owned()))?;
    let block = given.trunc();
    if block == given {
        Ok(block)
    } else {
        Err(EgressSettingError::NotTheStart { given: item.to_owned(), block })
    }
}

#[cfg(test)]
mod tests {
    use super::EgressPolicy;

    fn verdicts(policy: &EgressPolicy, addresses: &[&str]) -> Vec<String> {
        let verdict = |text: &&str| match policy.permits(text.parse().unwrap()) {
            Ok(()) => format!("{text} is allowed"),
            Err(refused) => refused.to_string(),
        };
        addresses.iter().map(verdict).collect()
    }

    #[test]
    fn the_default_allows_public_addresses_and_says_why_not_for_others() {
        assert_eq!(
            verdicts(&EgressPolicy::default(), &["8.8.8.8", "10.1.2.3", "64:ff9b::a01:203", "fe80::1"]),
            [
                "8.8.8.8 is allowed",
                "10.1.2.3 is not a public address: private use (RFC 1918)",
                "64:ff9b::a01:203 is not a public address: it carries 10.1.2.3, private use (RFC 1918)",
                "fe80::1 is not a public address: link local (RFC 4291)",
            ]
        );
    }

    #[test]
    fn the_allow_list_opens_its_blocks_and_nothing_beside_them() {
        let policy = EgressPolicy::parse("true", "127.0.0.0/8, ::1/128", "80").unwrap();
        assert_eq!(
            verdicts(&policy, &["127.9.9.9", "::1", "::ffff:127.0.0.1", "10.0.0.1", "2002:7f00:1::"]),
            [
                "127.9.9.9 is allowed",
                "::1 is allowed",
                "::ffff:127.0.0.1 is allowed",
                "10.0.0.1 is not a public address: private use (RFC 1918)",
                "2002:7f00:1:: is not a public address: it carries 127.0.0.1, loopback (RFC 1122)",
            ]
        );
    }

    #[test]
    fn credentials_stay_closed_when_everything_is_allowed() {
        let policy = EgressPolicy::parse("false", "0.0.0.0/0,::/0", "443").unwrap();
        assert_eq!(
            verdicts(&policy, &["169.254.1.1", "169.254.169.254", "::ffff:100.100.100.200", "fd00:ec2::254"]),
            [
                "169.254.1.1 is allowed",
                "169.254.169.254 is not a public address: cloud metadata (AWS, Azure, Google Cloud and others)",
                "::ffff:100.100.100.200 is not a public address: it carries 100.100.100.200, cloud metadata (Alibaba Cloud)",
                "fd00:ec2::254 is not a public address: cloud metadata (AWS)",
            ]
        );
    }

    #[test]
    fn settings_that_do_nothing_are_the_default() {
        assert_eq!(EgressPolicy::parse("false", "", "443,8443,1024-65535"), Ok(EgressPolicy::default()));
    }

    #[test]
    fn a_bad_setting_is_refused_by_its_name_and_its_item() {
        let refused = [("yes", "", "443"), ("", "", "443"), ("true", "10.0.0.0/8,10.0.0.1", "443")]
            .into_iter()
            .chain([("true", "10.0.0.0/33", "443"), ("true", "10.1.2.3/8", "443"), ("true", "", "443,a")])
            .map(|(http, cidrs, ports)| EgressPolicy::parse(http, cidrs, ports).unwrap_err().to_string());
        assert_eq!(
            refused.collect::<Vec<_>>(),
            [
                "EGRESS_ALLOW_HTTP: `yes` is neither `true` nor `false`",
                "EGRESS_ALLOW_HTTP: `` is neither `true` nor `false`",
                "EGRESS_ALLOWED_CIDRS: `10.0.0.1` is not a block of addresses such as `10.0.0.0/8`",
                "EGRESS_ALLOWED_CIDRS: `10.0.0.0/33` is not a block of addresses such as `10.0.0.0/8`",
                "EGRESS_ALLOWED_CIDRS: `10.1.2.3/8` is not the start of its block, which is `10.0.0.0/8`",
                "EGRESS_ALLOWED_PORTS: `a` is neither a port (1 to 65535) nor a range such as `1024-65535`",
            ]
        );
    }
}
