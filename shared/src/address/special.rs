//! The special-purpose address registries as data: what is not the public Internet, and the document that
//! says so.
//!
//! The rows are those of the IANA registries for IPv4 and IPv6, *including* the blocks that are globally
//! reachable (AS112 sinks, relays, anycast services): no webhook receiver lives in any of them. To these come
//! multicast, what was withdrawn, and the addresses where clouds answer with credentials. Not `std`'s
//! `is_global`: it is unstable, and changes with the compiler.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::embedded::{self, Carrier};

/// One block of addresses that is not public, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    block: IpNet,
    name: &'static str,
    source: &'static str,
    answers_with_credentials: bool,
}

impl Rule {
    /// Whether a cloud's metadata or credentials are served there. No allow-list opens such an address.
    pub fn answers_with_credentials(&self) -> bool {
        self.answers_with_credentials
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.source)
    }
}

/// Why an address is not public: the rule, and the IPv4 address inside it that the rule is about, if it is
/// not the address itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) rule: &'static Rule,
    pub(super) carried: Option<Ipv4Addr>,
}

/// Whether an address belongs to the public Internet, by the tables alone.
pub fn is_public(address: IpAddr) -> bool {
    find(address).is_none()
}

/// The first rule that an address falls under; `None` is public.
pub(super) fn find(address: IpAddr) -> Option<Finding> {
    match address {
        IpAddr::V4(v4) => row(V4, v4.into()).map(|rule| Finding { rule, carried: None }),
        IpAddr::V6(v6) => find_v6(v6),
    }
}

/// What an IPv6 address carries is looked at first: "loopback" explains more than "6to4".
fn find_v6(address: Ipv6Addr) -> Option<Finding> {
    let carried = embedded::carried(address);
    for (v4, _) in &carried {
        if let Some(rule) = row(V4, (*v4).into()) {
            return Some(Finding { rule, carried: Some(*v4) });
        }
    }
    if carried.iter().any(|(_, carrier)| *carrier == Carrier::Transparent) {
        return None;
    }
    row(V6, address.into()).map(|rule| Finding { rule, carried: None })
}

fn row(table: &'static [Rule], address: IpAddr) -> Option<&'static Rule> {
    table.iter().find(|rule| rule.block.contains(&address))
}

const fn v4(octets: [u8; 4], prefix: u8, name: &'static str, source: &'static str) -> Rule {
    let block = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix));
    Rule { block, name, source, answers_with_credentials: false }
}

const fn v6(groups: [u16; 8], prefix: u8, name: &'static str, source: &'static str) -> Rule {
    let block = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_segments(groups), prefix));
    Rule { block, name, source, answers_with_credentials: false }
}

const fn credentials(rule: Rule) -> Rule {
    Rule { answers_with_credentials: true, ..rule }
}

/// The narrow rows come before the wide ones: the first that contains the address names it.
const V4: &[Rule] = &[
    credentials(v4([169, 254, 169, 254], 32, "cloud metadata", "AWS, Azure, Google Cloud and others")),
    credentials(v4([169, 254, 170, 2], 32, "container credentials", "AWS ECS")),
    credentials(v4([169, 254, 170, 23], 32, "container credentials", "AWS EKS")),
    credentials(v4([100, 100, 100, 200], 32, "cloud metadata", "Alibaba Cloud")),
    credentials(v4([192, 0, 0, 192], 32, "cloud metadata", "Oracle Cloud")),
    credentials(v4([168, 63, 129, 16], 32, "cloud platform services", "Azure")),
    v4([0, 0, 0, 0], 32, "this host on this network", "RFC 1122"),
    v4([0, 0, 0, 0], 8, "this network", "RFC 791"),
    v4([10, 0, 0, 0], 8, "private use", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared address space", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4([169, 254, 0, 0], 16, "link local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private use", "RFC 1918"),
    v4([192, 0, 0, 0], 29, "IPv4 service continuity", "RFC 7335"),
    v4([192, 0, 0, 8], 32, "dummy address", "RFC 7600"),
    v4([192, 0, 0, 9], 32, "port control anycast", "RFC 7723"),
    v4([192, 0, 0, 10], 32, "TURN anycast", "RFC 8155"),
    v4([192, 0, 0, 170], 32, "NAT64 discovery", "RFC 8880"),
    v4([192, 0, 0, 171], 32, "NAT64 discovery", "RFC 8880"),
    v4([192, 0, 0, 0], 24, "protocol assignments", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "AS112 sink", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "multicast tunnelling", "RFC 7450"),
    v4([192, 88, 99, 2], 32, "6a44 relay", "RFC 6751"),
    v4([192, 88, 99, 0], 24, "6to4 relay, withdrawn", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private use", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "AS112 sink", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "limited broadcast", "RFC 8190"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),
];

/// The last three rows are everything outside `2000::/3`, the only space from which public addresses are
/// given out.
const V6: &[Rule] = &[
    credentials(v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, "cloud metadata", "AWS")),
    credentials(v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128, "container credentials", "AWS EKS")),
    credentials(v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, "cloud metadata", "Google Cloud")),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible, withdrawn", "RFC 4291"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4-translated", "RFC 2765"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local NAT64", "RFC 8215"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "port control anycast", "RFC 7723"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN anycast", "RFC 8155"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "service registration anycast", "RFC 9665"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo", "RFC 4380"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking", "RFC 5180"),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "multicast tunnelling", "RFC 7450"),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112 sink", "RFC 7535"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID, withdrawn", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "drone identification", "RFC 9374"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "protocol assignments", "RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation", "RFC 3849"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4", "RFC 3056"),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112 sink", "RFC 7534"),
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "6bone, withdrawn", "RFC 3701"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation", "RFC 9637"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing identifiers", "RFC 9602"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local", "RFC 4291"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local, withdrawn", "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 3, "outside global unicast", "RFC 4291"),
    v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "outside global unicast", "RFC 4291"),
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, "outside global unicast", "RFC 4291"),
];

#[cfg(test)]
mod tests;
