//! `template.yaml` and the code name the same things: routes, settings, tables.

use std::collections::{BTreeMap, BTreeSet};

use shared::config::SETTINGS;

use crate::documents::functions;

#[test]
fn the_routes_of_each_function_are_the_same() {
    let template = it::template();
    for (name, rows) in functions() {
        let function = template.function(name).unwrap();
        let in_template: BTreeSet<_> = function
            .routes
            .iter()
            .filter(|route| !route.path.ends_with("/{proxy+}"))
            .map(|route| (route.method.clone(), route.path.clone()))
            .collect();
        let in_code: BTreeSet<_> =
            rows.iter().map(|row| (row.method.to_string(), row.path.to_owned())).collect();
        assert_eq!(in_template, in_code, "{name}");
    }
}

#[test]
fn every_route_reaches_its_function_with_a_slash_at_its_end() {
    let template = it::template();
    for (name, rows) in functions() {
        let function = template.function(name).unwrap();
        for row in rows {
            let slashed = format!("{}/", row.path);
            let covered = function.routes.iter().any(|route| {
                let prefix = route.path.strip_suffix("{proxy+}");
                route.method == row.method.as_str() && prefix.is_some_and(|p| covers(p, &slashed))
            });
            assert!(covered, "{} {slashed} reaches nobody", row.method);
        }
    }
}

/// Whether a greedy route takes a path: segments in braces take any one segment.
fn covers(prefix: &str, path: &str) -> bool {
    let (prefix, path): (Vec<_>, Vec<_>) =
        (prefix.trim_end_matches('/').split('/').collect(), path.split('/').collect());
    let same =
        |(ours, theirs): (&&str, &&str)| ours == theirs || (ours.starts_with('{') && !theirs.is_empty());
    path.len() > prefix.len() && prefix.iter().zip(&path).all(same)
}

#[test]
fn the_variables_of_each_function_are_its_settings() {
    let template = it::template();
    for function in template.functions() {
        let in_template: BTreeSet<_> = function.variables().collect();
        let read = SETTINGS.iter().filter(|setting| setting.read_by.contains(&function.binary.as_str()));
        let in_code: BTreeSet<_> = read.map(|setting| setting.name).collect();
        assert_eq!(in_template, in_code, "{}", function.binary);
    }
}

#[test]
fn each_table_has_the_keys_and_the_clean_up_that_the_code_uses() {
    let template = it::template();
    let tables: BTreeMap<_, _> = template.tables().iter().map(|table| (table.id.as_str(), table)).collect();
    assert_eq!(tables.keys().copied().collect::<Vec<_>>(), ["LimitsTable", "Table"]);
    for (id, table) in tables {
        assert_eq!(table.key.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["pk", "sk"], "{id}");
        assert_eq!(table.ttl_attribute.as_deref(), Some("expires"), "{id}");
        assert!(table.indexes.is_empty(), "credentials are never looked up through an index: {id}");
    }
}
