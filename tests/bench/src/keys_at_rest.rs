//! Ten thousand keys, made over HTTP: what the table says of their secrets. The promise: nothing, not even
//! eight characters of one.

use std::collections::HashSet;

use it::App;
use serde_json::json;
use shared::token::KeyToken;
use tokio::task::JoinSet;

const KEYS: usize = 10_000;
const AT_ONCE: usize = 8;
/// So many characters in a row count as a part of a secret.
const PART: usize = 8;

pub(crate) async fn run() -> bool {
    let app = std::sync::Arc::new(App::with_rate_limits("*.*=off").await);
    let mut makers = JoinSet::new();
    for maker in 0..AT_ONCE {
        let app = std::sync::Arc::clone(&app);
        makers.spawn(async move {
            // Makers of one organisation would wait for each other at the end of its audit log.
            let ada = app.register(&format!("ada{maker}@example.com")).await;
            let mut keys = Vec::new();
            for _ in 0..KEYS / AT_ONCE {
                let body = json!({ "name": "A key", "scopes": ["events:write"] });
                let made = app.post("/api/api-keys", &ada.token, &body).send().await.expect(201);
                keys.push(made["key"].as_str().unwrap().to_owned());
            }
            keys
        });
    }
    let keys: Vec<String> = makers.join_all().await.into_iter().flatten().collect();
    let mut seen = HashSet::new();
    let mut parts: HashSet<&[u8]> = HashSet::new();
    let mut malformed = 0;
    for key in &keys {
        let pieces: Vec<_> = key.split('_').collect();
        let right = KeyToken::parse(key).is_some()
            && pieces.len() == 5
            && seen.insert(pieces[2])
            && seen.insert(pieces[3]);
        malformed += usize::from(!right);
        parts.extend(pieces[3].as_bytes().windows(PART));
    }
    let dump = app.dump().await;
    let found = dump.as_bytes().windows(PART).filter(|window| parts.contains(window)).count();
    println!("{} keys; {malformed} without the form or with a part of another.", keys.len());
    println!("{} bytes in the table, {found} times {PART} characters of a secret in them.", dump.len());
    keys.len() == KEYS && malformed == 0 && found == 0
}
