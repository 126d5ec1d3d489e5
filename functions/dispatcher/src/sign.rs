//! Sign: Standard Webhooks 1.0. The event's id and bytes are the same at every attempt; the time
//! is the attempt's. Each secret that is valid signs, and the key beside it, so that a rotation has no gap. The webhook's own headers go along;
//! none of them can have the name of one of ours.

use std::str::FromStr;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, InvalidHeaderValue};
use shared::address::{EgressPolicy, TargetUrl};
use shared::clock::Timestamp;
use shared::delivery::{Outcome, Unreachable};
use shared::secret::{KeyRing, UnsealError};
use shared::trace::{SpanId, TraceContext};
use shared::webhook::{self, HeaderText, SealedSecret, SigningKey, SigningSecret, Webhook};

use crate::DispatchError;
use crate::load::Prepared;
use crate::send::{Sent, SignedRequest};

/// What is ready to be sent, or cannot be.
pub(crate) enum Signed {
    /// The request.
    Request(Prepared, SignedRequest),
    /// The stored URL is not one that this deployment sends to any more: an outcome like another.
    UrlRefused(Prepared, Sent),
}

pub(crate) fn sign(
    prepared: Prepared,
    ring: &KeyRing,
    egress: &EgressPolicy,
    (now, span): (Timestamp, SpanId),
) -> Result<Signed, DispatchError> {
    let url = match TargetUrl::parse(&prepared.webhook.url, egress) {
        Ok(url) => url,
        Err(error) => {
            tracing::warn!(webhook = %prepared.webhook.id, %error, "a stored URL is not allowed any more");
            let outcome = Outcome::Unreachable(Unreachable::UrlNotAllowed);
            return Ok(Signed::UrlRefused(prepared, Sent { outcome, duration_ms: 0, response_body: None }));
        }
    };
    let signers = signers(&prepared.webhook, ring, now)?;
    let body = prepared.event.body.clone();
    let mut headers = headers(&prepared.event.id.to_string(), now, prepared.attempt, &body, &signers)?;
    headers.extend(trace_headers(&prepared.event.trace(), span)?);
    headers.extend(own_headers(&prepared.webhook, ring)?);
    let request = SignedRequest { url, headers, body: Bytes::from(body), signed_at_ms: now.millis() };
    Ok(Signed::Request(prepared, request))
}

/// A secret, and the key beside it where there is one.
type Signer = (SigningSecret, Option<SigningKey>);

fn signers(webhook: &Webhook, ring: &KeyRing, now: Timestamp) -> Result<Vec<Signer>, UnsealError> {
    let open = |stored: &SealedSecret| {
        let secret = SigningSecret::unseal(&stored.sealed, ring, webhook.id)?;
        let key = stored.key.as_ref().map(|key| key.unseal(ring, webhook.id)).transpose()?;
        Ok((secret, key))
    };
    webhook.signing(now).map(open).collect()
}

/// W3C Trace Context: the trace is the event's, and each attempt is a span of its own in it.
fn trace_headers(
    trace: &TraceContext,
    span: SpanId,
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
    let parent = HeaderValue::from_str(&trace.parent(span))?;
    let mut headers = vec![(HeaderName::from_static("traceparent"), parent)];
    if let Some(state) = trace.state() {
        headers.push((HeaderName::from_static("tracestate"), HeaderValue::from_str(state)?));
    }
    Ok(headers)
}

fn own_headers(webhook: &Webhook, ring: &KeyRing) -> Result<Vec<(HeaderName, HeaderValue)>, DispatchError> {
    let header = |(name, text): (&webhook::HeaderName, HeaderText)| {
        let mut value = HeaderValue::from_str(text.expose())?;
        value.set_sensitive(true);
        Ok((HeaderName::from_str(name.as_str())?, value))
    };
    webhook.headers.open(ring, webhook.id)?.into_iter().map(header).collect()
}

fn headers(
    id: &str,
    now: Timestamp,
    attempt: u16,
    body: &str,
    signers: &[Signer],
) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
    let seconds = now.seconds();
    let message = format!("{id}.{seconds}.{body}");
    let message = message.as_bytes();
    let keys = signers.iter().filter_map(|(_, key)| key.as_ref());
    let signatures: Vec<_> = signers
        .iter()
        .map(|(secret, _)| secret.sign(message))
        .chain(keys.map(|key| key.sign(message)))
        .collect();
    Ok(vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), HeaderValue::from_str(id)?),
        (HeaderName::from_static("webhook-timestamp"), HeaderValue::from(seconds)),
        (HeaderName::from_static("webhook-signature"), HeaderValue::from_str(&signatures.join(" "))?),
        (HeaderName::from_static("webhook-attempt"), HeaderValue::from(attempt)),
    ])
}

#[cfg(test)]
mod tests {
    use shared::entropy::Entropy;

    use super::*;

    /// The vectors of the Standard Webhooks reference libraries.
    const VECTORS: [(&str, &str, i64, &str, &str); 2] = [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ];

    fn signature(id: &str, seconds: i64, body: &str, signers: &[Signer]) -> String {
        let headers = headers(id, Timestamp::from_seconds(seconds), 1, body, signers).unwrap();
        let (_, value) = headers.iter().find(|(name, _)| name == "webhook-signature").unwrap();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_reference_vectors_are_signed_alike() {
        for (secret, id, seconds, body, expected) in VECTORS {
            assert_eq!(signature(id, seconds, body, &[(secret.parse().unwrap(), None)]), expected);
        }
    }

    #[test]
    fn two_secrets_give_two_signatures_and_those_of_keys_come_after_them() {
        let key = SigningKey::generate(&Entropy::system()).unwrap();
        let [one, other] = VECTORS.map(|(secret, ..)| secret.parse().unwrap());
        let both = signature("evt_1", 1, "{}", &[(one, Some(key)), (other, None)]);
        assert_eq!(
            both.split(' ').map(|part| part.split_once(',').unwrap().0).collect::<Vec<_>>(),
            ["v1", "v1", "v1a"]
        );
    }
}
