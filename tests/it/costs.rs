//! What a million of each operation costs in requests, counted: the table in `docs/operations.md`, which
//! `UPDATE_COSTS=1 cargo test -p it --test it costs` writes anew.

use std::collections::BTreeMap;

use http::Method;
use it::{App, PASSWORD, Units};
use serde_json::json;

const BEGIN: &str = "<!-- costs: made by a test -->";
const END: &str = "<!-- end of costs -->";

/// Dollars for a million, of `docs/prices.json`.
struct Prices(BTreeMap<String, f64>);

impl Prices {
    fn read() -> Self {
        let text = std::fs::read_to_string(it::repository().join("docs/prices.json")).unwrap();
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        Self(serde_json::from_value(all["dollars_per_million"].clone()).unwrap())
    }

    fn of(&self, name: &str) -> f64 {
        self.0[name]
    }
}

/// One operation.
struct Row {
    name: &'static str,
    calls: String,
    units: Units,
    /// Calls of API Gateway, of a function, and of SQS.
    requests: (u32, u32, u32),
}

impl Row {
    fn line(&self, prices: &Prices) -> String {
        let Self { name, calls, units: Units { reads, writes }, requests: (gateway, lambda, sqs) } = self;
        let count = |number: u64| f64::from(u32::try_from(number).unwrap());
        let dollars = count(*reads) * prices.of("dynamodb_read_unit")
            + count(*writes) * prices.of("dynamodb_write_unit")
            + f64::from(*gateway) * prices.of("http_api_request")
            + f64::from(*lambda) * prices.of("lambda_request")
            + f64::from(*sqs) * prices.of("sqs_request");
        format!("| {name} | {calls} | {reads} | {writes} | {gateway} | {lambda} | {sqs} | {dollars:.2} |")
    }
}

/// What was called since the last time.
fn row(app: &App, name: &'static str, requests: (u32, u32, u32)) -> Row {
    let (mut counts, mut sum) = (BTreeMap::<String, usize>::new(), Units::default());
    for (call, units) in app.charged() {
        *counts.entry(call).or_default() += 1;
        sum = sum.and(units);
    }
    let calls: Vec<_> = counts.iter().map(|(call, count)| format!("{count} {call}")).collect();
    Row { name, calls: calls.join(", "), units: sum, requests }
}

async fn rows() -> Vec<Row> {
    const HTTP: (u32, u32, u32) = (1, 1, 0);
    let app = App::start().await;
    app.charged();
    let ada = app.register("ada@example.com").await;
    let mut rows = vec![row(&app, "register", HTTP)];
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let signed_in = app.call(Method::POST, "/auth/login").json(&login).send().await.expect(200);
    rows.push(row(&app, "log in", HTTP));
    let refresh = json!({ "refresh_token": signed_in["refresh_token"] });
    app.call(Method::POST, "/auth/refresh").json(&refresh).send().await.expect(200);
    rows.push(row(&app, "refresh", HTTP));
    app.advance(60);
    app.get("/api/organizations", &ada.token).send().await.expect(200);
    rows.push(row(&app, "list one's organisations", HTTP));
    let key = app.api_key(&ada, &["events:write"]).await;
    rows.push(row(&app, "create an API key", HTTP));
    let verify = json!({ "key": key });
    app.advance(60);
    app.post("/api/api-keys/verify", &ada.token, &verify).send().await.expect(200);
    rows.push(row(&app, "verify a key, the first in five minutes", HTTP));
    app.advance(60);
    app.post("/api/api-keys/verify", &ada.token, &verify).send().await.expect(200);
    rows.push(row(&app, "verify a key", HTTP));
    app.advance(1);
    app.post("/api/api-keys/verify", &ada.token, &verify).send().await.expect(200);
    rows.push(row(&app, "verify a key that is remembered", HTTP));
    let receiver = app.receiver().await;
    app.webhook(&ada, &receiver).await;
    app.publish(&ada, "a.b", &json!({ "n": 1 })).await;
    app.charged();
    app.advance(60);
    app.drain().await;
    app.charged();
    publish_and_deliver(&app, &key, &receiver, &mut rows).await;
    app.sweep().await;
    app.charged();
    app.advance(60);
    app.sweep().await;
    rows.push(row(&app, "a minute in which nothing is due", (0, 1, 0)));
    rows
}

async fn publish_and_deliver(app: &App, key: &str, receiver: &stack::Receiver, rows: &mut Vec<Row>) {
    let publish = |n: u32| {
        let body = json!({ "type": "a.b", "data": { "n": n } });
        app.call(Method::POST, "/api/events").bearer(key).json(&body)
    };
    app.advance(60);
    publish(2).send().await.expect(202);
    rows.push(row(app, "publish, to one webhook", (1, 1, 1)));
    app.drain().await;
    rows.push(row(app, "deliver, at once", (0, 1, 2)));
    receiver.answer(500);
    app.advance(1);
    publish(3).send().await.expect(202);
    app.charged();
    app.drain().await;
    rows.push(row(app, "deliver, failed: the next attempt within 15 minutes", (0, 1, 3)));
    app.advance(60);
    app.drain().await;
    app.charged();
}

/// `docs/operations.md` says what the sizes are, and what is not in it.
#[tokio::test]
async fn the_costs_in_the_runbook_are_the_ones_that_are_counted() {
    let prices = Prices::read();
    let head = "| A million of | DynamoDB calls of each | Read units | Write units | HTTP API | Lambda | SQS | Dollars |\n\
                |---|---|---|---|---|---|---|---|";
    let lines: Vec<_> = rows().await.iter().map(|row| row.line(&prices)).collect();
    let made = format!("{BEGIN}\n{head}\n{}\n{END}", lines.join("\n"));
    let path = it::repository().join("docs/operations.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = written.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let anew = format!("{before}{made}{after}");
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the test")]
    if std::env::var("UPDATE_COSTS").is_ok() {
        std::fs::write(&path, &anew).unwrap();
        return;
    }
    assert_eq!(written, anew, "run: UPDATE_COSTS=1 cargo test -p it --test it costs");
}
