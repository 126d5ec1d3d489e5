//! `POST /api/webhooks/verify-signature` takes what a receiver saw, and says at which step its check of the
//! signature fails, and why. For whoever writes a receiver; deliveries need it not.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::clock::Timestamp;
use shared::event::Event;
use shared::http::{Fields, FromFields, Json as Body, NoStore, Operation};
use shared::id::{EventId, WebhookId};
use shared::principal::Principal;
use shared::problem::{Problem, Violation};
use shared::secret::UnsealError;
use shared::webhook::{PublicKey, SigningSecret, Webhook};

use crate::Webhooks;

/// What the public libraries of Standard Webhooks allow.
const TOLERANCE_SECONDS: u64 = 300;

#[derive(JsonSchema)]
#[schemars(rename = "VerifySignature", deny_unknown_fields)]
pub(crate) struct Request {
    /// Which webhook the receiver is of.
    webhook_id: WebhookId,
    /// The header `webhook-id`.
    id: String,
    /// The header `webhook-timestamp`.
    timestamp: String,
    /// The header `webhook-signature`.
    signature: String,
    /// The body, as the receiver has it.
    body: String,
}

struct Text(String);

impl std::str::FromStr for Text {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(Self(text.to_owned()))
    }
}

impl FromFields for Request {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let webhook_id = fields.text("webhook_id");
        let mut text = |name: &str| fields.text::<Text>(name).map(|Text(text)| text);
        let (id, timestamp) = (text("id"), text("timestamp"));
        let (signature, body) = (text("signature"), text("body"));
        Some(Self {
            webhook_id: webhook_id?,
            id: id?,
            timestamp: timestamp?,
            signature: signature?,
            body: body?,
        })
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SignatureProblem")]
pub(crate) enum Code {
    /// Nothing: the receiver should accept it.
    Valid,
    /// `webhook-timestamp` is no whole number of seconds.
    TimestampMalformed,
    /// It is more than five minutes ago, or ahead: an old delivery, or a clock that is wrong.
    TimestampOutOfTolerance,
    /// `webhook-signature` has nothing of the form `v1,` or `v1a,` and base64 in it.
    SignatureMalformed,
    /// The signature is of the event as it was sent, but the body is another: it was parsed and written again.
    BodyChanged,
    /// No secret and no key that signs for this webhook made the signature.
    UnknownSecret,
}

/// The verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignatureVerdict")]
pub(crate) struct Answer {
    valid: bool,
    code: Code,
    /// The same in a sentence.
    detail: &'static str,
    /// Which secret, or the key beside it, signed, if one did: 0 for the current one, 1 for the one before it.
    secret: Option<usize>,
}

impl Answer {
    fn of(code: Code, secret: Option<usize>) -> Self {
        let detail = match code {
            Code::Valid => "the signature is right",
            Code::TimestampMalformed => "`webhook-timestamp` is not a whole number of seconds since 1970",
            Code::TimestampOutOfTolerance => {
                "`webhook-timestamp` is more than five minutes from now: use the delivery's own headers, and a clock that is right"
            }
            Code::SignatureMalformed => {
                "`webhook-signature` has no part of the form `v1,` or `v1a,` and base64"
            }
            Code::BodyChanged => {
                "the signature is of the event as it was sent, but the body has other bytes: verify it before it is parsed"
            }
            Code::UnknownSecret => "no secret and no key of this webhook made the signature",
        };
        Self { valid: code == Code::Valid, code, detail, secret }
    }
}

pub(crate) fn operation() -> Operation {
    Operation::new("verifySignature", "Say at which step the check of a signature fails")
        .takes::<Request>(json!({
            "webhook_id": "whk_01kdvdna000w3ge1r70w3ge1r7",
            "id": "evt_01kdvdna000w3ge1r70w3ge1r7",
            "timestamp": "1767225600",
            "signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            "body": "{\"type\":\"invoice.paid\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"data\":{}}",
        }))
        .answers::<Answer>(
            200,
            "The verdict; a wrong signature is no error",
            json!({ "valid": true, "code": "valid", "detail": "the signature is right", "secret": 0 }),
        )
}

pub(crate) async fn handler(
    State(Webhooks { core, .. }): State<Webhooks>,
    caller: Principal,
    Body { value: request, .. }: Body<Request>,
) -> Result<NoStore<Json<Answer>>, Problem> {
    let (table, org, now) = (&core.table, caller.org(), core.clock.now());
    let webhook = table.webhook(org, request.webhook_id).await?.ok_or_else(Problem::not_found)?;
    let event = match request.id.parse::<EventId>() {
        Ok(id) => table.event(org, id, now).await?,
        Err(_) => None,
    };
    let signers = signers(&core, &webhook, now).await?;
    let (code, secret) = judge(&request, event.as_ref(), &signers, now);
    Ok(NoStore(Json(Answer::of(code, secret))))
}

/// A secret, and the key beside it.
struct Signer {
    secret: SigningSecret,
    key: Option<PublicKey>,
}

impl Signer {
    fn made(&self, part: &str, message: &[u8]) -> bool {
        part == self.secret.sign(message) || self.key.is_some_and(|key| key.verifies(message, part))
    }
}

async fn signers(
    core: &shared::context::Core,
    webhook: &Webhook,
    now: Timestamp,
) -> Result<Vec<Signer>, Problem> {
    let mut ring = core.keys.ring().await;
    for kid in webhook.signing(now).filter_map(|secret| secret.sealed.kid()) {
        ring = core.keys.ring_with(kid).await;
    }
    let open = webhook.signing(now).map(|stored| {
        let secret = SigningSecret::unseal(&stored.sealed, &ring, webhook.id)?;
        Ok(Signer { secret, key: stored.key.as_ref().map(|key| key.public) })
    });
    open.collect::<Result<_, _>>().map_err(|error: UnsealError| Problem::internal(&error))
}

/// In the order in which a receiver checks. The secret is told also where something else is wrong.
fn judge(
    request: &Request,
    event: Option<&Event>,
    signers: &[Signer],
    now: Timestamp,
) -> (Code, Option<usize>) {
    let Some(seconds) = request.timestamp.parse::<i64>().ok().filter(|seconds| *seconds >= 0) else {
        return (Code::TimestampMalformed, None);
    };
    // Others may stand beside them: the form is made to be added to.
    let ours = |part: &&str| part.starts_with("v1,") || part.starts_with("v1a,");
    let given: Vec<_> = request.signature.split(' ').filter(ours).collect();
    if given.is_empty() {
        return (Code::SignatureMalformed, None);
    }
    let made_with = |body: &str| {
        let message = format!("{}.{seconds}.{body}", request.id);
        signers.iter().position(|signer| given.iter().any(|part| signer.made(part, message.as_bytes())))
    };
    let signed = made_with(&request.body);
    let sent_at = Timestamp::from_seconds(seconds);
    let off = now.since(sent_at).max(sent_at.since(now));
    match (signed, event.and_then(|event| made_with(&event.body))) {
        (None, Some(secret)) => (Code::BodyChanged, Some(secret)),
        (None, None) => (Code::UnknownSecret, None),
        (Some(secret), _) if off.as_secs() > TOLERANCE_SECONDS => {
            (Code::TimestampOutOfTolerance, Some(secret))
        }
        (Some(secret), _) => (Code::Valid, Some(secret)),
    }
}
