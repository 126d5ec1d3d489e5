//! The mails in a browser, and as JSON for programs.
//!
//! Everything from a mail is escaped. Its HTML is shown in a frame without scripts and
//! without the origin of the page, whose links open in a tab of their own.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::{Mail, Mailbox};

/// Where the list is; each mail is one segment below.
pub(crate) const PATH: &str = "/_local/mail";

const PATH_OF_JSON: &str = "/_local/mail.json";

const STYLE: &str = "\
    :root { color-scheme: light dark; } \
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; } \
    h1 { font-size: 1.25rem; } \
    table { border-collapse: collapse; width: 100%; } \
    td, th { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; } \
    th { font-weight: 600; } \
    .quiet { color: #888; } \
    pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8884; } \
    iframe { width: 100%; height: 40rem; border: 1px solid #8884; background: #fff; color-scheme: light; }";

/// No scripts, here or in the frame, which inherits it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; \
                      form-action 'none'; frame-ancestors 'none'";

/// What the page of a mail shows links to and opens them with.
const LINK_ATTRIBUTES: &str = r#"target="_blank" rel="noopener noreferrer""#;

/// The list, the list as JSON, and one mail.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(mailbox: Mailbox) -> Router<S> {
    Router::new()
        .route(PATH, get(list))
        .route(PATH_OF_JSON, get(list_json))
        .route("/_local/mail/{id}", get(one))
        .with_state(mailbox)
}

async fn list(State(mailbox): State<Mailbox>, headers: HeaderMap) -> Response {
    let mut mails = mailbox.all();
    mails.reverse();
    if wants_json(&headers) {
        return as_json(&mails.iter().map(json_of).collect());
    }
    page(StatusCode::OK, "Mails", &list_html(&mails))
}

async fn list_json(State(mailbox): State<Mailbox>) -> Response {
    as_json(&mailbox.all().iter().rev().map(json_of).collect())
}

async fn one(State(mailbox): State<Mailbox>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match mailbox.find(&id) {
        Some(mail) if wants_json(&headers) => as_json(&json_of(&mail)),
        Some(mail) => page(StatusCode::OK, &mail.subject, &mail_html(&mail)),
        None => page(StatusCode::NOT_FOUND, "Mails", "<p>There is no such mail.</p>"),
    }
}

/// Browsers ask for HTML before anything else.
fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

fn json_of(mail: &Mail) -> Value {
    json!({
        "id": mail.id,
        "from": mail.from,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "received_at": mail.received_at,
    })
}

fn as_json(value: &Value) -> Response {
    answer(StatusCode::OK, "application/json", value.to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    (status, headers, body).into_response()
}

fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let title = escaped(title);
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n{content}\n</html>\n"
    );
    answer(status, "text/html; charset=utf-8", body)
}

fn list_html(mails: &[Mail]) -> String {
    if mails.is_empty() {
        return "<h1>Mails</h1>\n<p>None yet. Load the page again when one was sent.</p>".to_owned();
    }
    let rows = mails.iter().map(|mail| {
        let subject = if mail.subject.is_empty() { "(no subject)" } else { &mail.subject };
        format!(
            "<tr><td><a href=\"{PATH}/{}\">{}</a><td>{}<td class=\"quiet\">{}\n",
            escaped(&mail.id),
            escaped(subject),
            escaped(&mail.to.join(", ")),
            escaped(&mail.received_at),
        )
    });
    let rows: String = rows.collect();
    format!("<h1>Mails</h1>\n<table>\n<tr><th>Subject<th>To<th>Time\n{rows}</table>")
}

fn mail_html(mail: &Mail) -> String {
    let mut content =
        format!("<p><a href=\"{PATH}\">All mails</a></p>\n<h1>{}</h1>\n<table>\n", escaped(&mail.subject));
    let (to, reply_to) = (mail.to.join(", "), mail.reply_to.join(", "));
    let rows = [("From", &mail.from), ("To", &to), ("Reply to", &reply_to), ("Time", &mail.received_at)];
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let added = mail.headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in rows.chain(added) {
        let _ = writeln!(content, "<tr><th>{}<td>{}", escaped(name), escaped(value));
    }
    content += "</table>\n";
    if let Some(text) = &mail.text {
        let _ = writeln!(content, "<h2>Text</h2>\n<pre>{}</pre>", linked(text));
    }
    if let Some(html) = &mail.html {
        let framed = escaped(&format!("<base target=\"_blank\">{html}"));
        let _ = write!(
            content,
            "<h2>HTML</h2>\n<iframe title=\"The mail\" sandbox=\"allow-popups \
             allow-popups-to-escape-sandbox\" referrerpolicy=\"no-referrer\" srcdoc=\"{framed}\"></iframe>"
        );
    }
    content
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escaped, the addresses in it as links.
fn linked(text: &str) -> String {
    let mut linked = String::new();
    let mut rest = text;
    while let Some(start) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(from.len());
        let address = from.split_at(end).0.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
        let shown = escaped(address);
        linked += &escaped(before);
        let _ = write!(linked, "<a href=\"{shown}\" {LINK_ATTRIBUTES}>{shown}</a>");
        rest = from.split_at(address.len()).1;
    }
    linked + &escaped(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_text_become_links_and_the_rest_is_escaped() {
        let text = "<b> (http://a.example/?b=1&c=\"), then https://d.example/#e='f'. &";
        let link = |address: &str| format!("<a href=\"{address}\" {LINK_ATTRIBUTES}>{address}</a>");
        let expected = [
            "&lt;b&gt; (",
            &link("http://a.example/?b=1&amp;c="),
            "&quot;), then ",
            &link("https://d.example/#e=&#39;f&#39;"),
            ". &amp;",
        ];
        assert_eq!(linked(text), expected.concat());
    }
}
