//! The permission matrix: every route that a role can reach or not, by every role, in an organisation of
//! one's own, suspended, and with its modules off. What is expected is computed from the rows of
//! `routes()` and the scopes of roles; what happens is asked of the routes.

use std::time::Duration;

use http::Method;
use it::{Account, App};
use serde_json::json;
use shared::http::{Access, RouteRow};
use shared::id::{OrgId, UserId};
use shared::organization::{Membership, RoleChange};
use shared::scope::{Role, Scope};

use crate::documents::functions;

/// The state that the organisation is in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Usable,
    Suspended,
    WithoutModules,
}

fn rows() -> Vec<RouteRow> {
    let rows = functions().into_iter().flat_map(|(_, rows)| rows);
    rows.filter(|row| !matches!(row.access, Access::Public | Access::Session)).collect()
}

/// The code of the refusal; `None` for who gets past the row.
fn expected(access: Access, role: Role, state: State) -> Option<&'static str> {
    let scope = match access {
        Access::Public | Access::Session => return None,
        Access::Owner if role != Role::Owner => return Some("insufficient_role"),
        Access::Owner => None,
        Access::Scope(scope) | Access::SelfOr(scope) => Some(scope),
    };
    let off = |scope: &Scope| state == State::WithoutModules && scope.module().is_some();
    match scope {
        _ if state == State::Suspended => Some("organization_suspended"),
        Some(scope) if off(&scope) => Some("module_disabled"),
        Some(scope) if !role.holds(scope) => Some("insufficient_scope"),
        Some(_) | None => None,
    }
}

/// A path in the organisation whose things are made up: whoever gets past the row gets 404 or hears of
/// a body that is not right, and changes nothing. The organisation of the path is made up for those
/// that would change it.
fn path(row: &RouteRow, org: OrgId) -> String {
    let ulid = "01kdvdna000w3ge1r70w3ge1r7";
    let id = match row.path.split('/').nth(2) {
        Some("api-keys") => format!("key_{ulid}"),
        Some("webhooks") => format!("whk_{ulid}"),
        Some("events") => format!("evt_{ulid}"),
        Some("deliveries") => format!("dlv_{ulid}{ulid}"),
        _ if row.method == Method::GET => org.to_string(),
        _ => format!("org_{ulid}"),
    };
    row.path
        .replace("{id}", &id)
        .replace("{user_id}", &format!("usr_{ulid}"))
        .replace("{invitation_id}", &format!("inv_{ulid}"))
        .replace("{domain}", "example.com")
        .replace("{name}", "made.up")
}

/// An owner makes the organisation; somebody else is a member of it in one role.
async fn member(app: &App, role: Role) -> (Account, Account) {
    let ada = app.register("ada@example.com").await;
    let bob = app.register("bob@example.com").await;
    let (org, user): (OrgId, UserId) = (ada.org.parse().unwrap(), bob.user.parse().unwrap());
    let table = &app.core.table;
    let membership = Membership { org, user, role: Role::Owner, joined_at: app.core.clock.now() };
    table.transaction().add_member(&membership).unwrap().commit().await.unwrap().unwrap();
    if role != Role::Owner {
        let change = RoleChange { org, user, from: Role::Owner, to: Some(role) };
        table.transaction().change_member(change).unwrap().commit().await.unwrap().unwrap();
    }
    let body = json!({ "organization_id": ada.org });
    let moved = app.post("/auth/organization", &bob.token, &body).send().await.expect(200);
    let token = moved["access_token"].as_str().unwrap().to_owned();
    (ada.clone(), Account { token, org: ada.org, ..bob })
}

async fn put_into(app: &App, ada: &Account, state: State) {
    match state {
        State::Usable => {}
        State::Suspended => app.suspend(&ada.org).await,
        State::WithoutModules => {
            let call = app.call(Method::PUT, &format!("/api/organizations/{}/modules", ada.org));
            call.bearer(&ada.token).json(&json!({ "modules": [] })).send().await.expect(200);
        }
    }
    app.hands.advance(Duration::from_secs(5));
}

#[tokio::test]
async fn every_role_gets_past_exactly_the_rows_that_its_scopes_and_modules_open() {
    for state in [State::Usable, State::Suspended, State::WithoutModules] {
        for role in Role::ALL {
            let app = App::start().await;
            let (ada, bob) = member(&app, *role).await;
            put_into(&app, &ada, state).await;
            for row in rows() {
                let path = path(&row, ada.org.parse().unwrap());
                let body = json!({ "no_such_field": true });
                let answer = app.call(row.method.clone(), &path).bearer(&bob.token).json(&body).send().await;
                let said = (answer.status == 403).then(|| answer.problem(403));
                let expected = expected(row.access, *role, state);
                assert_eq!(
                    said.as_deref(),
                    expected,
                    "{state:?} {role:?} {} {path}: {}",
                    row.method,
                    answer.text
                );
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_in_no_organisation_gets_past_no_row_of_one() {
    let app = App::start().await;
    let (ada, bob) = member(&app, Role::Member).await;
    let remove = app.call(Method::DELETE, &format!("/api/organizations/{}/members/{}", ada.org, bob.user));
    remove.bearer(&ada.token).send().await.expect(204);
    let body = json!({ "refresh_token": bob.refresh_token });
    let next = app.call(Method::POST, "/auth/refresh").json(&body).send().await.expect(200);
    for row in rows() {
        let path = path(&row, ada.org.parse().unwrap());
        let token = next["access_token"].as_str().unwrap();
        let answer = app.call(row.method.clone(), &path).bearer(token).send().await;
        assert_eq!(answer.problem(403), "organization_required", "{} {path}", row.method);
    }
}
