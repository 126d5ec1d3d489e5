//! Every block that is not the public Internet: its first and last address, and what is beside it where that
//! is public. The IANA special-purpose registries of IPv4 and IPv6, multicast, broadcast, and the space from
//! which no address has been given out.

/// A block by its edges.
pub(super) struct Block {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    /// The public addresses right before and right after it.
    pub(super) beside: &'static [&'static str],
}

const fn block(first: &'static str, last: &'static str, beside: &'static [&'static str]) -> Block {
    Block { first, last, beside }
}

const fn single(address: &'static str) -> Block {
    block(address, address, &[])
}

pub(super) const BLOCKS: &[Block] = &[
    block("0.0.0.0", "0.255.255.255", &["1.0.0.0"]),
    block("10.0.0.0", "10.255.255.255", &["9.255.255.255", "11.0.0.0"]),
    block("100.64.0.0", "100.127.255.255", &["100.63.255.255", "100.128.0.0"]),
    block("127.0.0.0", "127.255.255.255", &["126.255.255.255", "128.0.0.0"]),
    block("168.63.129.16", "168.63.129.16", &["168.63.129.15", "168.63.129.17"]),
    block("169.254.0.0", "169.254.255.255", &["169.253.255.255", "169.255.0.0"]),
    block("172.16.0.0", "172.31.255.255", &["172.15.255.255", "172.32.0.0"]),
    block("192.0.0.0", "192.0.0.255", &["191.255.255.255", "192.0.1.0"]),
    block("192.0.0.0", "192.0.0.7", &[]),
    single("192.0.0.8"),
    single("192.0.0.9"),
    single("192.0.0.10"),
    block("192.0.0.170", "192.0.0.171", &[]),
    block("192.0.2.0", "192.0.2.255", &["192.0.1.255", "192.0.3.0"]),
    block("192.31.196.0", "192.31.196.255", &["192.31.195.255", "192.31.197.0"]),
    block("192.52.193.0", "192.52.193.255", &["192.52.192.255", "192.52.194.0"]),
    block("192.88.99.0", "192.88.99.255", &["192.88.98.255", "192.88.100.0"]),
    single("192.88.99.2"),
    block("192.168.0.0", "192.168.255.255", &["192.167.255.255", "192.169.0.0"]),
    block("192.175.48.0", "192.175.48.255", &["192.175.47.255", "192.175.49.0"]),
    block("198.18.0.0", "198.19.255.255", &["198.17.255.255", "198.20.0.0"]),
    block("198.51.100.0", "198.51.100.255", &["198.51.99.255", "198.51.101.0"]),
    block("203.0.113.0", "203.0.113.255", &["203.0.112.255", "203.0.114.0"]),
    block("224.0.0.0", "239.255.255.255", &["223.255.255.255"]),
    block("240.0.0.0", "255.255.255.254", &[]),
    single("255.255.255.255"),
    single("::"),
    single("::1"),
    block("::2", "::255.255.255.255", &[]),
    block("::ffff:0.0.0.0", "::ffff:255.255.255.255", &[]),
    block("::ffff:10.0.0.0", "::ffff:10.255.255.255", &["::ffff:9.255.255.255", "::ffff:11.0.0.0"]),
    block("::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255", &[]),
    block("64:ff9b::", "64:ff9b::255.255.255.255", &[]),
    block(
        "64:ff9b::127.0.0.0",
        "64:ff9b::127.255.255.255",
        &["64:ff9b::126.255.255.255", "64:ff9b::128.0.0.0"],
    ),
    block("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", &[]),
    block("100::", "100::ffff:ffff:ffff:ffff", &[]),
    block("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", &[]),
    block(
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
    ),
    block("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    single("2001:1::1"),
    single("2001:1::2"),
    single("2001:1::3"),
    block("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", &[]),
    block("2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", &[]),
    block("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block(
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
    ),
    block(
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
    ),
    block(
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        &["2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"],
    ),
    block("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
    block("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", &["3fff:1000::"]),
    block("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    block("1::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["2000::"]),
    block("4000::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
    block("8000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
];
