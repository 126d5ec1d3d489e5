//! Headers of a webhook's own, which go along with each of its deliveries: a token that the receiver's gateway asks
//! for, most often. So their values are secrets: encrypted in the table, each bound to its webhook and its name, and
//! shown by no answer.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, NoEntropy};
use crate::http::Fields;
use crate::id::WebhookId;
use crate::problem::Violation;
use crate::secret::{KeyRing, Purpose, Resealing, Sealed, UnsealError};

/// The name of a header in lower case: case means nothing in it, and this is how it is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeaderName(String);

impl HeaderName {
    const CHARS_MAX: usize = 64;
    /// Of the connection and of the message, which are the sender's to say, and what tells of a trace.
    const OURS: [&str; 13] = [
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    const OUR_BEGINNINGS: [&str; 2] = ["proxy-", "webhook-"];

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        // RFC 9110, 5.6.2.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..=Self::CHARS_MAX).contains(&text.len()) || !text.bytes().all(token) {
            let rule = format!("a name has 1 to {} letters, digits and `-`", Self::CHARS_MAX);
            return Err(Violation::new("invalid_header", rule));
        }
        let name = text.to_ascii_lowercase();
        let ours = Self::OURS.contains(&name.as_str())
            || Self::OUR_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
        if ours {
            return Err(Violation::new("reserved_header", "is set by the sender: choose another name"));
        }
        Ok(Self(name))
    }
}

/// The value of a header.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderText(String);

impl HeaderText {
    const CHARS_MAX: usize = 1024;
    /// What answers show in the place of every value.
    pub const MASK: &str = "***";

    /// The value, for the request that it goes along with.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText")
    }
}

impl FromStr for HeaderText {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let visible = |byte: u8| (b' '..=b'~').contains(&byte);
        if text == Self::MASK {
            // Whoever sends back what they read would lose the value.
            let rule = "is what answers show instead of the value: leave the header out to keep it";
            return Err(Violation::new("masked_value", rule));
        }
        let whole = (1..=Self::CHARS_MAX).contains(&text.len()) && text.bytes().all(visible);
        let rule =
            format!("expected 1 to {} visible ASCII characters, and spaces between them", Self::CHARS_MAX);
        // Spaces at the ends do not arrive (RFC 9110, 5.5).
        (whole && text.trim() == text)
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| Violation::new("invalid_header", rule))
    }
}

/// What a request says of headers: a value, or none, for each that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChanges(BTreeMap<HeaderName, Option<HeaderText>>);

impl HeaderChanges {
    /// Reads the members of an object.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut changes = BTreeMap::new();
        for name in fields.names() {
            let text = fields.patch_text::<HeaderText>(&name).apply(None);
            let before = match name.parse::<HeaderName>() {
                Ok(header) => changes.insert(header, text),
                Err(violation) => {
                    fields.reject(&name, violation);
                    None
                }
            };
            if before.is_some() {
                fields.reject(&name, Violation::new("duplicate_field", "is there in another spelling"));
            }
        }
        Some(Self(changes))
    }

    /// Encrypted for the table.
    pub fn seal(
        self,
        ring: &KeyRing,
        webhook: WebhookId,
        entropy: &Entropy,
    ) -> Result<SealedHeaderChanges, NoEntropy> {
        let seal = |(name, text): (HeaderName, Option<HeaderText>)| {
            let owner = owner(webhook, &name);
            let seal = |text: HeaderText| {
                Sealed::seal(ring, Purpose::WebhookHeader, &owner, text.0.as_bytes(), entropy)
            };
            Ok((name, text.map(seal).transpose()?))
        };
        self.0.into_iter().map(seal).collect::<Result<_, _>>().map(SealedHeaderChanges)
    }
}

/// The same, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedHeaderChanges(BTreeMap<HeaderName, Option<Sealed>>);

/// A value belongs to one header of one webhook.
fn owner(webhook: WebhookId, name: &HeaderName) -> String {
    format!("{webhook} {}", name.0)
}

/// The headers of a webhook, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedHeaders(BTreeMap<HeaderName, Sealed>);

impl SealedHeaders {
    /// How many a webhook can have.
    pub const PER_WEBHOOK_MAX: usize = 10;

    /// The headers after changes: those that are named have another value or are gone, the others stay.
    pub fn after(mut self, changes: &SealedHeaderChanges) -> Result<Self, Violation> {
        for (name, sealed) in &changes.0 {
            match sealed {
                Some(sealed) => self.0.insert(name.clone(), sealed.clone()),
                None => self.0.remove(name),
            };
        }
        if self.0.len() > Self::PER_WEBHOOK_MAX {
            let rule = format!("a webhook has at most {} headers", Self::PER_WEBHOOK_MAX);
            return Err(Violation::new("too_many", rule));
        }
        Ok(self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, each with what stands for its value in answers.
    pub fn masked(&self) -> BTreeMap<String, &'static str> {
        self.0.keys().map(|name| (name.0.clone(), HeaderText::MASK)).collect()
    }

    /// Seals every value anew that is not under the current key.
    pub(super) fn reseal(
        &mut self,
        webhook: WebhookId,
        resealing: &mut Resealing<'_>,
    ) -> Result<(), NoEntropy> {
        for (name, sealed) in &mut self.0 {
            resealing.value(sealed, Purpose::WebhookHeader, &owner(webhook, name))?;
        }
        Ok(())
    }

    /// The encrypted values.
    pub(super) fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        self.0.values()
    }

    /// From the table.
    pub fn open(
        &self,
        ring: &KeyRing,
        webhook: WebhookId,
    ) -> Result<Vec<(&HeaderName, HeaderText)>, UnsealError> {
        let open = |(name, sealed): (_, &Sealed)| {
            let bytes = sealed.open(ring, Purpose::WebhookHeader, &owner(webhook, name))?;
            Ok((name, HeaderText(String::from_utf8(bytes).map_err(|_| UnsealError::Damaged)?)))
        };
        self.0.iter().map(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::webhook::SigningSecret;

    #[test]
    fn names_are_tokens_in_lower_case_that_are_not_ours() {
        for (text, name) in [("X-Team", "x-team"), ("Authorization", "authorization"), ("a_b.c~", "a_b.c~")] {
            assert_eq!(text.parse::<HeaderName>().unwrap().as_str(), name);
        }
        let long = "a".repeat(65);
        for wrong in ["", "a b", "a:b", "é", "a\r\nb", ":path", &long] {
            assert_eq!(wrong.parse::<HeaderName>().unwrap_err().code, "invalid_header", "{wrong}");
        }
        for ours in HeaderName::OURS.into_iter().chain([
            "Host",
            "TE",
            "proxy-authorization",
            "Proxy-Connection",
            "webhook-id",
            "Webhook-Anything",
            "Transfer-Encoding",
        ]) {
            assert_eq!(ours.parse::<HeaderName>().unwrap_err().code, "reserved_header", "{ours}");
        }
    }

    #[test]
    fn values_are_visible_ascii_and_do_not_print() {
        let long = "a".repeat(1025);
        for wrong in ["", " ", " a", "a ", "a\tb", "a\r\nx-b: c", "é", "\u{7f}", &long] {
            assert_eq!(wrong.parse::<HeaderText>().unwrap_err().code, "invalid_header", "{wrong}");
        }
        assert_eq!("***".parse::<HeaderText>().unwrap_err().code, "masked_value");
        let text: HeaderText = "Bearer abc ~!".parse().unwrap();
        assert_eq!((text.expose(), format!("{text:?}")), ("Bearer abc ~!", "HeaderText".to_owned()));
    }

    #[test]
    fn a_value_opens_for_its_webhook_and_its_name_and_no_secret_opens_as_one() {
        let ring = KeyRing::parse(r#"{"kid":"k","key":"0123456789abcdefghijklmnopqrstuv"}"#).unwrap();
        let entropy = Entropy::system();
        let id = |seconds| WebhookId::new(Timestamp::from_seconds(seconds), &entropy).unwrap();
        let (one, other) = (id(1), id(2));
        let name: HeaderName = "x-a".parse().unwrap();
        let changes = HeaderChanges([(name.clone(), Some("v".parse().unwrap()))].into());
        let headers = SealedHeaders::default().after(&changes.seal(&ring, one, &entropy).unwrap()).unwrap();
        assert_eq!(headers.open(&ring, one), Ok(vec![(&name, HeaderText("v".to_owned()))]));
        assert_eq!(headers.open(&ring, other), Err(UnsealError::Damaged));
        let moved = SealedHeaders([("x-b".parse().unwrap(), headers.0[&name].clone())].into());
        assert_eq!(moved.open(&ring, one), Err(UnsealError::Damaged));
        let secret = SigningSecret::generate(&entropy).unwrap().seal(&ring, one, &entropy).unwrap();
        assert_eq!(SealedHeaders([(name, secret)].into()).open(&ring, one), Err(UnsealError::Damaged));
    }
}
