//! What the same costs where it can be bought: prices of `docs/prices.json`, each with its source and its date, beside
//! what was counted and measured here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::publish;

/// What is compared, and with whom.
#[derive(Deserialize)]
struct Offer {
    what: String,
    /// Our operations that make one of it, by their names in `docs/operations.md`, and how many of each.
    ours: BTreeMap<String, f64>,
    theirs: String,
    /// For one of it.
    dollars: f64,
    /// What else there is to pay, or not to.
    beside: String,
    read: String,
}

/// Prints the comparison. `ours` has dollars for a million of each operation.
pub(super) fn compare(prices: &serde_json::Value, ours: &BTreeMap<&str, f64>) {
    let offers: Vec<Offer> = serde_json::from_value(prices["others"].clone()).unwrap();
    let rows: Vec<_> = offers
        .into_iter()
        .map(|offer| {
            let own: f64 = offer.ours.iter().map(|(operation, times)| ours[operation.as_str()] * times).sum();
            let theirs = offer.dollars * 1e6;
            vec![
                offer.what,
                format!("{own:.2}"),
                format!("{theirs:.0}"),
                format!("{:.0}×", theirs / own),
                format!("{} ({}), read {}", offer.theirs, offer.beside, offer.read),
            ]
        })
        .collect();
    publish("cost-others", &["A million of", "$ here", "$ there", "there to here", "Where"], &rows);
}
