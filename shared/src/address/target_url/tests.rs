//! What customers and attackers write, and what becomes of it.

use super::{EgressPolicy, TargetUrl};

fn read(text: &str, policy: &EgressPolicy) -> String {
    match TargetUrl::parse(text, policy) {
        Ok(url) => url.to_string(),
        Err(error) => error.to_string(),
    }
}

fn assert_reads(policy: &EgressPolicy, expected: &[(&str, &str)]) {
    let found: Vec<(&str, String)> = expected.iter().map(|(text, _)| (*text, read(text, policy))).collect();
    let expected: Vec<(&str, String)> =
        expected.iter().map(|(text, result)| (*text, (*result).to_owned())).collect();
    assert_eq!(found, expected);
}

/// The message for a host that is an address, or stands for one.
fn refused_address(address: &str, rule: &str) -> String {
    format!("the URL's host is refused: {address} is not a public address: {rule}")
}

#[test]
fn a_public_url_is_kept_as_every_reader_will_understand_it() {
    assert_reads(
        &EgressPolicy::default(),
        &[
            ("https://example.com", "https://example.com/"),
            ("https://example.com:443/", "https://example.com/"),
            ("HTTPS://EXAMPLE.COM/Path?Query=1", "https://example.com/Path?Query=1"),
            ("https://example.com./hook", "https://example.com/hook"),
            ("https://hooks.example.com:8443/a/../b", "https://hooks.example.com:8443/b"),
            ("https://example.com:1024/", "https://example.com:1024/"),
            ("https://example.com:65535/", "https://example.com:65535/"),
            ("https://example.com/a%20b?c=%0d%0a", "https://example.com/a%20b?c=%0d%0a"),
            ("https://example.com/@user", "https://example.com/@user"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("https://example。com/", "https://example.com/"),
            ("https://%65xample.com/", "https://example.com/"),
            ("https://my_host.example.com/", "https://my_host.example.com/"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
            ("https://a.notlocal/", "https://a.notlocal/"),
            ("https://receiver.test/", "https://receiver.test/"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            ("https://134744072/", "https://8.8.8.8/"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
            ("https://[64:ff9b::8.8.8.8]/", "https://[64:ff9b::808:808]/"),
        ],
    );
}

#[test]
fn what_is_kept_reads_the_same_again() {
    let policy = EgressPolicy::default();
    let once = TargetUrl::parse("HTTPS://BÜCHER.example.:443/ü?x", &policy);
    let once = once.unwrap();
    assert_eq!(TargetUrl::parse(once.as_str(), &policy), Ok(once));
}

#[test]
fn an_address_is_found_in_every_way_to_write_it() {
    let loopback = refused_address("127.0.0.1", "loopback (RFC 1122)");
    for text in [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.0.0.1:8443/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0X7F.0.0.0x1/",
        "https://0177.0.0.1/",
        "https://0177.0.0.01/",
        "https://127.0.0.0x1/",
        "https://%31%32%37.0.0.1/",
        "https://127%2e0%2e0%2e1/",
        "https://127。0。0。1/",
        "https://１２７.０.０.１/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127\u{ad}.0.0.1/",
        "https://127.0.0.\u{200b}1/",
    ] {
        assert_eq!((text, read(text, &EgressPolicy::default())), (text, loopback.clone()));
    }
}

#[test]
fn other_private_addresses_are_refused_by_their_rule() {
    let metadata = "cloud metadata (AWS, Azure, Google Cloud and others)";
    let cases = [
        ("https://10.1.2.3/", "10.1.2.3", "private use (RFC 1918)"),
        ("https://0/", "0.0.0.0", "this host on this network (RFC 1122)"),
        ("https://0.0.0.0/", "0.0.0.0", "this host on this network (RFC 1122)"),
        ("https://169.254.169.254/latest/", "169.254.169.254", metadata),
        ("https://2852039166/", "169.254.169.254", metadata),
        ("https://0xa9fea9fe/", "169.254.169.254", metadata),
        ("https://0251.0376.0251.0376/", "169.254.169.254", metadata),
        ("https://169.254.43518/", "169.254.169.254", metadata),
        ("https://192.168.1/", "192.168.0.1", "private use (RFC 1918)"),
        ("https://100.100.100.200/", "100.100.100.200", "cloud metadata (Alibaba Cloud)"),
        ("https://4294967295/", "255.255.255.255", "limited broadcast (RFC 8190)"),
        ("https://[::]/", "::", "unspecified (RFC 4291)"),
        ("https://[::1]/", "::1", "loopback (RFC 4291)"),
        ("https://[0:0:0:0:0:0:0:1]:8443/", "::1", "loopback (RFC 4291)"),
        ("https://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", "it carries 127.0.0.1, loopback (RFC 1122)"),
        ("https://[::ffff:7f00:1]/", "::ffff:127.0.0.1", "it carries 127.0.0.1, loopback (RFC 1122)"),
        ("https://[64:ff9b::a00:1]/", "64:ff9b::a00:1", "it carries 10.0.0.1, private use (RFC 1918)"),
        ("https://[2002:7f00:1::]/", "2002:7f00:1::", "it carries 127.0.0.1, loopback (RFC 1122)"),
        ("https://[fd00:ec2::254]/", "fd00:ec2::254", "cloud metadata (AWS)"),
        ("https://[fe80::1]/", "fe80::1", "link local (RFC 4291)"),
    ];
    for (text, address, rule) in cases {
        let expected = (text, refused_address(address, rule));
        assert_eq!((text, read(text, &EgressPolicy::default())), expected);
    }
}

#[test]
fn private_names_are_refused_in_every_way_to_write_them() {
    let private = |name: &str, suffix: &str| {
        format!(
            "the URL's host is refused: `{name}` is not a public host: names under `.{suffix}` are private"
        )
    };
    let machine =
        |name: &str| format!("the URL's host is refused: `{name}` is this machine, not a public host");
    let cases = [
        ("https://localhost/", machine("localhost")),
        ("https://localhost./", machine("localhost")),
        ("https://LOCALHOST:8443/", machine("localhost")),
        ("https://ＬocalＨost/", machine("localhost")),
        ("https://loc%61lhost/", machine("localhost")),
        ("https://local\u{ad}host/", machine("localhost")),
        ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", machine("localhost")),
        ("https://app.localhost/", machine("app.localhost")),
        ("https://printer.local/", private("printer.local", "local")),
        ("https://printer.local./", private("printer.local", "local")),
        ("https://printer。local/", private("printer.local", "local")),
        ("https://metadata.google.internal/", private("metadata.google.internal", "internal")),
        ("https://router.home.arpa/", private("router.home.arpa", "home.arpa")),
        ("https://localhost.localdomain/", private("localhost.localdomain", "localdomain")),
        ("https://nas.lan/", private("nas.lan", "lan")),
        ("https://wiki.corp/", private("wiki.corp", "corp")),
        ("https://internal/", private("internal", "internal")),
        (
            "https://receiver/",
            "the URL's host is refused: `receiver` is not a public host: it has no dot".to_owned(),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!((text, read(text, &EgressPolicy::default())), (text, expected));
    }
}

#[test]
fn what_is_not_a_plain_https_url_is_refused_with_the_reason() {
    let not_absolute = "the URL is not absolute: it has to start with `https://` and a host";
    let user_info = "the URL contains a user name or password";
    assert_reads(
        &EgressPolicy::default(),
        &[
            ("", not_absolute),
            ("example.com/hook", not_absolute),
            ("//example.com/", not_absolute),
            ("/hook", not_absolute),
            ("https:example.com", not_absolute),
            ("https:/example.com", not_absolute),
            ("https:///example.com", not_absolute),
            ("https://", not_absolute),
            ("https://:443/", "the URL cannot be read: empty host"),
            ("https://?x", not_absolute),
            ("http://example.com/", "the URL has the scheme `http`: it has to be `https`"),
            ("ftp://example.com/", "the URL has the scheme `ftp`: it has to be `https`"),
            ("file:///etc/passwd", not_absolute),
            ("file://example.com/etc", "the URL has the scheme `file`: it has to be `https`"),
            ("gopher://127.0.0.1:6379/_", "the URL has the scheme `gopher`: it has to be `https`"),
            (
                "javascript://example.com/%0aalert(1)",
                "the URL has the scheme `javascript`: it has to be `https`",
            ),
            ("https://user@example.com/", user_info),
            ("https://user:password@example.com/", user_info),
            ("https://@example.com/", user_info),
            ("https://:@example.com/", user_info),
            ("https://example.com@127.0.0.1/", user_info),
            ("https://example.com/#part", "the URL contains a fragment (`#`), which would not be sent"),
            ("https://example.com/#", "the URL contains a fragment (`#`), which would not be sent"),
            ("https://example.com#@127.0.0.1/", "the URL contains a fragment (`#`), which would not be sent"),
            (" https://example.com/", "the URL contains ' ', which has to be percent-encoded"),
            ("https://example.com/ ", "the URL contains ' ', which has to be percent-encoded"),
            ("https://example.com/a b", "the URL contains ' ', which has to be percent-encoded"),
            ("https://exa\tmple.com/", "the URL contains '\\t', which has to be percent-encoded"),
            ("https://example.com/\r\nX: y", "the URL contains '\\r', which has to be percent-encoded"),
            ("https://example.com/\0", "the URL contains '\\0', which has to be percent-encoded"),
            ("https://example.com\u{a0}/", "the URL contains '\\u{a0}', which has to be percent-encoded"),
            ("https://example.com\\@127.0.0.1/", "the URL contains '\\\\', which has to be percent-encoded"),
            ("https://example.com:80/", "the URL names port 80, which is not allowed here"),
            ("https://example.com:22/", "the URL names port 22, which is not allowed here"),
            ("https://example.com:0/", "the URL names port 0, which is not allowed here"),
            ("https://example.com:65536/", "the URL cannot be read: invalid port number"),
            ("https://256.1.1.1/", "the URL cannot be read: invalid IPv4 address"),
            ("https://1.2.3.4.5/", "the URL cannot be read: invalid IPv4 address"),
            ("https://[::1/", "the URL cannot be read: invalid IPv6 address"),
            ("https://[fe80::1%25eth0]/", "the URL cannot be read: invalid IPv6 address"),
            ("https://exa%00mple.com/", "the URL cannot be read: invalid international domain name"),
            ("https://example..com/", "the URL's host is refused: `example..com` is not a host name"),
            ("https://example.com../", "the URL's host is refused: `example.com..` is not a host name"),
            ("https://8.8.8.8../", "the URL's host is refused: `8.8.8.8..` is not a host name"),
            ("https://.example.com/", "the URL's host is refused: `.example.com` is not a host name"),
            ("https://exam*ple.com/", "the URL's host is refused: `exam*ple.com` is not a host name"),
        ],
    );
}

#[test]
fn a_url_may_have_2048_bytes_as_given_and_as_kept() {
    let policy = EgressPolicy::default();
    let of_length = |bytes: usize| format!("https://example.com/{}", "a".repeat(bytes - 20));
    let grows = format!("https://example.com/{}", "ü".repeat(600));
    let lengths = [of_length(2048), of_length(2049), grows]
        .map(|text| TargetUrl::parse(&text, &policy).map(|url| url.as_str().len()));
    let too_long = super::TargetUrlError::TooLong;
    assert_eq!(lengths, [Ok(2048), Err(too_long.clone()), Err(too_long)]);
}

#[test]
fn a_deployment_with_private_receivers_takes_their_names_and_addresses() {
    let policy = EgressPolicy::parse("true", "127.0.0.0/8,172.16.0.0/12", "80,443,1024-65535").unwrap();
    assert_reads(
        &policy,
        &[
            ("http://localhost:9000/", "http://localhost:9000/"),
            ("http://127.0.0.1/", "http://127.0.0.1/"),
            ("http://receiver/", "http://receiver/"),
            ("https://hooks.corp/", "https://hooks.corp/"),
            (
                "http://10.0.0.1/",
                "the URL's host is refused: 10.0.0.1 is not a public address: private use (RFC 1918)",
            ),
        ],
    );
}

#[test]
fn localhost_needs_loopback_in_the_allow_list() {
    let policy = EgressPolicy::parse("false", "10.0.0.0/8", "443").unwrap();
    assert_reads(
        &policy,
        &[
            (
                "https://app.localhost/",
                "the URL's host is refused: `app.localhost` is this machine, not a public host",
            ),
            ("https://receiver/", "https://receiver/"),
        ],
    );
}

#[test]
fn a_url_is_checked_again_with_the_policy_of_the_time() {
    let lenient = EgressPolicy::parse("true", "10.0.0.0/8", "80").unwrap();
    let url = TargetUrl::parse("http://10.1.2.3/", &lenient).unwrap();
    let strict = EgressPolicy::parse("true", "", "80").unwrap();
    assert_eq!(
        url.check(&strict).map_err(|error| error.to_string()),
        Err(refused_address("10.1.2.3", "private use (RFC 1918)"))
    );
}

#[test]
fn an_address_in_the_url_can_be_asked_for() {
    let policy = EgressPolicy::default();
    let parts = ["https://example.com/", "https://8.8.8.8/", "https://[2606:4700::1]/"].map(|text| {
        let url = TargetUrl::parse(text, &policy).unwrap();
        (url.host().to_owned(), url.ip().map(|ip| ip.to_string()))
    });
    assert_eq!(
        parts,
        [
            ("example.com".to_owned(), None),
            ("8.8.8.8".to_owned(), Some("8.8.8.8".to_owned())),
            ("[2606:4700::1]".to_owned(), Some("2606:4700::1".to_owned())),
        ]
    );
}
