//! Against a server on a socket, which says what the service could say.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// `sha1sum` makes `ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42` of it.
const PASSWORD: &str = "correct horse battery staple";
const SUFFIX: &str = "AD6438836DBE526AA231ABDE2D0EEF74D42";
const OTHER: &str = "00000000000000000000000000000000001";

/// Answers one request and gives it back.
struct Server {
    url: String,
    request: JoinHandle<String>,
}

impl Server {
    /// Sends these bytes as often as they are taken, at most so often.
    async fn sending(bytes: impl Into<Vec<u8>>, times: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/mirror/", listener.local_addr().unwrap());
        let bytes = bytes.into();
        let request = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = head(&mut stream).await;
            for _ in 0..times {
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            request
        });
        Self { url, request }
    }

    async fn answering(status: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::sending([head.as_bytes(), body].concat(), 1).await
    }

    async fn ask(&self) -> Result<bool, String> {
        ask(&self.url, Duration::from_secs(30)).await
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

/// What the service at `url` says.
async fn ask(url: &str, deadline: Duration) -> Result<bool, String> {
    let service = Service { deadline, ..Breached::at(url).unwrap().0.unwrap() };
    let sha1 = sha1(&PASSWORD.parse().unwrap());
    service.ask(&sha1).await.map_err(|error| error.to_string())
}

/// What `knows` says of a server that sends these bytes.
async fn knows(server: &Server) -> bool {
    Breached::at(&server.url).unwrap().knows(&PASSWORD.parse().unwrap()).await
}

#[tokio::test]
async fn a_password_in_the_list_is_known() {
    for list in [
        format!("{SUFFIX}:1"),
        format!("{OTHER}:3\r\n{SUFFIX}:17\r\n{OTHER}:0\r\n"),
        format!("{OTHER}:3\n{}:17\n", SUFFIX.to_lowercase()),
    ] {
        assert_eq!(Server::answering("200 OK", &list).await.ask().await, Ok(true), "{list}");
    }
    let problem = {
        let server = Server::answering("200 OK", format!("{SUFFIX}:1")).await;
        let password = crate::password::PasswordRules::default().check(PASSWORD).unwrap();
        Breached::at(&server.url).unwrap().check("/password", &password).await.unwrap_err()
    };
    assert_eq!((problem.errors[0].pointer.as_str(), problem.errors[0].code), ("/password", "breached"));
}

#[tokio::test]
async fn one_that_is_not_in_it_or_only_padding_is_not() {
    for list in [String::new(), format!("{OTHER}:3\r\n"), format!("{OTHER}:3\r\n{SUFFIX}:0")] {
        assert_eq!(Server::answering("200 OK", &list).await.ask().await, Ok(false), "{list}");
    }
}

#[tokio::test]
async fn five_digits_are_told_and_padding_is_asked_for() {
    let server = Server::answering("200 OK", "").await;
    server.ask().await.unwrap();
    let request = server.request.await.unwrap();
    assert!(request.starts_with("GET /mirror/range/ABF7A HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nadd-padding: true\r\n"), "{request}");
    assert!(!request.contains(&SUFFIX[..5]), "{request}");
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_not_waited_for() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            self::head(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            // Until the other side hangs up.
            let _ = stream.read_u8().await;
        });
        let service = Breached::at(&url).unwrap().0.unwrap();
        let breached = Breached(Some(Service { deadline: Duration::from_millis(50), ..service }));
        assert!(!breached.knows(&PASSWORD.parse().unwrap()).await);
        server.abort();
    }
    assert_eq!(DEADLINE, Duration::from_secs(1));
}

#[tokio::test]
async fn any_other_status_is_no_answer() {
    for status in ["500 Internal Server Error", "429 Too Many Requests", "404 Not Found", "201 Created"] {
        let server = Server::answering(status, format!("{SUFFIX}:1")).await;
        assert_eq!(server.ask().await, Err(format!("its status is {status}")));
        assert!(!knows(&Server::answering(status, format!("{SUFFIX}:1")).await).await);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering("200 OK", format!("{SUFFIX}:1")).await;
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
    let server = Server::sending(head, 1).await;
    assert_eq!(server.ask().await, Err("its status is 302 Found".to_owned()));
    assert!(!elsewhere.request.is_finished());
}

#[tokio::test]
async fn nonsense_is_no_answer_even_with_the_suffix_in_it() {
    let found = format!("{SUFFIX}:1");
    for body in [
        b"<html>Sign in to the network</html>".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        format!("{found}\n{}:1", &OTHER[1..]).into_bytes(),
        format!("{found}\n{OTHER}").into_bytes(),
        format!("{found}\n{OTHER}:").into_bytes(),
        format!("{found}\n{OTHER}:-1").into_bytes(),
        format!("{found}\n{OTHER}:many").into_bytes(),
        format!("{found}\n\n{found}").into_bytes(),
        format!("{found}\n{}:1", OTHER.replace('1', "x")).into_bytes(),
    ] {
        let answer = Server::answering("200 OK", &body).await.ask().await;
        assert_eq!(
            answer,
            Err("its answer is no list of suffixes and counts".to_owned()),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_to_its_bound() {
    let head = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let lines = format!("{SUFFIX}:1\r\n").repeat(1000);
    // Only the first time is a head; what follows has no lines of 35 digits, and is never looked at.
    let server = Server::sending(head + &lines, 1000).await;
    assert_eq!(server.ask().await, Err("its answer is longer than 1048576 bytes".to_owned()));
}

#[tokio::test]
async fn what_is_logged_of_a_connection_that_fails_names_no_part_of_the_digest() {
    // Bound, so that nobody else is, and not listening.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let error = ask(&url, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error, "no answer: Connection refused (os error 111)");
    assert!(!Breached::at(&url).unwrap().knows(&PASSWORD.parse().unwrap()).await);
    // Nor of one that breaks off.
    let server = Server::sending("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000", 1).await;
    assert_eq!(server.ask().await, Err("its answer ends half way".to_owned()));
}

#[tokio::test]
async fn without_a_service_nothing_is_known() {
    let breached = Breached::from_setting(None).unwrap();
    assert!(!breached.knows(&"password1234".parse().unwrap()).await);
}

#[test]
fn a_service_is_a_plain_url() {
    for url in
        ["", "api.example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com/?a"]
    {
        assert!(Breached::at(url).is_err(), "{url}");
    }
    for url in ["https://example.com", "https://example.com/", "http://127.0.0.1:8080/mirror"] {
        let service = Breached::at(url).unwrap().0.unwrap();
        assert_eq!(service.url, url.trim_end_matches('/'));
    }
}
