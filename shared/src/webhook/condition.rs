//! Conditions: what has to hold of an event's data, so that a webhook gets the event.
//!
//! A value of another type than the operator is about never fulfils it, and is no error: data changes, and a
//! webhook should not break by it. `ne` says "not this", so it holds also where nothing is.

mod path;

use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

pub use self::path::Path;
use crate::http::{Fields, Patch};
use crate::problem::Violation;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// It is this JSON value; 1 and 1.0 are the same.
    Eq,
    /// It is not, or nothing is there.
    Ne,
    /// It is one of these.
    In,
    /// Something is there, `null` included (`true`), or nothing is (`false`).
    Exists,
    /// It is a text that begins so.
    Prefix,
    /// It is a greater number, or a text that sorts behind.
    Gt,
    /// It is a lesser number, or a text that sorts before.
    Lt,
}

impl FromStr for Operator {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        Ok(match text {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "in" => Self::In,
            "exists" => Self::Exists,
            "prefix" => Self::Prefix,
            "gt" => Self::Gt,
            "lt" => Self::Lt,
            _ => {
                let rule = "expected `eq`, `ne`, `in`, `exists`, `prefix`, `gt` or `lt`";
                return Err(Violation::new("unknown_operator", rule));
            }
        })
    }
}

/// One thing that has to hold of an event's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Condition {
    path: Path,
    op: Operator,
    /// What is compared with: any value for `eq` and `ne`, 1 to 50 scalars for `in`, a boolean for `exists`, a text
    /// for `prefix`, a number or a text for `gt` and `lt`.
    value: Value,
}

impl Condition {
    /// How many a webhook can have.
    pub const PER_WEBHOOK_MAX: usize = 10;
    /// Of the values of `in`.
    const VALUES_MAX: usize = 50;
    /// Of the JSON to compare with: every publish reads it.
    const VALUE_BYTES_MAX: usize = 2048;

    fn new(path: Path, op: Operator, value: Value) -> Result<Self, Violation> {
        let scalar = |value: &Value| !value.is_array() && !value.is_object();
        let (right, rule) = match op {
            Operator::Eq | Operator::Ne => (true, ""),
            Operator::In => (
                value.as_array().is_some_and(|list| {
                    (1..=Self::VALUES_MAX).contains(&list.len()) && list.iter().all(scalar)
                }),
                "`in` takes a list of 1 to 50 texts, numbers, booleans and nulls",
            ),
            Operator::Exists => (value.is_boolean(), "`exists` takes true or false"),
            Operator::Prefix => (value.is_string(), "`prefix` takes a text"),
            Operator::Gt | Operator::Lt => {
                (value.is_number() || value.is_string(), "`gt` and `lt` take a number or a text")
            }
        };
        if right { Ok(Self { path, op, value }) } else { Err(Violation::new("wrong_type", rule)) }
    }

    /// Reads one from the fields of its object.
    pub fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (path, op) = (fields.text("path"), fields.text("op"));
        let mut named = false;
        let value = fields.patch("value", |json| {
            named = true;
            value(json)
        });
        let value = match value {
            Patch::Set(value) => Some(value),
            // A value like another here.
            Patch::Clear => Some(Value::Null),
            Patch::Keep => {
                if !named {
                    fields.reject("value", Violation::new("required", "is required"));
                }
                None
            }
        };
        Self::new(path?, op?, value?).map_err(|violation| fields.reject("value", violation)).ok()
    }

    /// Whether it holds.
    pub fn holds(&self, data: &Value) -> bool {
        let found = self.path.find(data);
        match (self.op, found) {
            (Operator::Ne, found) => found.is_none_or(|found| !same(found, &self.value)),
            (Operator::Exists, found) => self.value == found.is_some(),
            (Operator::Eq | Operator::In | Operator::Prefix | Operator::Gt | Operator::Lt, None) => false,
            (Operator::Eq, Some(found)) => same(found, &self.value),
            (Operator::In, Some(found)) => {
                self.value.as_array().is_some_and(|list| list.iter().any(|value| same(found, value)))
            }
            (Operator::Prefix, Some(found)) => {
                found.as_str().zip(self.value.as_str()).is_some_and(|(text, start)| text.starts_with(start))
            }
            (Operator::Gt, Some(found)) => order(found, &self.value) == Some(Ordering::Greater),
            (Operator::Lt, Some(found)) => order(found, &self.value) == Some(Ordering::Less),
        }
    }
}

fn value(json: &RawValue) -> Result<Value, Violation> {
    if json.get().len() > Condition::VALUE_BYTES_MAX {
        let rule = format!("has more than {} bytes", Condition::VALUE_BYTES_MAX);
        return Err(Violation::new("too_long", rule));
    }
    // A number that no double holds, or half of a pair of surrogates.
    serde_json::from_str(json.get()).map_err(|_| Violation::new("invalid_format", "cannot be compared with"))
}

/// Equality of JSON values, numbers by what they are and not by how they are written.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(name, one)| other.get(name).is_some_and(|other| same(one, other));
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

/// Of two numbers or of two texts, these by their characters' numbers in Unicode.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Exact also where a double is not: 2⁵³ + 1 is not 2⁵³.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    /// Every double below it is a whole number that fits, or has a fraction.
    const END: f64 = 1e38;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
    let of_double = |double: f64| (double.fract() == 0.0 && double.abs() < END).then_some(double as i128);
    number.as_i128().or_else(|| number.as_f64().and_then(of_double))
}

/// The data of an event, parsed once and only when a condition asks.
#[derive(Debug)]
pub struct EventData<'a> {
    json: &'a RawValue,
    parsed: OnceLock<Option<Value>>,
}

impl<'a> EventData<'a> {
    /// The data as it was written.
    pub fn of(json: &'a RawValue) -> Self {
        Self { json, parsed: OnceLock::new() }
    }

    /// Whether every condition holds. Data with something in it that cannot be read (a number that no double holds,
    /// half of a pair of surrogates) fulfils none.
    pub(super) fn fulfils(&self, conditions: &[Condition]) -> bool {
        conditions.is_empty()
            || self
                .parsed
                .get_or_init(|| serde_json::from_str(self.json.get()).ok())
                .as_ref()
                .is_some_and(|data| conditions.iter().all(|condition| condition.holds(data)))
    }
}

/// Conditions in the table: as text, because the table has no numbers of the size that JSON has.
pub(super) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::Condition;

    pub(in crate::webhook) fn serialize<S: Serializer>(
        conditions: &[Condition],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(conditions).map_err(ser::Error::custom)?)
    }

    pub(in crate::webhook) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Condition>, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(op: &str, value: Value) -> Condition {
        Condition::new("$.a".parse().unwrap(), op.parse().unwrap(), value).unwrap()
    }

    #[test]
    fn each_operator_holds_of_its_values_and_of_no_others() {
        let nothing = json!({});
        let a = |value: Value| json!({ "a": value });
        for (op, value, holds, fails) in [
            (
                "eq",
                json!(1),
                vec![a(json!(1)), a(json!(1.0))],
                vec![a(json!("1")), a(json!(true)), a(json!([1])), nothing.clone()],
            ),
            ("eq", json!(null), vec![a(json!(null))], vec![a(json!(0)), nothing.clone()]),
            (
                "eq",
                json!({ "x": [1, 2] }),
                vec![a(json!({ "x": [1.0, 2] }))],
                vec![a(json!({ "x": [2, 1] })), a(json!({ "x": [1, 2], "y": 1 }))],
            ),
            ("ne", json!("x"), vec![a(json!("y")), a(json!(null)), nothing.clone()], vec![a(json!("x"))]),
            (
                "in",
                json!(["x", 2, null]),
                vec![a(json!("x")), a(json!(2.0)), a(json!(null))],
                vec![a(json!("2")), a(json!(["x"])), nothing.clone()],
            ),
            ("exists", json!(true), vec![a(json!(null)), a(json!(0))], vec![nothing.clone(), json!([1])]),
            ("exists", json!(false), vec![nothing.clone(), json!([1])], vec![a(json!(null))]),
            (
                "prefix",
                json!("in_"),
                vec![a(json!("in_1")), a(json!("in_"))],
                vec![a(json!("in")), a(json!(["in_1"])), nothing.clone()],
            ),
            (
                "gt",
                json!(10),
                vec![a(json!(10.5)), a(json!(11))],
                vec![a(json!(10)), a(json!("11")), a(json!(null)), nothing.clone()],
            ),
            (
                "gt",
                json!("b"),
                vec![a(json!("ba")), a(json!("é"))],
                vec![a(json!("b")), a(json!(7)), nothing.clone()],
            ),
            (
                "lt",
                json!(-1),
                vec![a(json!(-1.5))],
                vec![a(json!(-1)), a(json!(0)), a(json!(false)), nothing],
            ),
        ] {
            let condition = condition(op, value);
            for data in holds {
                assert!(condition.holds(&data), "{condition:?} {data}");
            }
            for data in fails {
                assert!(!condition.holds(&data), "{condition:?} {data}");
            }
        }
    }

    #[test]
    fn numbers_are_compared_by_value_however_large() {
        for (one, other, expected) in [
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551615", Ordering::Equal),
            ("18446744073709551615", "-9223372036854775808", Ordering::Greater),
            ("1e2", "100", Ordering::Equal),
            ("-0.0", "0", Ordering::Equal),
            ("0.1", "0", Ordering::Greater),
            ("1e300", "18446744073709551615", Ordering::Greater),
            ("1e300", "1e300", Ordering::Equal),
        ] {
            let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
            assert_eq!(compare(&number(one), &number(other)), Some(expected), "{one} {other}");
        }
    }

    #[test]
    fn a_condition_comes_out_of_the_table_as_it_went_in() {
        let conditions = vec![condition("gt", json!(1e300)), condition("in", json!(["x", null]))];
        let mut text = Vec::new();
        text::serialize(&conditions, &mut serde_json::Serializer::new(&mut text)).unwrap();
        let stored = String::from_utf8(text).unwrap();
        let back = text::deserialize(&mut serde_json::Deserializer::from_str(&stored)).unwrap();
        assert_eq!(back, conditions);
    }

    #[test]
    fn data_that_cannot_be_read_fulfils_no_condition_and_is_not_read_without_one() {
        for text in [r#"{"b":1E400}"#, r#"{"b":"\ud83e"}"#] {
            let json: Box<RawValue> = serde_json::from_str(text).unwrap();
            let data = EventData::of(&json);
            assert!(data.fulfils(&[]) && data.parsed.get().is_none(), "{text}");
            assert!(!data.fulfils(&[condition("exists", json!(false))]), "{text}");
        }
    }
}
