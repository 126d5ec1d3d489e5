//! The tables by example: both edges of every block, and what is just outside of it.

use super::{V4, V6, find, is_public};

/// What the rules say of an address: the rule, after the address it is about if that is carried.
fn verdict(text: &str) -> String {
    let found = find(text.parse().unwrap());
    let Some(finding) = found else { return "public".to_owned() };
    let rule = finding.rule;
    finding.carried.map_or_else(|| rule.to_string(), |carried| format!("{carried}: {rule}"))
}

fn assert_verdicts(expected: &[(&str, &str)]) {
    let found: Vec<(&str, String)> = expected.iter().map(|(text, _)| (*text, verdict(text))).collect();
    let expected: Vec<(&str, String)> =
        expected.iter().map(|(text, rule)| (*text, (*rule).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn special_ipv4_addresses_are_not_public() {
    assert_verdicts(&[
        ("0.0.0.0", "this host on this network (RFC 1122)"),
        ("0.0.0.1", "this network (RFC 791)"),
        ("0.255.255.255", "this network (RFC 791)"),
        ("10.0.0.0", "private use (RFC 1918)"),
        ("10.255.255.255", "private use (RFC 1918)"),
        ("100.64.0.0", "shared address space (RFC 6598)"),
        ("100.127.255.255", "shared address space (RFC 6598)"),
        ("127.0.0.1", "loopback (RFC 1122)"),
        ("127.255.255.255", "loopback (RFC 1122)"),
        ("169.254.0.1", "link local (RFC 3927)"),
        ("169.254.255.255", "link local (RFC 3927)"),
        ("172.16.0.0", "private use (RFC 1918)"),
        ("172.31.255.255", "private use (RFC 1918)"),
        ("192.0.0.1", "IPv4 service continuity (RFC 7335)"),
        ("192.0.0.8", "dummy address (RFC 7600)"),
        ("192.0.0.9", "port control anycast (RFC 7723)"),
        ("192.0.0.10", "TURN anycast (RFC 8155)"),
        ("192.0.0.170", "NAT64 discovery (RFC 8880)"),
        ("192.0.0.171", "NAT64 discovery (RFC 8880)"),
        ("192.0.0.255", "protocol assignments (RFC 6890)"),
        ("192.0.2.1", "documentation (RFC 5737)"),
        ("192.31.196.1", "AS112 sink (RFC 7535)"),
        ("192.52.193.1", "multicast tunnelling (RFC 7450)"),
        ("192.88.99.1", "6to4 relay, withdrawn (RFC 7526)"),
        ("192.88.99.2", "6a44 relay (RFC 6751)"),
        ("192.168.0.0", "private use (RFC 1918)"),
        ("192.168.255.255", "private use (RFC 1918)"),
        ("192.175.48.1", "AS112 sink (RFC 7534)"),
        ("198.18.0.0", "benchmarking (RFC 2544)"),
        ("198.19.255.255", "benchmarking (RFC 2544)"),
        ("198.51.100.7", "documentation (RFC 5737)"),
        ("203.0.113.7", "documentation (RFC 5737)"),
        ("224.0.0.1", "multicast (RFC 5771)"),
        ("239.255.255.250", "multicast (RFC 5771)"),
        ("240.0.0.1", "reserved (RFC 1112)"),
        ("255.255.255.254", "reserved (RFC 1112)"),
        ("255.255.255.255", "limited broadcast (RFC 8190)"),
    ]);
}

#[test]
fn addresses_that_answer_with_credentials_are_known_by_name() {
    assert_verdicts(&[
        ("169.254.169.254", "cloud metadata (AWS, Azure, Google Cloud and others)"),
        ("169.254.170.2", "container credentials (AWS ECS)"),
        ("169.254.170.23", "container credentials (AWS EKS)"),
        ("100.100.100.200", "cloud metadata (Alibaba Cloud)"),
        ("192.0.0.192", "cloud metadata (Oracle Cloud)"),
        ("168.63.129.16", "cloud platform services (Azure)"),
        ("fd00:ec2::254", "cloud metadata (AWS)"),
        ("fd00:ec2::23", "container credentials (AWS EKS)"),
        ("fd20:ce::254", "cloud metadata (Google Cloud)"),
        ("::ffff:169.254.169.254", "169.254.169.254: cloud metadata (AWS, Azure, Google Cloud and others)"),
        ("64:ff9b::169.254.169.254", "169.254.169.254: cloud metadata (AWS, Azure, Google Cloud and others)"),
        ("::ffff:168.63.129.16", "168.63.129.16: cloud platform services (Azure)"),
    ]);
}

#[test]
fn special_ipv6_addresses_are_not_public() {
    assert_verdicts(&[
        ("::", "unspecified (RFC 4291)"),
        ("::1", "loopback (RFC 4291)"),
        ("100::1", "discard only (RFC 6666)"),
        ("100:0:0:1::1", "dummy prefix (RFC 9780)"),
        ("2001:1::1", "port control anycast (RFC 7723)"),
        ("2001:1::2", "TURN anycast (RFC 8155)"),
        ("2001:1::3", "service registration anycast (RFC 9665)"),
        ("2001:1::4", "protocol assignments (RFC 2928)"),
        ("2001:2::1", "benchmarking (RFC 5180)"),
        ("2001:3::1", "multicast tunnelling (RFC 7450)"),
        ("2001:4:112::1", "AS112 sink (RFC 7535)"),
        ("2001:10::1", "ORCHID, withdrawn (RFC 4843)"),
        ("2001:20::1", "ORCHIDv2 (RFC 7343)"),
        ("2001:30::1", "drone identification (RFC 9374)"),
        ("2001:1ff:ffff::1", "protocol assignments (RFC 2928)"),
        ("2001:db8::1", "documentation (RFC 3849)"),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation (RFC 3849)"),
        ("2620:4f:8000::1", "AS112 sink (RFC 7534)"),
        ("3ffe::1", "6bone, withdrawn (RFC 3701)"),
        ("3fff::1", "documentation (RFC 9637)"),
        ("3fff:fff:ffff::1", "documentation (RFC 9637)"),
        ("5f00::1", "segment routing identifiers (RFC 9602)"),
        ("fc00::1", "unique local (RFC 4193)"),
        ("fdff:ffff::1", "unique local (RFC 4193)"),
        ("fe80::1", "link local (RFC 4291)"),
        ("febf:ffff::1", "link local (RFC 4291)"),
        ("fec0::1", "site local, withdrawn (RFC 3879)"),
        ("ff02::1", "multicast (RFC 4291)"),
        ("ff0e::1", "multicast (RFC 4291)"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast (RFC 4291)"),
        ("1::1", "outside global unicast (RFC 4291)"),
        ("200::1", "outside global unicast (RFC 4291)"),
        ("1fff:ffff::1", "outside global unicast (RFC 4291)"),
        ("4000::1", "outside global unicast (RFC 4291)"),
        ("7fff::1", "outside global unicast (RFC 4291)"),
        ("8000::1", "outside global unicast (RFC 4291)"),
        ("fe00::1", "outside global unicast (RFC 4291)"),
    ]);
}

#[test]
fn ipv4_inside_ipv6_is_judged_as_what_it_is() {
    assert_verdicts(&[
        ("::ffff:127.0.0.1", "127.0.0.1: loopback (RFC 1122)"),
        ("::ffff:7f00:1", "127.0.0.1: loopback (RFC 1122)"),
        ("::ffff:10.0.0.1", "10.0.0.1: private use (RFC 1918)"),
        ("::ffff:0.0.0.0", "0.0.0.0: this host on this network (RFC 1122)"),
        ("::ffff:255.255.255.255", "255.255.255.255: limited broadcast (RFC 8190)"),
        ("::127.0.0.1", "127.0.0.1: loopback (RFC 1122)"),
        ("::10.0.0.1", "10.0.0.1: private use (RFC 1918)"),
        ("::8.8.8.8", "IPv4-compatible, withdrawn (RFC 4291)"),
        ("::2", "0.0.0.2: this network (RFC 791)"),
        ("::ffff:0:127.0.0.1", "127.0.0.1: loopback (RFC 1122)"),
        ("::ffff:0:8.8.8.8", "IPv4-translated (RFC 2765)"),
        ("64:ff9b::127.0.0.1", "127.0.0.1: loopback (RFC 1122)"),
        ("64:ff9b::192.168.0.1", "192.168.0.1: private use (RFC 1918)"),
        ("64:ff9b::1:8.8.8.8", "outside global unicast (RFC 4291)"),
        ("64:ff9b:1::10.0.0.1", "10.0.0.1: private use (RFC 1918)"),
        ("64:ff9b:1::8.8.8.8", "local NAT64 (RFC 8215)"),
        ("64:ff9b:1:ffff::8.8.8.8", "local NAT64 (RFC 8215)"),
        ("64:ff9b:2::8.8.8.8", "outside global unicast (RFC 4291)"),
        ("2002:7f00:1::", "127.0.0.1: loopback (RFC 1122)"),
        ("2002:a00:1::1", "10.0.0.1: private use (RFC 1918)"),
        ("2002:c0a8:1::1", "192.168.0.1: private use (RFC 1918)"),
        ("2002:808:808::1", "6to4 (RFC 3056)"),
        ("2001::1", "255.255.255.254: reserved (RFC 1112)"),
        ("2001:0:808:808::80ff:fffe", "127.0.0.1: loopback (RFC 1122)"),
        ("2001:0:a00:1::f7f7:f7f7", "10.0.0.1: private use (RFC 1918)"),
        ("2001:0:808:808::f7f7:f7f7", "Teredo (RFC 4380)"),
        ("2a00:1450::5efe:10.0.0.1", "10.0.0.1: private use (RFC 1918)"),
        ("2a00:1450::200:5efe:127.0.0.1", "127.0.0.1: loopback (RFC 1122)"),
        ("fe80::5efe:8.8.8.8", "link local (RFC 4291)"),
    ]);
}

#[test]
fn addresses_beside_the_blocks_are_public() {
    let addresses = [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700:4700::1111",
        "2620:4f:8001::1",
        "2a00:1450::5efe:8.8.8.8",
        "3fff:1000::1",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ];
    let refused: Vec<_> = addresses.iter().filter(|text| !is_public(text.parse().unwrap())).collect();
    assert_eq!(refused, [""; 0].iter().collect::<Vec<_>>());
}

#[test]
fn every_row_starts_at_the_start_of_its_block_and_can_be_reached() {
    let hidden: Vec<String> = V4
        .iter()
        .chain(V6)
        .filter(|rule| {
            let table = if rule.block.addr().is_ipv4() { V4 } else { V6 };
            let before = table.iter().take_while(|other| other != rule);
            rule.block != rule.block.trunc()
                || before.into_iter().any(|other| other.block.contains(&rule.block))
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(hidden, Vec::<String>::new());
}
