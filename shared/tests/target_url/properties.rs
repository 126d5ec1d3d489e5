//! What is true of every URL and every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use shared::address::is_public;

use super::flaw::{flaw, stored};
use super::judge;

/// The same cases every time: a run that fails can be had again.
const SEED: u64 = 1;

/// Addresses, most of them at or near the special ones.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let near = prop::sample::select(vec![
        0x0000_0000,
        0x0a00_0000,
        0x6440_0000,
        0x6464_64c8,
        0x7f00_0001,
        0xa83f_8110,
        0xa9fe_a9fe,
        0xac10_0000,
        0xc000_0000,
        0xc000_0200,
        0xc01f_c400,
        0xc034_c100,
        0xc058_6300,
        0xc0af_3000,
        0xc633_6400,
        0xc0a8_0000,
        0xc612_0000,
        0xcb00_7100,
        0xe000_0000,
        0xffff_ffff,
    ]);
    prop_oneof![
        any::<u32>().prop_map(Ipv4Addr::from_bits),
        (near, -300_i64..300).prop_map(|(near, step): (u32, i64)| {
            Ipv4Addr::from_bits(u32::try_from(i64::from(near) + step).unwrap_or(near))
        }),
    ]
}

/// Addresses that carry an IPv4 address, in every way that is known.
fn carrier() -> impl Strategy<Value = Ipv6Addr> {
    let prefixes: [u128; 8] = [
        0,
        0xffff << 32,
        0xffff << 48,
        0x64_ff9b << 96,
        0x64_ff9b_0001 << 80,
        0x2a00_1450 << 96 | 0x5efe << 32,
        0x2a00_1450 << 96 | 0x0200_5efe << 32,
        0x2a00_1450 << 96,
    ];
    prop_oneof![
        (prop::sample::select(prefixes.to_vec()), v4())
            .prop_map(|(prefix, v4)| Ipv6Addr::from_bits(prefix | u128::from(v4.to_bits()))),
        v4().prop_map(|v4| Ipv6Addr::from_bits(0x2002 << 112 | u128::from(v4.to_bits()) << 80)),
        (v4(), v4()).prop_map(|(server, client)| {
            let [server, client] = [server.to_bits(), !client.to_bits()].map(u128::from);
            Ipv6Addr::from_bits(0x2001 << 112 | server << 64 | client)
        }),
    ]
}

/// Addresses of groups that mean something to the registries, and any others.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let first = vec![0, 0x64, 0x100, 0x2001, 0x2002, 0x2606, 0x2620, 0x3ffe, 0x3fff, 0x5f00, 0xfd00, 0xfe80];
    let group = vec![0, 1, 2, 0x20, 0x4f, 0x112, 0x1ff, 0x200, 0xdb8, 0x5efe, 0x8000, 0xff9b, 0xffff];
    let group = prop_oneof![prop::sample::select(group), any::<u16>()];
    let first = prop_oneof![prop::sample::select(first), any::<u16>()];
    let groups = (first, prop::array::uniform7(group));
    let grouped = groups.prop_map(|(a, [b, c, d, e, f, g, h])| Ipv6Addr::new(a, b, c, d, e, f, g, h));
    prop_oneof![carrier(), grouped]
}

/// One number of an address in one of its bases, with any number of zeros before it.
fn number(value: u32, base: usize, zeros: usize) -> String {
    let zeros = "0".repeat(zeros);
    match base {
        0 => value.to_string(),
        1 => format!("0{zeros}{value:o}"),
        2 => format!("0x{zeros}{value:x}"),
        _ => format!("0X{zeros}{value:X}"),
    }
}

/// An address in `parts` numbers, the last of which stands for all octets that are left.
fn spelled(address: Ipv4Addr, parts: usize, bases: [usize; 4], zeros: usize) -> String {
    let octets = address.octets();
    let rest = octets[parts - 1..].iter().fold(0, |rest, octet| rest << 8 | u32::from(*octet));
    let numbers = octets[..parts - 1].iter().map(|octet| u32::from(*octet)).chain([rest]);
    let numbers: Vec<String> = numbers.zip(bases).map(|(value, base)| number(value, base, zeros)).collect();
    numbers.join(".")
}

/// The same characters, full-width or percent-encoded.
fn disguised(text: &str, disguise: usize) -> String {
    let full_width = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
    match disguise {
        0 => text.to_owned(),
        1 => text.chars().map(full_width).collect(),
        2 => text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat(),
        3 => text.replace('.', "\u{3002}"),
        _ => format!("{text}."),
    }
}

/// Texts that are nearly URLs: parts that parsers care about, in any order.
fn nearly_a_url() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "https://",
            "http://",
            "https:",
            "//",
            "/",
            "\\",
            "?",
            "#",
            "@",
            ":",
            ":443",
            ":22",
            ":0",
            ":8443",
            ":99999",
            ".",
            "..",
            "[",
            "]",
            "[::1]",
            "127.0.0.1",
            "0x7f",
            "0177",
            "8.8.8.8",
            "example.com",
            "localhost",
            "%",
            "%2e",
            "%00",
            "\u{3002}",
            "\u{ad}",
            "\t",
            " ",
            "xn--",
            "ß",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9.-]{1,8}",
        any::<char>().prop_map(String::from),
    ];
    (any::<bool>(), prop::collection::vec(part, 0..10))
        .prop_map(|(start, parts)| if start { "https://" } else { "" }.to_owned() + &parts.concat())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_let_through_has_no_flaw(text in nearly_a_url()) {
        let url = stored(&text);
        prop_assert_eq!(url.as_ref().and_then(flaw), None, "{:?} as {:?}", text, url);
    }

    #[test]
    fn no_text_at_all_makes_it_panic(text in ".*") {
        let url = stored(&text);
        prop_assert_eq!(url.as_ref().and_then(flaw), None, "{:?} as {:?}", text, url);
    }

    #[test]
    fn an_ipv4_address_is_judged_the_same_in_every_spelling(
        address in v4(),
        parts in 1..=4_usize,
        bases in prop::array::uniform4(0..4_usize),
        zeros in 0..3_usize,
        disguise in 0..5_usize,
    ) {
        let host = disguised(&spelled(address, parts, bases, zeros), disguise);
        let plain = stored(&format!("https://{address}/"));
        prop_assert_eq!(stored(&format!("https://{host}/")), plain.clone(), "{}", host);
        let public = judge::is_public(address.into()).then_some(address.into());
        prop_assert_eq!(plain.and_then(|url| url.ip()), public);
    }

    #[test]
    fn an_ipv6_address_is_judged_as_the_second_judge_does(address in v6()) {
        let address = IpAddr::from(address);
        let url = stored(&format!("https://[{address}]/"));
        prop_assert_eq!(is_public(address), judge::is_public(address), "{}", address);
        prop_assert_eq!(url.and_then(|url| url.ip()), is_public(address).then_some(address));
    }
}
