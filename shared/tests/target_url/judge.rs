//! A second judgement of hosts, written without a look at the first: by comparison instead of by table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host as a URL has it: an address, or a name that is no address in any spelling and not private.
pub(super) fn is_public_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => is_public(address),
        Err(_) => is_public_name(host),
    }
}

/// By its last label: a name that ends in a number would be read as an address by some.
fn is_public_name(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels[labels.len() - 1];
    let hex = last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let number = hex || last.bytes().all(|byte| byte.is_ascii_digit());
    let private =
        ["localhost", "local", "internal", "localdomain", "lan", "corp", "home", "intranet", "private"];
    labels.len() > 1
        && labels.iter().all(|label| !label.is_empty())
        && !number
        && !private.contains(&last)
        && !name.ends_with(".home.arpa")
}

pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [168, 63, 129, 16]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 31, 196, _]
            | [192, 52, 193, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [192, 175, 48, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap());
    if bits >> 32 == 0xffff || bits >> 32 == 0x0064_ff9b_u128 << 64 {
        return is_public_v4(low);
    }
    let isatap_of_private = (bits >> 32) & 0xfdff_ffff == 0x5efe && !is_public_v4(low);
    let global = (0x2000..0x4000).contains(&(bits >> 112));
    let special = match (bits >> 112, (bits >> 96) & 0xffff) {
        (0x2001, second) => second < 0x200 || second == 0xdb8,
        (0x2002 | 0x3ffe, _) => true,
        (0x2620, 0x4f) => (bits >> 80) & 0xffff == 0x8000,
        (0x3fff, second) => second < 0x1000,
        _ => false,
    };
    global && !special && !isatap_of_private
}
