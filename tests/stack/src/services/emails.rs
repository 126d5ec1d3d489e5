//! The mails: SES version 2, of which there is `SendEmail` with a simple message. What
//! SES would refuse is refused; what it would send is kept in a [`Mailbox`].
//!
//! Not emulated: raw and templated messages, verified identities, suppression, bounces,
//! configuration sets, quotas.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::mail::{Mail, Mailbox};
use crate::moment;

/// SES sends to at most this many at once.
const RECIPIENTS_MAX: usize = 50;

/// So many headers may be added.
const HEADERS_MAX: usize = 15;

const HEADER_NAME_CHARS_MAX: usize = 126;
const HEADER_VALUE_CHARS_MAX: usize = 870;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    from_email_address: String,
    #[serde(default)]
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Content,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Destination {
    #[serde(rename = "ToAddresses")]
    to: Vec<String>,
    #[serde(rename = "CcAddresses")]
    cc: Vec<String>,
    #[serde(rename = "BccAddresses")]
    bcc: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    subject: Text,
    body: Body,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
    charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    value: String,
}

/// The one route.
pub(super) fn router(mailbox: Mailbox) -> Router {
    Router::new().route("/v2/email/outbound-emails", post(send_email)).with_state(mailbox)
}

async fn send_email(State(mailbox): State<Mailbox>, body: Bytes) -> Response {
    let request = serde_json::from_slice::<Request>(&body).map_err(|error| error.to_string());
    match request.and_then(accepted) {
        Ok(mail) => {
            let answer = Json(json!({ "MessageId": mail.id }));
            if let Err(error) = mailbox.put(mail) {
                eprintln!("[ses] the mails cannot be kept: {error}");
            }
            answer.into_response()
        }
        Err(reason) => {
            let kind = (HeaderName::from_static("x-amzn-errortype"), "BadRequestException");
            (StatusCode::BAD_REQUEST, [kind], Json(json!({ "message": reason }))).into_response()
        }
    }
}

/// The mail, or why it is refused.
fn accepted(request: Request) -> Result<Mail, String> {
    let message = request.content.simple.ok_or("only `Content.Simple` is emulated here")?;
    let Destination { mut to, cc, bcc } = request.destination;
    to.extend(cc.into_iter().chain(bcc));
    if to.is_empty() {
        return Err("the mail has no recipient".to_owned());
    }
    if to.len() > RECIPIENTS_MAX {
        return Err(format!("the mail has more than {RECIPIENTS_MAX} recipients"));
    }
    check_address("FromEmailAddress", &request.from_email_address)?;
    to.iter().try_for_each(|address| check_address("Destination", address))?;
    request.reply_to_addresses.iter().try_for_each(|address| check_address("ReplyToAddresses", address))?;
    check_headers(&message.headers)?;
    let subject = checked("Subject", message.subject)?;
    if subject.contains(['\r', '\n']) {
        return Err("`Subject` is more than one line".to_owned());
    }
    let text = message.body.text.map(|text| checked("Body.Text", text)).transpose()?;
    let html = message.body.html.map(|html| checked("Body.Html", html)).transpose()?;
    if text.is_none() && html.is_none() {
        return Err("`Body` has neither `Text` nor `Html`".to_owned());
    }
    Ok(Mail {
        id: moment::request_id(),
        from: request.from_email_address,
        to,
        subject,
        text,
        html,
        reply_to: request.reply_to_addresses,
        headers: message.headers.into_iter().map(|header| (header.name, header.value)).collect(),
        received_at: moment::iso_time(moment::now()),
    })
}

/// What is not ASCII arrives garbled unless the character set is said.
fn checked(field: &str, text: Text) -> Result<String, String> {
    if text.charset.is_none() && !text.data.is_ascii() {
        return Err(format!("`{field}` is not ASCII: it needs a `Charset`"));
    }
    Ok(text.data)
}

/// `name@domain`, or that in angle brackets behind a name. Other characters than ASCII
/// have to be encoded by the caller, in each part of it in another way.
fn check_address(field: &str, address: &str) -> Result<(), String> {
    let wrong = |reason: &str| Err(format!("`{field}`: `{address}` {reason}"));
    if !address.is_ascii() {
        return wrong("has characters that are not ASCII");
    }
    let bare = match address.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((_, bare)) => bare,
        None => address,
    };
    let Some((local, domain)) = bare.rsplit_once('@') else {
        return wrong("has no `@domain`");
    };
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>,;".contains(c);
    if local.is_empty() || domain.is_empty() || !bare.chars().all(is_plain) || local.contains('@') {
        return wrong("is no address");
    }
    if address.contains(|c: char| c.is_ascii_control()) {
        return wrong("has control characters");
    }
    Ok(())
}

fn check_headers(headers: &[Header]) -> Result<(), String> {
    if headers.len() > HEADERS_MAX {
        return Err(format!("more than {HEADERS_MAX} headers"));
    }
    for Header { name, value } in headers {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && c != ':');
        if !is_name || name.len() > HEADER_NAME_CHARS_MAX {
            return Err(format!("`{name}` is no name of a header"));
        }
        let is_value = value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        if !is_value || value.len() > HEADER_VALUE_CHARS_MAX {
            return Err(format!("the header `{name}` has a value that cannot be sent"));
        }
    }
    Ok(())
}
