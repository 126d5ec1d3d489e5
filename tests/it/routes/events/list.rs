//! `GET /api/events`.

use it::{Account, App};
use serde_json::{Value, json};

async fn page(app: &App, account: &Account, query: &str) -> Value {
    app.get(&format!("/api/events{query}"), &account.token).send().await.expect(200)
}

fn ids(page: &Value) -> Vec<String> {
    let events = page["data"].as_array().unwrap();
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn events_are_listed_over_days_the_newest_first_for_as_long_as_they_are_kept() {
    const DAY: u64 = 86_400;
    let app = App::start().await;
    let (mut ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let mut made = Vec::new();
    // Two on the first day, none on the second, one on each of two others.
    for wait in [0, 1, 2 * DAY, DAY] {
        app.advance(wait);
        ada = app.sign_in(&ada, "ada@example.com").await;
        made.push(app.publish(&ada, "a.b", &json!({ "wait": wait })).await);
    }
    made.reverse();
    let all = page(&app, &ada, "").await;
    assert_eq!((ids(&all), &all["next_cursor"]), (made.clone(), &json!(null)));
    assert_eq!(
        all["data"][0],
        json!({ "id": made[0], "type": "a.b", "created_at": "2026-01-04T00:00:01.000Z", "matched": 0 })
    );
    let mut walked = Vec::new();
    let mut query = "?limit=1".to_owned();
    loop {
        let one = page(&app, &ada, &query).await;
        walked.extend(ids(&one));
        match one["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked, made);
    let eve = app.sign_in(&eve, "eve@example.com").await;
    assert_eq!(ids(&page(&app, &eve, "").await), [""; 0]);
    // The first two are forgotten to the second.
    app.advance(27 * DAY - 2);
    let ada = app.sign_in(&ada, "ada@example.com").await;
    assert_eq!(ids(&page(&app, &ada, "").await), made);
    app.advance(1);
    assert_eq!(ids(&page(&app, &ada, "").await), made[..3]);
    app.advance(1);
    assert_eq!(ids(&page(&app, &ada, "").await), made[..2]);
}
