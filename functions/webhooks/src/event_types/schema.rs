//! JSON Schema, draft 2020-12: from text to what decides about data.
//!
//! Nothing is fetched: a reference leads to another place of the same schema. Patterns run in linear time, and what
//! references expand to is bounded, so that no schema makes a publish long: see [`size`]. `format` is a note and is
//! not checked, as the draft has it.

mod size;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::event_type::SchemaText;
use shared::problem::{FieldProblem, Violation};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// What is told of data that does not match: the first of them.
const VIOLATIONS_MAX: usize = 5;
const DETAIL_CHARS_MAX: usize = 200;

/// A schema that is one.
pub(super) fn read(json: &RawValue) -> Result<SchemaText, Violation> {
    let text = SchemaText::read(json)?;
    compile(&text)?;
    Ok(text)
}

/// What decides about data, or why the text is no schema.
pub(super) fn compile(text: &SchemaText) -> Result<Validator, Violation> {
    let refuse = |why: &str| Violation::new("invalid_schema", cut(why));
    let schema: Value = serde_json::from_str(text.as_str()).map_err(|error| refuse(&error.to_string()))?;
    let dialect = schema.get("$schema").is_none_or(|dialect| dialect == DIALECT);
    if !dialect {
        return Err(refuse(&format!("`$schema` can only be `{DIALECT}`")));
    }
    size::check(&schema).map_err(|why| refuse(&why))?;
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(patterns)
        .build(&schema)
        .map_err(|error| refuse(&format!("at `{}`: {}", error.instance_path(), error.masked())))
}

/// The first of what is wrong with the data of an event, by its place in the body.
pub(super) fn violations(validator: &Validator, data: &RawValue) -> Vec<FieldProblem> {
    let problem = |pointer: String, code, detail| FieldProblem { pointer, code, detail };
    let Ok(data) = serde_json::from_str::<Value>(data.get()) else {
        let detail = "has a number that no double holds, or half of a pair of surrogates";
        return vec![problem("/data".to_owned(), "invalid_format", detail.to_owned())];
    };
    let errors = validator.iter_errors(&data).take(VIOLATIONS_MAX);
    errors
        .map(|error| {
            let place = format!("/data{}", error.instance_path());
            // Without the value: it can be as large as the data, and its place is told.
            problem(place, "schema_violation", cut(&error.masked().to_string()))
        })
        .collect()
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    fn refused(schema: &Value) -> String {
        let violation = read(&to_raw_value(schema).unwrap()).unwrap_err();
        assert_eq!(violation.code, "invalid_schema", "{schema}");
        violation.detail
    }

    #[test]
    fn what_is_no_schema_is_refused_with_the_reason() {
        for (schema, why) in [
            (json!({ "type": "objekt" }), "at `/type`"),
            (json!({ "properties": { "a": { "minimum": "1" } } }), "at `/properties/a/minimum`"),
            (json!({ "pattern": "(" }), "at `/pattern`"),
            (json!({ "pattern": "(?=a)" }), "at `/pattern`"),
            (json!({ "$schema": "http://json-schema.org/draft-07/schema#" }), "`$schema` can only be"),
            (json!({ "$ref": "https://example.com/schema.json" }), "within the schema"),
            (json!({ "$ref": "file:///etc/passwd" }), "within the schema"),
            (json!({ "$ref": "#/$defs/none" }), "leads nowhere"),
        ] {
            let detail = refused(&schema);
            assert!(detail.contains(why), "{schema}: {detail}");
        }
    }

    #[test]
    fn the_first_violations_are_told_by_their_place_and_without_the_value() {
        let schema = json!({
            "type": "object",
            "required": ["id"],
            "properties": { "items": { "items": { "$ref": "#/$defs/item" } } },
            "$defs": { "item": { "properties": { "price": { "type": "number", "minimum": 0 } } } },
        });
        let text = SchemaText::read(&to_raw_value(&schema).unwrap()).unwrap();
        let validator = compile(&text).unwrap();
        let violations = |data: Value| {
            let found = violations(&validator, &to_raw_value(&data).unwrap());
            found.into_iter().map(|problem| (problem.pointer, problem.detail)).collect::<Vec<_>>()
        };
        assert_eq!(violations(json!({ "id": 1, "items": [{ "price": 1 }] })), []);
        let items = json!([{ "price": "free" }, { "price": 2 }, { "price": -1 }]);
        let of = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        let found = violations(json!({ "items": items }));
        assert_eq!(found.len(), 3);
        assert!(found.contains(&of("/data", "\"id\" is a required property")), "{found:?}");
        assert!(found.contains(&of("/data/items/0/price", "value is not of type \"number\"")), "{found:?}");
        assert!(found.iter().any(|(pointer, _)| pointer == "/data/items/2/price"), "{found:?}");
        let many = json!({ "id": 1, "items": vec![json!({ "price": "x" }); 9] });
        assert_eq!(violations(many).len(), 5);
    }
}
