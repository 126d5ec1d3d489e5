//! A path into JSON: a singular query of RFC 9535 (2.3.5.1), which names one value or none.

use std::iter::Peekable;
use std::str::{Chars, FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Violation;

/// Where a value is: `$`, then members (`.name`, `['any name']`) and elements (`[0]`, `[-1]`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    /// Negative from the end.
    Element(i64),
}

impl Path {
    const BYTES_MAX: usize = 256;
    /// What every reader of JSON tells apart (RFC 9535, 2.1: the range of I-JSON).
    const INDEX_MAX: i64 = (1 << 53) - 1;

    /// The value that is there, if one is.
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(root, |value, step| match step {
            Step::Member(name) => value.as_object()?.get(name),
            Step::Element(place) => {
                let list = value.as_array()?;
                let from_end = usize::try_from(place.unsigned_abs()).ok()?;
                let place = if *place < 0 { list.len().checked_sub(from_end)? } else { from_end };
                list.get(place)
            }
        })
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.text
    }
}

impl TryFrom<String> for Path {
    type Error = Violation;

    fn try_from(text: String) -> Result<Self, Violation> {
        text.parse()
    }
}

impl FromStr for Path {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        if text.len() > Self::BYTES_MAX {
            return Err(Violation::new("too_long", format!("has more than {} bytes", Self::BYTES_MAX)));
        }
        let rule = "expected a path to one value, such as `$.customer.plan` or `$.items[0]['unit price']`";
        let steps = steps(text).ok_or_else(|| Violation::new("invalid_path", rule))?;
        Ok(Self { text: text.to_owned(), steps })
    }
}

impl schemars::JsonSchema for Path {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A path to one value of the event's `data`: a singular query of RFC 9535.",
            "pattern": "^[$]",
            "maxLength": Self::BYTES_MAX,
        })
    }
}

type Rest<'a> = Peekable<Chars<'a>>;

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?.chars().peekable();
    let mut steps = Vec::new();
    loop {
        let blank = std::iter::from_fn(|| rest.next_if(|c| " \t\n\r".contains(*c))).count();
        match rest.next() {
            // Blanks stand between steps, and not behind the last one.
            None => return (blank == 0).then_some(steps),
            Some('.') => steps.push(Step::Member(shorthand(&mut rest)?)),
            Some('[') => {
                let step = match rest.peek()? {
                    '\'' | '"' => Step::Member(quoted(&mut rest)?),
                    _ => Step::Element(index(&mut rest)?),
                };
                rest.next_if_eq(&']')?;
                steps.push(step);
            }
            Some(_) => return None,
        }
    }
}

/// `.name`: letters, `_`, digits that are not first, and everything beyond ASCII.
fn shorthand(rest: &mut Rest<'_>) -> Option<String> {
    let first = |c: &char| c.is_ascii_alphabetic() || *c == '_' || !c.is_ascii();
    let mut name = String::from(rest.next_if(first)?);
    name.extend(std::iter::from_fn(|| rest.next_if(|c| first(c) || c.is_ascii_digit())));
    Some(name)
}

/// `0`, or digits that do not begin with a zero, perhaps behind a minus.
fn index(rest: &mut Rest<'_>) -> Option<i64> {
    let minus = rest.next_if_eq(&'-').is_some();
    let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_digit)).collect();
    let spelled_once =
        if minus { !digits.starts_with('0') } else { digits == "0" || !digits.starts_with('0') };
    let number = digits.parse::<i64>().ok().filter(|number| spelled_once && *number <= Path::INDEX_MAX)?;
    Some(if minus { -number } else { number })
}

/// A name in quotes of either kind, with the escapes of JSON and of its own quote.
fn quoted(rest: &mut Rest<'_>) -> Option<String> {
    let quote = rest.next()?;
    let mut name = String::new();
    loop {
        match rest.next()? {
            end if end == quote => return Some(name),
            '\\' => name.push(escape(rest, quote)?),
            control if control < ' ' => return None,
            plain => name.push(plain),
        }
    }
}

fn escape(rest: &mut Rest<'_>, quote: char) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        same @ ('/' | '\\') => same,
        same if same == quote => same,
        'u' => {
            let first = unit(rest)?;
            let units = if (0xd800..0xdc00).contains(&first) {
                rest.next_if_eq(&'\\')?;
                rest.next_if_eq(&'u')?;
                vec![first, unit(rest)?]
            } else {
                vec![first]
            };
            char::decode_utf16(units).next()?.ok()?
        }
        _ => return None,
    })
}

fn unit(rest: &mut Rest<'_>) -> Option<u16> {
    let digits: String = rest.by_ref().take(4).take_while(char::is_ascii_hexdigit).collect();
    if digits.len() == 4 { u16::from_str_radix(&digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_one_value_or_none() {
        let data = json!({
            "a": { "b": [1, { "x y": "deep" }, null] }, "é1": 2, "it's": 3, "\"": 4, "🦀": 5, "": 6, "\\/": 7,
        });
        for (path, expected) in [
            ("$", Some(&data)),
            ("$.a.b[0]", Some(&json!(1))),
            ("$.a.b[1]['x y']", Some(&json!("deep"))),
            ("$.a .b\t[-1]", Some(&json!(null))),
            (r#"$["a"]["b"][-3]"#, Some(&json!(1))),
            ("$.é1", Some(&json!(2))),
            (r"$['it\'s']", Some(&json!(3))),
            (r#"$['"']"#, Some(&json!(4))),
            (r#"$["\""]"#, Some(&json!(4))),
            (r"$['\ud83e\uDD80']", Some(&json!(5))),
            ("$['']", Some(&json!(6))),
            (r"$['\\\/']", Some(&json!(7))),
            ("$.a.b[3]", None),
            ("$.a.b[-4]", None),
            ("$.a.b.c", None),
            ("$.a[0]", None),
            ("$.c", None),
            ("$.A", None),
        ] {
            assert_eq!(path.parse::<Path>().unwrap().find(&data), expected, "{path}");
        }
    }

    #[test]
    fn what_names_no_value_or_several_is_no_path() {
        let long = format!("$.{}", "a".repeat(255));
        for wrong in [
            "",
            "a",
            "$a",
            "$.",
            "$..a",
            "$.*",
            "$[*]",
            "$[0:1]",
            "$['a','b']",
            "$[?@.a]",
            "$.1a",
            "$.a-b",
            "$[01]",
            "$[-0]",
            "$[-]",
            "$[]",
            "$[ 0 ]",
            "$[9007199254740992]",
            "$['a",
            "$['a'",
            "$[a]",
            r"$['\x']",
            r#"$['\"']"#,
            r"$['\ud83e']",
            r"$['\udd80\ud83e']",
            r"$['\u12']",
            "$['\n']",
            "$.a ",
            " $.a",
            "@.a",
        ] {
            assert_eq!(wrong.parse::<Path>().unwrap_err().code, "invalid_path", "{wrong}");
        }
        assert_eq!(long.parse::<Path>().unwrap_err().code, "too_long");
    }
}
