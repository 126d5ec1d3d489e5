//! A function for the tests, with the standard library only: it answers with its
//! process id and its environment, or misbehaves as the path says.

use std::io::{BufRead as _, BufReader, Error, Read as _, Write as _};
use std::net::TcpStream;

fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "the whole of it is what is tested")]
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let api = environment
        .iter()
        .find(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API")
        .ok_or_else(|| Error::other("only Lambda starts this"))?;
    let quoted = environment.iter().map(|(name, value)| format!(r#""{name}": "{value}""#));
    let body = format!(
        r#"{{ "pid": {}, "environment": {{ {} }} }}"#,
        std::process::id(),
        quoted.collect::<Vec<_>>().join(", ")
    );
    loop {
        let (request_id, event) = call(&api.1, "GET", "invocation/next", "")?;
        if event.contains("/keys/exit") {
            std::process::exit(1);
        }
        if event.contains("/keys/hang") {
            loop {
                std::thread::park();
            }
        }
        let path = format!("invocation/{request_id}/response");
        call(&api.1, "POST", &path, &body)?;
    }
}

/// One request on a connection of its own: the request id of the answer, and its body.
fn call(api: &str, method: &str, path: &str, body: &str) -> Result<(String, String), Error> {
    let mut stream = TcpStream::connect(api)?;
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: {api}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = BufReader::new(stream);
    let mut request_id = String::new();
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(id) = line.strip_prefix("lambda-runtime-aws-request-id: ") {
            id.clone_into(&mut request_id);
        }
    }
    let mut body = String::new();
    answer.read_to_string(&mut body)?;
    Ok((request_id, body))
}
