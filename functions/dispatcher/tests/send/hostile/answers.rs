//! What hostile receivers answer: what it does, the bytes, and what is to come of it.

/// Heads that are not HTTP, or contradict themselves.
pub(super) const BAD_HEADS: &[(&str, &str)] = &[
    ("HTTP/0.9", "<html>hello</html>\r\n"),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a frame of HTTP/2", "\0\0\0\x04\0\0\0\0\0"),
    ("a status line of HTTP/3", "HTTP/3.0 200 OK\r\n\r\n"),
    ("a request", "POST / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("a status below 100", "HTTP/1.1 099 Low\r\n\r\n"),
    ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    ("a list of lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nab"),
    ("a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nab"),
    ("a length with a sign", "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab"),
    ("a length beyond 64 bits", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nab"),
    ("a header without a name", "HTTP/1.1 200 OK\r\n: a\r\n\r\n"),
];

/// Heads that break off.
pub(super) const CUT_HEADS: &[(&str, &str)] = &[
    ("half a version", "HTTP/1."),
    ("half a status line", "HTTP/1.1 20"),
    ("half a header", "HTTP/1.1 200 OK\r\nx"),
    ("a head without its last line", "HTTP/1.1 200 OK\r\nx: y\r\n"),
    ("100 and no more", "HTTP/1.1 100 Continue\r\n\r\n"),
];

/// Heads without end: a start, and what comes again and again.
pub(super) const ENDLESS_HEADS: &[(&str, &str, &str)] = &[
    ("header lines", "HTTP/1.1 200 OK\r\n", "x: y\r\n"),
    ("one header", "HTTP/1.1 200 OK\r\nx: ", "a"),
    ("one name of a header", "HTTP/1.1 200 OK\r\n", "a"),
    ("one reason", "HTTP/1.1 200 ", "a"),
    ("line feeds", "", "\r\n"),
    ("zeros", "", "\0"),
];

/// Informational answers without end.
pub(super) const STORMS: &[(&str, &str)] = &[
    ("100 for ever", "HTTP/1.1 100 Continue\r\n\r\n"),
    ("102 for ever", "HTTP/1.1 102 Processing\r\n\r\n"),
    ("103 for ever", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
];

/// Answers with a status whose body is spoilt, and what is kept of it.
pub(super) const BODIES: &[(&str, &str, u16, Option<&str>)] = &[
    ("no body where one was promised", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 200, None),
    ("more than its length", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabcd", 200, Some("ab")),
    ("one length twice", "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nab", 200, Some("ab")),
    (
        "a length and chunks",
        "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        200,
        Some("ab"),
    ),
    ("another protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", 101, None),
];

/// Bodies in chunks, after `HTTP/1.1 200 OK`.
pub(super) const CHUNKS: &[(&str, &str, Option<&str>)] = &[
    ("a size that is no number", "zz\r\nab\r\n", None),
    ("a negative size", "-1\r\nab\r\n", None),
    ("a size with a prefix", "0x2\r\nab\r\n0\r\n\r\n", None),
    ("a size beyond 64 bits", "fffffffffffffffff\r\nab\r\n", None),
    ("the largest size", "ffffffffffffffff\r\nab", Some("ab")),
    ("no size", "\r\nab\r\n", None),
    ("less than its size", "5\r\nab", Some("ab")),
    ("more than its size", "2\r\nabcd\r\n0\r\n\r\n", Some("ab")),
];

/// Bodies without end: a start, what comes again and again, the status, and the character that fills what is
/// kept.
pub(super) const ENDLESS_BODIES: &[(&str, &str, &str, u16, Option<&str>)] = &[
    ("a body", "HTTP/1.1 200 OK\r\n\r\n", "a", 200, Some("a")),
    ("a body of a failure", "HTTP/1.1 500 No\r\n\r\n", "a", 500, Some("a")),
    ("a gzip", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", "z", 200, Some("z")),
    ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\na\r\n", 200, Some("a")),
    ("a chunk extension", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", "a", 200, None),
    ("trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "x: y\r\n", 200, None),
    ("a body of 204", "HTTP/1.1 204 No Content\r\n\r\n", "a", 204, None),
    ("a body of 304", "HTTP/1.1 304 Not Modified\r\n\r\n", "a", 304, None),
];
