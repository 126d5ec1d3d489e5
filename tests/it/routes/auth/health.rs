//! `GET /health`, and what holds for every path: names of requests, unknown paths, wrong methods.

use http::Method;
use it::App;
use serde_json::json;

use crate::routes::assert_problem;

#[tokio::test]
async fn a_function_that_runs_says_so_without_a_look_at_the_table() {
    let app = App::start().await;
    app.table_calls();
    for path in ["/health", "/health/", "/health?deep=false"] {
        let answer = app.call(Method::GET, path).send().await;
        assert_eq!(answer.expect(200), json!({ "status": "ok" }), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!(app.table_calls(), [""; 0]);
}

#[tokio::test]
async fn a_deep_answer_takes_one_read_of_the_table() {
    let app = App::start().await;
    app.table_calls();
    let answer = app.call(Method::GET, "/health?deep=true").send().await;
    assert_eq!(answer.expect(200), json!({ "status": "ok" }));
    assert_eq!(app.table_calls(), ["GetItem"]);
}

#[tokio::test]
async fn a_dead_table_is_told_by_the_deep_answer_alone_and_without_details() {
    let app = App::without_table().await;
    app.call(Method::GET, "/health").send().await.expect(200);
    let answer = app.call(Method::GET, "/health/?deep=true").send().await;
    assert_problem(&answer, 503, "unavailable", "Temporarily unavailable", &json!({}));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_misspelt_question_does_not_pass_for_a_deep_one() {
    let app = App::start().await;
    for query in ["deep=1", "Deep=true", "deep", "deep=true&deep=true", "x=y"] {
        let answer = app.call(Method::GET, &format!("/health?{query}")).send().await;
        let detail = json!({ "detail": "the query is `deep=true`, `deep=false` or nothing" });
        assert_problem(&answer, 400, "invalid_request", "The request cannot be understood", &detail);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = App::start().await;
    let answer = app.call(Method::HEAD, "/health").send().await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let app = App::start().await;
    for path in ["/", "/healthy", "/auth", "/auth/", "/auth/login/x", "/Health", "/.env", "/auth/..%2fhealth"]
    {
        let answer = app.call(Method::GET, path).send().await;
        assert_problem(&answer, 404, "not_found", "There is no such thing", &json!({}));
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_one() {
    let app = App::start().await;
    for (method, path, allow) in [
        (Method::POST, "/health", "GET,HEAD"),
        (Method::GET, "/auth/login", "POST"),
        (Method::DELETE, "/auth/sessions", "GET,HEAD"),
        (Method::PUT, "/api/api-keys/verify", "POST"),
    ] {
        let answer = app.call(method, path).send().await;
        assert_problem(&answer, 405, "method_not_allowed", "The method is not allowed here", &json!({}));
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_a_name_of_its_own_that_no_caller_gives_it() {
    let app = App::start().await;
    let mut names = Vec::new();
    for (method, path) in [
        (Method::GET, "/health"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/health"),
        (Method::GET, "/auth/me"),
        (Method::POST, "/auth/login"),
        (Method::GET, "/api/api-keys"),
    ] {
        let answer = app.call(method, path).header("x-request-id", "mine").send().await;
        let name = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!((name.len(), name.chars().all(|c| c.is_ascii_hexdigit())), (32, true), "{path}: {name}");
        if answer.status.as_u16() >= 400 {
            assert_eq!(answer.json()["request_id"], name.as_str(), "{path}");
        }
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6);
}

#[tokio::test]
async fn where_no_credential_is_needed_a_wrong_one_does_no_harm() {
    let app = App::start().await;
    for header in ["Bearer x", "Bearer", "Basic YTpi"] {
        let health = app.call(Method::GET, "/health").header("authorization", header).send().await;
        assert_eq!(health.status, 200, "{header}");
        let register = app.call(Method::POST, "/auth/register").header("authorization", header).send().await;
        assert_eq!(register.problem(422), "validation_failed", "{header}");
    }
}
