//! Texts that people give to things: names, and metadata.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::problem::Violation;

/// Control characters, and what Unicode has for the ends of lines and paragraphs beside them.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A name as people and organisations have them: 1 to 128 characters, none of them a control
/// character, no space at either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    const CHARS_MAX: usize = 128;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let name = text.trim();
        match name.chars().count() {
            0 => Err(Violation::new("too_short", "is empty")),
            n if n > Self::CHARS_MAX => {
                Err(Violation::new("too_long", format!("has more than {} characters", Self::CHARS_MAX)))
            }
            _ if name.contains(breaks_line) => {
                Err(Violation::new("invalid_format", "has a control character or begins a line"))
            }
            _ => Ok(Self(name.to_owned())),
        }
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": Self::CHARS_MAX })
    }
}

/// What a thing is for, in its owner's words: up to 256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(String);

impl Description {
    const CHARS_MAX: usize = 256;
}

impl FromStr for Description {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        if text.chars().count() > Self::CHARS_MAX {
            Err(Violation::new("too_long", format!("has more than {} characters", Self::CHARS_MAX)))
        } else if text.contains(control) {
            Err(Violation::new("invalid_format", "has a control character"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl schemars::JsonSchema for Description {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Description".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": Self::CHARS_MAX })
    }
}

/// Up to 16 texts under names of the owner's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    const ENTRIES_MAX: usize = 16;
    const NAME_CHARS_MAX: usize = 40;
    const VALUE_CHARS_MAX: usize = 500;

    /// Reads the JSON of a field.
    pub fn read(json: &RawValue) -> Result<Self, Violation> {
        let entries: BTreeMap<String, String> = serde_json::from_str(json.get())
            .map_err(|_| Violation::new("wrong_type", "expected an object whose values are texts"))?;
        let long = |(name, value): (&String, &String)| {
            name.is_empty()
                || name.chars().count() > Self::NAME_CHARS_MAX
                || value.chars().count() > Self::VALUE_CHARS_MAX
        };
        if entries.len() > Self::ENTRIES_MAX {
            Err(Violation::new("too_many", format!("at most {} entries are allowed", Self::ENTRIES_MAX)))
        } else if entries.iter().any(long) {
            let (name, value) = (Self::NAME_CHARS_MAX, Self::VALUE_CHARS_MAX);
            Err(Violation::new(
                "too_long",
                format!("names have 1 to {name} characters, values at most {value}"),
            ))
        } else {
            Ok(Self(entries))
        }
    }
}

impl schemars::JsonSchema for Metadata {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "maxProperties": Self::ENTRIES_MAX,
            "additionalProperties": { "type": "string", "maxLength": Self::VALUE_CHARS_MAX },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!("  Ada ".parse::<Name>().unwrap().as_str(), "Ada");
        for (text, code) in [("", "too_short"), (" \t ", "too_short"), ("a\u{7}b", "invalid_format")] {
            assert_eq!(text.parse::<Name>().unwrap_err().code, code);
        }
        assert_eq!("é".repeat(129).parse::<Name>().unwrap_err().code, "too_long");
        assert!("é".repeat(128).parse::<Name>().is_ok());
    }

    #[test]
    fn metadata_is_bounded_in_every_direction() {
        let read = |json: &str| Metadata::read(serde_json::from_str(json).unwrap());
        assert!(read(r#"{"a":"b"}"#).is_ok());
        let many: BTreeMap<String, String> = (0..17).map(|n| (n.to_string(), String::new())).collect();
        for (json, code) in [
            ("[]".to_owned(), "wrong_type"),
            (r#"{"a":1}"#.to_owned(), "wrong_type"),
            (r#"{"":"b"}"#.to_owned(), "too_long"),
            (format!(r#"{{"a":"{}"}}"#, "x".repeat(501)), "too_long"),
            (serde_json::to_string(&many).unwrap(), "too_many"),
        ] {
            assert_eq!(read(&json).unwrap_err().code, code, "{json}");
        }
    }
}
