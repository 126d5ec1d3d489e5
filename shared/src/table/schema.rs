//! The form of items over time. An item says in which version of the form it was written, and is read as if it were
//! written in the newest: each step takes an item of one version to the next, in memory. Whatever writes it the next
//! time writes it in the newest.
//!
//! While a deployment moves, functions of both versions run: one that is older reads a newer item as it is. So a step
//! may add, and rename or take away only what the version before reads no more.

use super::Item;

/// The version of the items that this code writes.
pub(super) const SCHEMA: u16 = 1;

/// Takes an item of any kind, told by its keys and attributes, from one version to the next. It may meet an item that
/// the step was made on already, and leaves that as it is.
type Step = fn(&mut Item);

/// The first one takes version 1 to version 2. Append only.
const STEPS: &[Step] = &[];

const _: () = assert!(STEPS.len() + 1 == SCHEMA as usize, "each version but the first has a step");

/// The item in the newest version. One that was made by an update says none: it is of the first.
pub(super) fn upcast(item: Item) -> Item {
    by(STEPS, item)
}

fn by(steps: &[Step], mut item: Item) -> Item {
    let version = item.get("schema").and_then(|version| version.as_n().ok()?.parse().ok()).unwrap_or(1_usize);
    for step in steps.iter().skip(version.saturating_sub(1)) {
        step(&mut item);
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    /// `name` becomes `title`, and then there is a `size`.
    const STEPS: &[Step] = &[
        |item| {
            if let Some(name) = item.remove("name") {
                item.insert("title".to_owned(), name);
            }
        },
        |item| {
            item.entry("size".to_owned()).or_insert(AttributeValue::N("1".to_owned()));
        },
    ];

    fn item(attributes: &[(&str, &str)]) -> Item {
        let value = |(name, value): &(&str, &str)| {
            let number = value.parse::<u16>().is_ok();
            let text = (*value).to_owned();
            let value = if number { AttributeValue::N(text) } else { AttributeValue::S(text) };
            ((*name).to_owned(), value)
        };
        attributes.iter().map(value).collect()
    }

    #[test]
    fn an_item_of_any_version_is_read_as_if_it_were_of_the_newest() {
        let newest = [("title", "a"), ("size", "1")];
        for (version, written) in [
            (None, &[("name", "a")][..]),
            (Some("1"), &[("name", "a")][..]),
            (Some("2"), &[("title", "a")][..]),
            (Some("3"), &newest[..]),
            (Some("4"), &newest[..]),
        ] {
            let schema = version.map(|version| ("schema", version));
            let with = |attributes: &[(&'static str, &'static str)]| {
                item(&schema.into_iter().chain(attributes.iter().copied()).collect::<Vec<_>>())
            };
            assert_eq!(by(STEPS, with(written)), with(&newest), "{version:?}");
        }
    }

    #[test]
    fn a_step_that_was_made_already_leaves_the_item_as_it_is() {
        let once = by(STEPS, item(&[("name", "a")]));
        assert_eq!(by(STEPS, once.clone()), once);
    }
}
