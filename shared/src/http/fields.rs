//! Reads the fields of a JSON object and keeps everything that is wrong with them, so that the
//! caller learns all of it at once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Deserializer as _;
use serde::de::{self, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{FieldProblem, Violation};

/// A field of a merge patch (RFC 7396).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not named: stays as it is.
    Keep,
    /// `null`: taken away.
    Clear,
    /// Replaced.
    Set(T),
}

impl<T> Patch<T> {
    /// What the value is after the patch.
    pub fn apply(self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }

    /// What a value that cannot be taken away is after the patch.
    pub fn or(self, old: T) -> T {
        match self {
            Self::Keep | Self::Clear => old,
            Self::Set(new) => new,
        }
    }
}

/// The fields of one JSON object, read one by one. What is not read is unknown.
pub struct Fields<'a> {
    pointer: String,
    unread: BTreeMap<String, &'a RawValue>,
    problems: Vec<FieldProblem>,
}

impl<'a> Fields<'a> {
    /// The fields of `json`, which has to be an object that names no field twice.
    pub fn of(json: &'a RawValue) -> Result<Self, Violation> {
        Self::at(String::new(), json)
    }

    fn at(pointer: String, json: &'a RawValue) -> Result<Self, Violation> {
        if !json.get().trim_start().starts_with('{') {
            return Err(Violation::new("wrong_type", "expected an object"));
        }
        let unread = serde_json::Deserializer::from_str(json.get())
            .deserialize_map(ObjectVisitor)
            .map_err(|error| Violation::new("duplicate_field", plain(&error)))?;
        Ok(Self { pointer, unread, problems: Vec::new() })
    }

    fn refuse(&mut self, name: &str, violation: Violation) {
        self.problems.push(FieldProblem {
            pointer: pointer(&self.pointer, name),
            code: violation.code,
            detail: violation.detail,
        });
    }

    /// Adds what is wrong with a field that was read already.
    pub fn reject(&mut self, name: &str, violation: impl Into<Violation>) {
        self.refuse(name, violation.into());
    }

    /// Adds what is wrong with one element of a list that was read already.
    pub fn reject_at(&mut self, name: &str, place: usize, violation: Violation) {
        self.problems.push(FieldProblem {
            pointer: format!("{}/{place}", pointer(&self.pointer, name)),
            code: violation.code,
            detail: violation.detail,
        });
    }

    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.unread.remove(name).filter(|json| json.get() != "null")
    }

    fn need<T>(&mut self, name: &str, value: Result<Option<T>, Violation>) -> Option<T> {
        let value = value.and_then(|value| value.ok_or_else(|| Violation::new("required", "is required")));
        self.keep(name, value)
    }

    fn keep<T>(&mut self, name: &str, value: Result<T, Violation>) -> Option<T> {
        value.map_err(|violation| self.refuse(name, violation)).ok()
    }

    /// The names of what is not read yet, for an object whose names are the caller's.
    pub fn names(&self) -> Vec<String> {
        self.unread.keys().cloned().collect()
    }

    /// Whether a field is there and not null.
    pub fn is_given(&self, name: &str) -> bool {
        self.unread.get(name).is_some_and(|json| json.get() != "null")
    }

    /// A text that has to be there and to parse.
    pub fn text<T: FromStr<Err: Into<Violation>>>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name).map(text).transpose();
        self.need(name, value)
    }

    /// A text that may be absent or null.
    pub fn optional_text<T: FromStr<Err: Into<Violation>>>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name).map(text).transpose();
        self.keep(name, value).flatten()
    }

    /// A text of a merge patch.
    pub fn patch_text<T: FromStr<Err: Into<Violation>>>(&mut self, name: &str) -> Patch<T> {
        self.patch(name, text)
    }

    /// Any field of a merge patch.
    pub fn patch<T>(&mut self, name: &str, read: impl FnOnce(&RawValue) -> Result<T, Violation>) -> Patch<T> {
        match self.unread.remove(name) {
            None => Patch::Keep,
            Some(json) if json.get() == "null" => Patch::Clear,
            Some(json) => self.keep(name, read(json)).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A whole number of a merge patch.
    pub fn patch_integer(&mut self, name: &str, range: RangeInclusive<u32>) -> Patch<u32> {
        self.patch(name, |json| integer(json, &range))
    }

    /// A whole number within `range` that has to be there.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(name).map(|json| integer(json, &range)).transpose();
        self.need(name, value)
    }

    /// A whole number within `range`, which may be absent.
    pub fn optional_integer(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(name).map(|json| integer(json, &range)).transpose();
        self.keep(name, value).flatten()
    }

    /// A list of texts, each of which has to parse; absent is an empty list.
    pub fn texts<T: FromStr<Err: Into<Violation>>>(&mut self, name: &str, at_most: usize) -> Vec<T> {
        self.take(name).and_then(|json| self.read_texts(name, json, at_most)).unwrap_or_default()
    }

    /// A list of whole numbers of a merge patch. Which of them will do is for whoever asks.
    pub fn patch_list(&mut self, name: &str) -> Patch<Vec<u32>> {
        self.patch(name, |json| {
            let numbers: Result<Vec<u32>, _> = serde_json::from_str(json.get());
            numbers.map_err(|_| Violation::new("wrong_type", "expected a list of whole numbers"))
        })
    }

    /// A list of texts of a merge patch.
    pub fn patch_texts<T: FromStr<Err: Into<Violation>>>(
        &mut self,
        name: &str,
        at_most: usize,
    ) -> Patch<Vec<T>> {
        match self.unread.remove(name) {
            None => Patch::Keep,
            Some(json) if json.get() == "null" => Patch::Clear,
            Some(json) => self.read_texts(name, json, at_most).map_or(Patch::Keep, Patch::Set),
        }
    }

    fn read_texts<T: FromStr<Err: Into<Violation>>>(
        &mut self,
        name: &str,
        json: &RawValue,
        at_most: usize,
    ) -> Option<Vec<T>> {
        match texts(json, at_most) {
            Ok(values) => Some(values),
            Err(problems) => {
                for (index, violation) in problems {
                    let name = index.map_or_else(|| name.to_owned(), |index| format!("{name}/{index}"));
                    // The index is a pointer token already, so it must not be escaped again.
                    self.problems.push(FieldProblem {
                        pointer: format!("{}/{name}", self.pointer),
                        code: violation.code,
                        detail: violation.detail,
                    });
                }
                None
            }
        }
    }

    /// An object read by `read`, which has to be there.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a>) -> Option<T>) -> Option<T> {
        let Some(json) = self.take(name) else { return self.need(name, Ok(None)) };
        let inner = Fields::at(pointer(&self.pointer, name), json);
        let mut inner = self.keep(name, inner)?;
        let value = read(&mut inner);
        self.problems.append(&mut inner.into_problems());
        value
    }

    /// An object read by `read`, which may be absent.
    pub fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
    ) -> Option<T> {
        if self.is_given(name) { self.object(name, read) } else { self.unread.remove(name).and(None) }
    }

    /// An object of a merge patch, which is given whole: RFC 7396 would merge what is in it, too.
    pub fn patch_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
    ) -> Patch<T> {
        match self.unread.get(name) {
            None => Patch::Keep,
            Some(json) if json.get() == "null" => {
                self.unread.remove(name);
                Patch::Clear
            }
            Some(_) => self.object(name, read).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A list of objects, each read by `read`; absent is an empty list.
    pub fn objects<T>(
        &mut self,
        name: &str,
        at_most: usize,
        read: impl FnMut(&mut Fields<'a>) -> Option<T>,
    ) -> Vec<T> {
        self.take(name).and_then(|json| self.read_objects(name, json, at_most, read)).unwrap_or_default()
    }

    /// A list of objects of a merge patch, each read by `read`.
    pub fn patch_objects<T>(
        &mut self,
        name: &str,
        at_most: usize,
        read: impl FnMut(&mut Fields<'a>) -> Option<T>,
    ) -> Patch<Vec<T>> {
        match self.unread.remove(name) {
            None => Patch::Keep,
            Some(json) if json.get() == "null" => Patch::Clear,
            Some(json) => self.read_objects(name, json, at_most, read).map_or(Patch::Keep, Patch::Set),
        }
    }

    fn read_objects<T>(
        &mut self,
        name: &str,
        json: &'a RawValue,
        at_most: usize,
        mut read: impl FnMut(&mut Fields<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items: Result<Vec<&'a RawValue>, _> = serde_json::from_str(json.get());
        let items = items.map_err(|_| Violation::new("wrong_type", "expected a list of objects"));
        let items = self.keep(name, items)?;
        if items.len() > at_most {
            self.refuse(name, Violation::new("too_many", format!("at most {at_most} are allowed")));
            return None;
        }
        let mut values = Vec::new();
        let whole = items.len();
        for (place, item) in items.into_iter().enumerate() {
            match Fields::at(format!("{}/{place}", pointer(&self.pointer, name)), item) {
                Ok(mut inner) => {
                    let value = read(&mut inner);
                    let mut problems = inner.into_problems();
                    values.extend(value.filter(|_| problems.is_empty()));
                    self.problems.append(&mut problems);
                }
                Err(violation) => self.reject_at(name, place, violation),
            }
        }
        (values.len() == whole).then_some(values)
    }

    /// The JSON of a field that has to be an object, as the caller wrote it.
    pub fn raw_object(&mut self, name: &str) -> Option<&'a RawValue> {
        let value = self.take(name).map(|json| {
            let object = json.get().starts_with('{');
            object.then_some(json).ok_or_else(|| Violation::new("wrong_type", "expected an object"))
        });
        self.need(name, value.transpose())
    }

    /// A field that may be absent, read by `read`.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&RawValue) -> Result<T, Violation>,
    ) -> Option<T> {
        let value = self.take(name).map(read).transpose();
        self.keep(name, value).flatten()
    }

    /// Everything that is wrong, unread fields included.
    pub fn into_problems(mut self) -> Vec<FieldProblem> {
        for name in std::mem::take(&mut self.unread).into_keys() {
            self.refuse(&name, Violation::new("unknown_field", "there is no such field"));
        }
        self.problems
    }
}

/// RFC 6901: `~` and `/` inside a name are escaped. Names are cut, so that a hostile one does not
/// come back at full length.
fn pointer(parent: &str, name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn text<T: FromStr<Err: Into<Violation>>>(json: &RawValue) -> Result<T, Violation> {
    let text: String =
        serde_json::from_str(json.get()).map_err(|_| Violation::new("wrong_type", "expected a text"))?;
    text.parse().map_err(Into::into)
}

fn integer(json: &RawValue, range: &RangeInclusive<u32>) -> Result<u32, Violation> {
    let number: i64 = serde_json::from_str(json.get())
        .map_err(|_| Violation::new("wrong_type", "expected a whole number"))?;
    u32::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| {
        Violation::new("out_of_range", format!("must be {} to {}", range.start(), range.end()))
    })
}

type Located = (Option<usize>, Violation);

fn texts<T: FromStr<Err: Into<Violation>>>(json: &RawValue, at_most: usize) -> Result<Vec<T>, Vec<Located>> {
    let items: Vec<&RawValue> = serde_json::from_str(json.get())
        .map_err(|_| vec![(None, Violation::new("wrong_type", "expected a list of texts"))])?;
    if items.len() > at_most {
        return Err(vec![(None, Violation::new("too_many", format!("at most {at_most} are allowed")))]);
    }
    let mut values = Vec::new();
    let mut problems = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match text(item) {
            Ok(value) => values.push(value),
            Err(violation) => problems.push((Some(index), violation)),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What is wrong, without the place, which the caller of this tells on its own.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = BTreeMap<String, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            // Parsers differ in which of two they take (RFC 8259, 4): so neither is taken.
            if fields.contains_key(&name) {
                return Err(de::Error::custom(format_args!("the field `{name}` is there twice")));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }
}
