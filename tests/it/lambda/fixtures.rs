//! The events of `tests/fixtures`, one at least for each function, as `sam local invoke` hands them over.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::product::Product;

/// What a function answers to the fixture of a name.
fn expected(name: &str) -> Value {
    match name {
        "auth-health" => json!(200),
        "auth-register" => json!(201),
        // Nobody has registered, or whoever did goes by another run of the tests.
        "auth-login" | "organizations-list" | "webhooks-publish" => json!(401),
        "api_keys-report-leak" => json!(202),
        "webhooks-public-keys" => json!(404),
        // An event that is not there any more: there is nothing left to do.
        "dispatcher-task" | "mailer-task" | "sweeper-dead-letter" => json!({ "batchItemFailures": [] }),
        "dispatcher-unreadable" => {
            json!({ "batchItemFailures": [{ "itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a7d" }] })
        }
        "sweeper-schedule" => json!({ "due": 0, "events": 0 }),
        "rotator-foreign-secret" => json!("SECRET_KEY_ARN"),
        "migrator-schedule" => json!({ "migration": "reseal", "needed": false, "done": true }),
        "authorizer-request" => json!({ "isAuthorized": false, "context": { "code": "invalid_token" } }),
        other => panic!("say here what `{other}` answers"),
    }
}

#[tokio::test]
async fn every_fixture_is_answered_and_every_function_has_one() {
    let product = Product::start().await;
    let mut called = BTreeSet::new();
    let folder = std::fs::read_dir(it::repository().join("tests/fixtures")).unwrap();
    let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    // A log-in comes before the registration of the same person.
    files.sort_unstable();
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (function, _) = name.split_once('-').unwrap();
        let event: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let answer = product.stack.invoke(function, &event).await;
        let answer = answer.unwrap_or_else(Value::String);
        let answer = answer.get("statusCode").cloned().unwrap_or(answer);
        match (&answer, expected(&name)) {
            // An error comes with the runtime's own words around it.
            (Value::String(error), Value::String(named)) => {
                assert!(error.contains(&named), "{name}: {error}");
            }
            (answer, expected) => assert_eq!(*answer, expected, "{name}"),
        }
        called.insert(function.to_owned());
    }
    let functions: BTreeSet<_> =
        product.stack.template().functions().iter().map(|function| function.binary.clone()).collect();
    assert_eq!(called, functions);
    product.stack.shutdown().await;
}
