//! IPv4 addresses written inside IPv6 ones, by every transition mechanism that fixes where the 32 bits are.
//!
//! A packet for such an address ends at the IPv4 address, so it is the one to judge. Network-specific NAT64
//! prefixes (RFC 6052) cannot be known from here: whoever runs one inside their network closes it there.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What the IPv6 address around the IPv4 address means for the judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// Nothing but a way to write or reach the IPv4 address, which decides alone: mapped addresses (the
    /// socket layer makes them IPv4) and the well-known NAT64 prefix (what DNS64 answers in networks without
    /// IPv4).
    Transparent,
    /// An address with a place of its own: it has to be public as well. Compatible, translated, local NAT64,
    /// 6to4 and Teredo never are; ISATAP is as public as the prefix it is in.
    Judged,
}

/// Every IPv4 address that an IPv6 address carries; a Teredo address carries two.
pub(super) fn carried(address: Ipv6Addr) -> Vec<(Ipv4Addr, Carrier)> {
    let groups = address.segments();
    let last = v4(groups[6], groups[7]);
    match groups {
        // `::` and `::1` are addresses of their own, not `0.0.0.0` and `0.0.0.1`.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![],
        // RFC 4291, 2.5.5.2: mapped. RFC 6052: the well-known NAT64 prefix, `/96` only.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            vec![(last, Carrier::Transparent)]
        }
        // RFC 4291, 2.5.5.1: compatible. RFC 2765: translated. RFC 8215: local NAT64, most often `/96`.
        // RFC 5214: ISATAP, an interface identifier under any prefix; 0x0200 marks a unique IPv4 address.
        [0, 0, 0, 0, 0 | 0xffff, 0, ..] | [0x64, 0xff9b, 1, ..] | [_, _, _, _, 0 | 0x0200, 0x5efe, ..] => {
            vec![(last, Carrier::Judged)]
        }
        // RFC 3056: 6to4, the router's address after the prefix.
        [0x2002, high, low, ..] => vec![(v4(high, low), Carrier::Judged)],
        // RFC 4380: Teredo, the server's address and the client's with every bit turned.
        [0x2001, 0, high, low, ..] => {
            vec![(v4(!groups[6], !groups[7]), Carrier::Judged), (v4(high, low), Carrier::Judged)]
        }
        _ => vec![],
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::{Carrier, carried};

    #[test]
    fn every_mechanism_gives_up_the_address_it_carries() {
        let found: Vec<String> = [
            "::",
            "::1",
            "::ffff:10.1.2.3",
            "64:ff9b::10.1.2.3",
            "::10.1.2.3",
            "::ffff:0:10.1.2.3",
            "64:ff9b:1::10.1.2.3",
            "2002:a01:203::1",
            "2001:0:102:304:0:0:f5fe:fdfc",
            "2a00:1450::5efe:10.1.2.3",
            "2a00:1450::200:5efe:10.1.2.3",
            "2a00:1450::10.1.2.3",
        ]
        .into_iter()
        .map(|text| {
            let carried: Vec<String> = carried(text.parse().unwrap())
                .into_iter()
                .map(|(v4, carrier)| match carrier {
                    Carrier::Transparent => format!("{v4} alone"),
                    Carrier::Judged => v4.to_string(),
                })
                .collect();
            format!("{text} -> {}", carried.join(", "))
        })
        .collect();

        assert_eq!(
            found,
            [
                ":: -> ",
                "::1 -> ",
                "::ffff:10.1.2.3 -> 10.1.2.3 alone",
                "64:ff9b::10.1.2.3 -> 10.1.2.3 alone",
                "::10.1.2.3 -> 10.1.2.3",
                "::ffff:0:10.1.2.3 -> 10.1.2.3",
                "64:ff9b:1::10.1.2.3 -> 10.1.2.3",
                "2002:a01:203::1 -> 10.1.2.3",
                "2001:0:102:304:0:0:f5fe:fdfc -> 10.1.2.3, 1.2.3.4",
                "2a00:1450::5efe:10.1.2.3 -> 10.1.2.3",
                "2a00:1450::200:5efe:10.1.2.3 -> 10.1.2.3",
                "2a00:1450::10.1.2.3 -> ",
            ]
        );
    }
}
