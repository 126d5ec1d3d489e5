//! Alarms: `docs/alarms.md` names those of the template, our own metrics are named as they are written, and a fault
//! makes the functions write what fires each alarm on them.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use it::{Account, App, Observed};
use serde_json::{Value, json};
use shared::observe::{Metric, NAMESPACE};

/// `template.yaml`, with `!Ref X` as `{"Ref": "X"}`.
fn resources() -> Value {
    let text = std::fs::read_to_string(it::repository().join("template.yaml")).unwrap();
    let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    plain(&yaml["Resources"])
}

fn plain(yaml: &serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match yaml {
        Yaml::Tagged(tagged) => {
            json!({ tagged.tag.to_string().trim_start_matches('!'): plain(&tagged.value) })
        }
        Yaml::Mapping(map) => {
            map.iter().map(|(name, value)| (plain(name).as_str().unwrap().to_owned(), plain(value))).collect()
        }
        Yaml::Sequence(list) => list.iter().map(plain).collect(),
        Yaml::Bool(it) => (*it).into(),
        // Names may be numbers; values are compared as they are.
        Yaml::Number(it) => it.as_i64().map_or(Value::Null, Into::into),
        Yaml::String(it) => it.as_str().into(),
        Yaml::Null => Value::Null,
    }
}

/// The alarms by their name.
fn alarms() -> BTreeMap<String, Value> {
    let resources = resources();
    let resources = resources.as_object().unwrap().iter();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name.clone(), alarm["Properties"].clone())).collect()
}

/// What an alarm looks at: one metric, or those that it computes with.
fn metrics(alarm: &Value) -> Vec<Value> {
    match &alarm["Metrics"] {
        Value::Array(parts) => {
            let parts = parts.iter().filter(|part| part.get("MetricStat").is_some());
            parts.map(|part| part["MetricStat"]["Metric"].clone()).collect()
        }
        _ => vec![alarm.clone()],
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// When an alarm goes off, as the document says it.
fn when(alarm: &Value) -> String {
    let comparison = match text(&alarm["ComparisonOperator"]) {
        "GreaterThanOrEqualToThreshold" => "≥",
        "LessThanThreshold" => "<",
        other => panic!("{other}"),
    };
    let (what, period) = if let Some(parts) = alarm.get("Metrics") {
        (format!("`{}`", text(&parts[0]["Label"])), &parts[1]["MetricStat"]["Period"])
    } else {
        let statistic = alarm.get("Statistic").unwrap_or(&alarm["ExtendedStatistic"]);
        let names = [&alarm["Namespace"], &alarm["MetricName"], statistic].map(text);
        (format!("`{}` `{}` {}", names[0], names[1], names[2]), &alarm["Period"])
    };
    let often = match &alarm["EvaluationPeriods"] {
        one if *one == 1 => format!("in {period} s"),
        several => format!("in each of {several} times {period} s"),
    };
    let silence = if alarm["TreatMissingData"] == "breaching" { ", or no data" } else { "" };
    format!("{what} {comparison} {} {often}{silence}", alarm["Threshold"])
}

#[test]
fn the_document_names_every_alarm_as_the_template_has_it() {
    let document = std::fs::read_to_string(it::repository().join("docs/alarms.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = document.lines().filter(|line| line.starts_with("| `")).map(cells);
    let written: BTreeMap<_, _> =
        rows.map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone())).collect();
    let made: BTreeMap<_, _> = alarms().iter().map(|(name, alarm)| (name.clone(), when(alarm))).collect();
    assert_eq!(written, made);
    let source = std::fs::read_to_string(it::repository().join("tests/it/alarms.rs")).unwrap();
    for row in document.lines().filter(|line| line.starts_with("| `")).map(cells) {
        for name in row[3].split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
            assert!(source.contains(&format!("async fn {name}()")), "{}: no test {name}", row[0]);
        }
    }
}

#[test]
fn alarms_on_our_own_metrics_name_what_is_written() {
    let counted: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let ours = alarms().into_values().flat_map(|alarm| metrics(&alarm));
    let ours: BTreeSet<_> = ours
        .filter(|metric| metric["Namespace"] == NAMESPACE)
        .map(|metric| text(&metric["MetricName"]).to_owned())
        .collect();
    assert!(ours.iter().all(|name| counted.contains(name.as_str())), "{ours:?}");
    assert_eq!(ours.len(), 7);
}

/// Whether values of a metric set an alarm off, by its own statistic and threshold.
fn fires(name: &str, function: &str, observed: &Observed) -> bool {
    let alarm = &alarms()[name];
    let threshold = alarm["Threshold"].as_u64().unwrap();
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanOrEqualToThreshold");
    let values = observed.values(function, text(&alarm["MetricName"]));
    match text(&alarm["Statistic"]) {
        "Sum" => values.iter().sum::<u64>() >= threshold,
        "Maximum" => values.iter().max().is_some_and(|value| *value >= threshold),
        other => panic!("{other}"),
    }
}

/// The percentage that `DeliverySuccessAlarm` computes.
fn taken_percent(observed: &Observed) -> u64 {
    let (delivered, failed) =
        (observed.sum("dispatcher", "DeliveriesDelivered"), observed.sum("dispatcher", "DeliveriesFailed"));
    if delivered + failed >= 20 { 100 * delivered / (delivered + failed) } else { 100 }
}

#[tokio::test]
async fn attempts_that_fail_cross_the_threshold() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    let alarm = &alarms()["DeliverySuccessAlarm"];
    let expression = "IF(FILL(delivered, 0) + FILL(failed, 0) >= 20, 100 * FILL(delivered, 0) / (FILL(delivered, 0) + FILL(failed, 0)), 100)";
    assert_eq!(alarm["Metrics"][0]["Expression"], expression);
    let threshold = alarm["Threshold"].as_u64().unwrap();
    for _ in 0..15 {
        app.publish(&ada, "a.b", &json!({})).await;
    }
    app.drain().await;
    assert_eq!(taken_percent(&app.observed), 100);
    // The receiver of the first goes on taking all of it.
    for _ in 0..3 {
        fail_elsewhere(&app, &ada).await;
    }
    assert!(receiver.calls().len() >= 15);
    let percent = taken_percent(&app.observed);
    assert!(percent < 100, "{percent}");
    receiver.otherwise(503);
    for _ in 0..5 {
        fail_elsewhere(&app, &ada).await;
    }
    let percent = taken_percent(&app.observed);
    assert!(percent < threshold, "{percent}");
}

/// Another webhook, whose receiver fails until its breaker opens. It is deleted then.
async fn fail_elsewhere(app: &App, ada: &Account) {
    let receiver = app.receiver().await;
    receiver.otherwise(503);
    let webhook = app.webhook(ada, &receiver).await;
    for _ in 0..6 {
        app.advance(1);
        app.publish(ada, "a.b", &json!({})).await;
        app.drain().await;
    }
    let path = format!("/api/webhooks/{}", webhook.id);
    app.call(Method::DELETE, &path).bearer(&ada.token).send().await.expect(204);
}

#[tokio::test]
async fn ten_breakers_that_open_cross_the_threshold() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut receivers = Vec::new();
    for _ in 0..10 {
        let receiver = app.receiver().await;
        receiver.otherwise(503);
        app.webhook(&ada, &receiver).await;
        receivers.push(receiver);
    }
    for _ in 0..4 {
        app.advance(1);
        app.publish(&ada, "a.b", &json!({})).await;
        app.drain().await;
    }
    assert!(!fires("BreakerOpeningsAlarm", "dispatcher", &app.observed), "nobody has failed five times");
    for _ in 0..2 {
        app.advance(1);
        app.publish(&ada, "a.b", &json!({})).await;
        app.drain().await;
    }
    assert_eq!(app.observed.sum("dispatcher", "BreakerOpenings"), 10, "each once");
    assert!(fires("BreakerOpeningsAlarm", "dispatcher", &app.observed));
    assert!(app.observed.sum("dispatcher", "DeliveriesParked") > 0);
}

#[tokio::test]
async fn a_sweeper_that_cannot_send_crosses_the_threshold() {
    let (app, ada, receiver, _) = App::with_webhook().await;
    app.sweep().await;
    assert_eq!(app.observed.values("sweeper", "SweeperLag"), [0], "it has swept all there is");
    receiver.otherwise(500);
    app.publish(&ada, "a.b", &json!({})).await;
    app.drain().await;
    for seconds in [6, 361] {
        app.advance(seconds);
        app.drain().await;
    }
    app.sweep().await;
    assert!(!fires("SweeperLagAlarm", "sweeper", &app.observed));
    app.queue_is_down_for(1000);
    // An attempt is due in the table, and the queue does not take it.
    for _ in 0..45 {
        app.advance(60);
        drop(app.sweep_result().await);
    }
    assert!(
        fires("SweeperLagAlarm", "sweeper", &app.observed),
        "{:?}",
        app.observed.values("sweeper", "SweeperLag")
    );
    app.queue_is_down_for(0);
    app.sweep().await;
    assert_eq!(app.observed.values("sweeper", "SweeperLag").last(), Some(&0), "it has caught up");
}

#[tokio::test]
async fn mails_that_fail_cross_the_threshold() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.mails();
    app.call(Method::POST, "/auth/password/forgot")
        .json(&json!({ "email": "ada@example.com" }))
        .send()
        .await
        .expect(202);
    let tasks = app.mail_tasks();
    for _ in 0..4 {
        app.send_mails_without_ses(&tasks).await;
    }
    assert!(!fires("MailFailuresAlarm", "mailer", &app.observed));
    app.send_mails_without_ses(&tasks).await;
    assert!(fires("MailFailuresAlarm", "mailer", &app.observed));
    app.send_mails(&tasks).await;
    assert_eq!(app.observed.sum("mailer", "MailsSent"), 1);
}

#[tokio::test]
async fn guessing_passwords_crosses_the_threshold() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.com", "password": "not the password" });
    let mut refused = 0;
    for _ in 0..110 {
        let answer = app.call(Method::POST, "/auth/login").json(&body).from("203.0.113.7").send().await;
        refused += u64::from(answer.status.as_u16() == 429);
    }
    assert_eq!(app.observed.sum("auth", "LimiterHits"), refused);
    assert!(fires("SignInLimitAlarm", "auth", &app.observed), "{refused} were refused");
}

#[tokio::test]
async fn an_item_that_the_migrator_cannot_read_crosses_the_threshold() {
    let (app, ada, _, webhook) = App::with_webhook().await;
    let migrate = |dry_run| app.migrate(json!({ "migration": "reseal", "dry_run": dry_run }));
    app.rotate_and_settle().await;
    migrate(false).await.unwrap();
    assert!(!fires("MigrationFailuresAlarm", "migrator", &app.observed));
    app.rotate_and_settle().await;
    app.damage(&ada.org, &webhook.id, "url").await;
    migrate(true).await.unwrap();
    assert!(!fires("MigrationFailuresAlarm", "migrator", &app.observed), "who asks gets an answer");
    migrate(false).await.unwrap();
    assert!(fires("MigrationFailuresAlarm", "migrator", &app.observed));
}

#[tokio::test]
async fn a_dead_letter_is_counted() {
    let (app, ada, _, _) = App::with_webhook().await;
    app.publish(&ada, "a.b", &json!({})).await;
    app.bury(&app.receive()).await;
    let counts =
        ["DeadLetters", "DeliveriesFailedInternally"].map(|metric| app.observed.sum("sweeper", metric));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn calls_that_fail_on_us_are_counted() {
    let app = App::without_table().await;
    let body = json!({ "email": "ada@example.com", "password": "not the password" });
    for _ in 0..5 {
        let answer = app.call(Method::POST, "/auth/login").json(&body).send().await;
        assert_eq!(answer.status.as_u16(), 503);
    }
    let threshold = alarms()["ApiServerErrorsAlarm"]["Threshold"].as_u64().unwrap();
    assert!(app.observed.sum("auth", "ServerErrors") >= threshold);
}
