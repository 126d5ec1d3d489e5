//! `GET /api/event-types`

use it::App;
use serde_json::{Value, json};

#[tokio::test]
async fn types_are_listed_by_name_page_by_page() {
    let app = App::start().await;
    let (ada, eve) = (app.register("ada@example.com").await, app.register("eve@example.com").await);
    for (name, account) in [("b.one", &ada), ("a.two", &ada), ("c", &ada), ("d", &eve)] {
        app.post("/api/event-types", &account.token, &json!({ "name": name })).send().await.expect(201);
    }
    let names = |page: &Value| {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = app.get("/api/event-types?limit=2", &ada.token).send().await.expect(200);
    assert_eq!(names(&first), ["a.two", "b.one"]);
    let path = format!("/api/event-types?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = app.get(&path, &ada.token).send().await.expect(200);
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["c".to_owned()], &json!(null)));
    assert_eq!(app.get(&path, &eve.token).send().await.problem(400), "invalid_request");
}
