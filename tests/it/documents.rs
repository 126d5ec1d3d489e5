//! What is written down is what the code does: `docs/openapi.json`, `docs/problems.md`, the README
//! and `.env.example`.

use serde_json::Value;
use shared::config::SETTINGS;
use shared::http::{RouteRow, Section, document};
use shared::problem::Kind;

fn rows<S>(routes: Vec<shared::http::Route<S>>) -> Vec<RouteRow> {
    routes.into_iter().map(Into::into).collect()
}

/// Every function's rows, under its name.
pub(crate) fn functions() -> Vec<(&'static str, Vec<RouteRow>)> {
    vec![
        ("auth", rows(auth::routes())),
        ("organizations", rows(organizations::routes())),
        ("api_keys", rows(api_keys::routes())),
        ("webhooks", rows(webhooks::routes())),
    ]
}

fn sections() -> Vec<Section> {
    let about = |tag: &str| match tag {
        "auth" => "People: register, sign in, sessions. Also what the deployment says of itself.",
        "organizations" => "Organisations: members, invitations, domains, modules, the audit log.",
        "api_keys" => "API keys: what programs call with.",
        _ => "Webhooks, events and deliveries.",
    };
    functions().into_iter().map(|(tag, rows)| Section { tag, about: about(tag), rows }).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(it::repository().join(path)).unwrap()
}

/// `UPDATE_OPENAPI=1 cargo test -p it --test it documents` writes the document anew.
#[test]
fn the_openapi_document_is_the_one_that_the_routes_make() {
    let made = document(sections());
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the test")]
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        let text = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        std::fs::write(it::repository().join("docs/openapi.json"), text).unwrap();
    }
    let written: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    assert!(made == written, "run: UPDATE_OPENAPI=1 cargo test -p it --test it documents");
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let app = it::App::start().await;
    let answer = app.call(http::Method::GET, "/openapi.json").send().await;
    assert!(
        answer.expect(200) == document(sections()),
        "the function was built before the document was written"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn every_problem_has_a_section_that_says_its_status_and_title() {
    let text = read("docs/problems.md");
    for kind in Kind::ALL {
        let heading = format!("\n## `{}`\n", kind.code());
        let section = text.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
        let section = section.split("\n## ").next().unwrap();
        assert!(section.contains(&kind.status().as_u16().to_string()), "{}: status", kind.code());
        assert!(section.contains(kind.title()), "{}: title", kind.code());
    }
    let headings = text.lines().filter(|line| line.starts_with("## `")).count();
    assert_eq!(headings, Kind::ALL.len(), "a section for a problem that does not exist");
}

#[test]
fn every_setting_is_in_the_readme_and_in_the_example_of_the_environment() {
    let (readme, example) = (read("README.md"), read(".env.example"));
    for setting in SETTINGS {
        assert!(readme.contains(&format!("`{}`", setting.name)), "README.md: {}", setting.name);
        let line = format!("{}=", setting.name);
        assert!(
            example.lines().any(|text| text.trim_start_matches("# ").starts_with(&line)),
            ".env.example: {line}"
        );
    }
}
