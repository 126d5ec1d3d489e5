//! What a schema's references expand to. A few lines can make a validator work for ever: `allOf` of two references
//! to the same, forty levels deep, are 2⁴⁰ schemas, and a reference to itself is one without end. So references stay
//! within the schema, lead to no place that they come from, and expand to a bounded number of schemas.

use std::collections::HashMap;

use serde_json::Value;

/// Objects, when every reference is written out.
const OBJECTS_MAX: usize = 5_000;
/// References behind one another.
const REFERENCES_MAX: usize = 50;

/// `Err` says why not.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut expansion = Expansion { root: schema, known: HashMap::new(), depth: 0 };
    expansion.objects(schema)?;
    Ok(())
}

struct Expansion<'a> {
    root: &'a Value,
    /// What a reference expands to; `None` while that is found out.
    known: HashMap<&'a str, Option<usize>>,
    depth: usize,
}

impl<'a> Expansion<'a> {
    fn objects(&mut self, value: &'a Value) -> Result<usize, String> {
        let mut count = 0_usize;
        match value {
            Value::Object(members) => {
                count += 1;
                for (name, member) in members {
                    count += match (name.as_str(), member) {
                        ("$ref", Value::String(target)) => self.reference(target)?,
                        // They move what a reference is relative to, or lead where only the data says.
                        ("$dynamicRef" | "$anchor" | "$dynamicAnchor" | "$id", Value::String(_)) => {
                            return Err(format!("`{name}` is not taken: refer to `#/$defs/…`"));
                        }
                        _ => self.objects(member)?,
                    };
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    count += self.objects(element)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if count > OBJECTS_MAX {
            return Err(format!("its references expand to more than {OBJECTS_MAX} schemas"));
        }
        Ok(count)
    }

    fn reference(&mut self, target: &'a str) -> Result<usize, String> {
        match self.known.get(target) {
            Some(Some(objects)) => return Ok(*objects),
            Some(None) => return Err(format!("the reference `{target}` comes back to itself")),
            None => {}
        }
        let pointer =
            target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let pointer = pointer.ok_or_else(|| {
            format!("the reference `{target}` does not stay within the schema: refer to `#/$defs/…`")
        })?;
        let found =
            self.root.pointer(pointer).ok_or_else(|| format!("the reference `{target}` leads nowhere"))?;
        if self.depth == REFERENCES_MAX {
            return Err(format!("more than {REFERENCES_MAX} references stand behind one another"));
        }
        self.known.insert(target, None);
        self.depth += 1;
        let objects = self.objects(found)?;
        self.depth -= 1;
        self.known.insert(target, Some(objects));
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `levels` definitions, each of which is the one before twice.
    fn doubling(levels: u32) -> Value {
        let twice = |level: u32| match level.checked_sub(1) {
            None => json!({}),
            Some(below) => json!({ "allOf": vec![json!({ "$ref": format!("#/$defs/d{below}") }); 2] }),
        };
        let defs: Value = (0..=levels).map(|level| (format!("d{level}"), twice(level))).collect();
        json!({ "$defs": defs, "$ref": format!("#/$defs/d{levels}") })
    }

    #[test]
    fn references_that_end_are_taken() {
        for schema in [json!({}), json!({ "properties": { "$ref": { "type": "string" } } }), doubling(5)] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }
    }

    #[test]
    fn references_without_end_or_with_a_far_one_are_not() {
        for (schema, why) in [
            (json!({ "$ref": "#" }), "comes back to itself"),
            (json!({ "properties": { "next": { "$ref": "#" } } }), "comes back to itself"),
            (
                json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "not": { "$ref": "#/$defs/a" } } } }),
                "comes back to itself",
            ),
            (doubling(40), "expand to more than 5000"),
            (json!({ "$anchor": "a", "items": { "$ref": "#a" } }), "is not taken"),
            (json!({ "$id": "https://example.com/a" }), "is not taken"),
        ] {
            let said = check(&schema).unwrap_err();
            assert!(said.contains(why), "{schema}: {said}");
        }
    }
}
