//! `GET /api/webhooks`

use std::collections::BTreeSet;

use it::App;
use serde_json::json;

#[tokio::test]
async fn pages_follow_each_other_newest_first_without_gaps() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        app.advance(1);
        let body = json!({ "url": "http://127.0.0.1:4000/" });
        made.push(app.post("/api/webhooks", &ada.token, &body).send().await.expect(201)["id"].clone());
    }
    let mut listed = Vec::new();
    let mut path = "/api/webhooks?limit=2".to_owned();
    loop {
        let page = app.get(&path, &ada.token).send().await.expect(200);
        listed.extend(page["data"].as_array().unwrap().iter().map(|webhook| webhook["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/webhooks?limit=2&cursor={cursor}");
    }
    made.reverse();
    assert_eq!(listed, made);
    assert_eq!(listed.iter().map(|id| id.as_str().unwrap()).collect::<BTreeSet<_>>().len(), 5);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_organisation_only() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    let body = json!({ "url": "http://127.0.0.1:4000/" });
    for _ in 0..2 {
        app.post("/api/webhooks", &ada.token, &body).send().await.expect(201);
    }
    let page = app.get("/api/webhooks?limit=1", &ada.token).send().await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for (path, token) in [
        (format!("/api/webhooks?cursor={cursor}"), &eve.token),
        (format!("/api/api-keys?cursor={cursor}"), &ada.token),
        (format!("/api/webhooks?cursor={cursor}x"), &ada.token),
        ("/api/webhooks?cursor=".to_owned(), &ada.token),
        ("/api/webhooks?limit=0".to_owned(), &ada.token),
        ("/api/webhooks?limit=101".to_owned(), &ada.token),
        ("/api/webhooks?page=2".to_owned(), &ada.token),
    ] {
        assert_eq!(app.get(&path, token).send().await.problem(400), "invalid_request", "{path}");
    }
}
