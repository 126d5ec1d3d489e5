//! `GET /api/api-keys` lists the organisation's keys, the newest first, without their texts.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::json;
use shared::api_key::{KeyStatus, ListedKey};
use shared::clock::Timestamp;
use shared::context::Core;
use shared::http::{Cursors, Given, Operation, Page, PageQuery};
use shared::id::{OrgId, UserId};
use shared::principal::Principal;
use shared::problem::{Kind, Problem};
use shared::table::StoreError;
use shared::token::Environment;

use crate::view::View;

pub(crate) fn operation() -> Operation {
    Operation::new("listApiKeys", "List API keys")
        .paged()
        .query("status", "Only those that are `active`, `expired`, `revoked` or `leaked`.")
        .query("environment", "Only those that are for `live` or `test`.")
        .query("created_by", "Only those that this person made.")
        .answers::<Page<View>>(
            200,
            "A page of keys. With a filter it may be short, or empty, although there is a next one.",
            json!({ "data": [View::example()], "next_cursor": null }),
        )
}

/// Which keys are wanted.
#[derive(Debug, Default)]
struct Filter {
    status: Option<KeyStatus>,
    environment: Option<Environment>,
    created_by: Option<UserId>,
}

impl Filter {
    fn read(given: &[Given]) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for (name, value) in given {
            let bad = |rule: &str| Problem::because(Kind::InvalidRequest, format_args!("`{name}` is {rule}"));
            match *name {
                "status" => {
                    let status = serde_json::from_value(value.as_str().into()).ok();
                    let rule = "one of active, expired, revoked, leaked";
                    filter.status = Some(status.ok_or_else(|| bad(rule))?);
                }
                "environment" => {
                    let environment = value.parse().ok();
                    filter.environment = Some(environment.ok_or_else(|| bad("`live` or `test`"))?);
                }
                _ => {
                    let rule = "the identifier of a person";
                    filter.created_by = Some(value.parse().map_err(|_| bad(rule))?);
                }
            }
        }
        Ok(filter)
    }

    fn is_none(&self) -> bool {
        self.status.is_none() && self.environment.is_none() && self.created_by.is_none()
    }

    fn wants(&self, ListedKey { key, .. }: &ListedKey, now: Timestamp) -> bool {
        self.status.is_none_or(|status| status == key.status(now))
            && self.environment.is_none_or(|environment| environment == key.environment)
            && self.created_by.is_none_or(|user| user == key.created_by)
    }
}

pub(crate) async fn handler(
    State(core): State<Core>,
    caller: Principal,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<View>>, Problem> {
    let filters = ["status", "environment", "created_by"];
    let (query, given) = PageQuery::parse_beside(query.as_deref().unwrap_or_default(), &filters)?;
    let filter = Filter::read(&given)?;
    let (org, now) = (caller.org(), core.clock.now());
    let ring = core.keys.ring().await;
    // A cursor belongs to its filter, too.
    let cursors = Cursors::of(&ring, format_args!("{org} api-keys {given:?}"));
    let after = cursors.open(query.cursor.as_deref(), &core.keys).await?;
    if filter.is_none() {
        let keys = core.table.api_keys(org, after, query.limit + 1).await?;
        let show = |key| View::new(key, now);
        return Ok(Json(Page::cut(keys, query.limit, &cursors, |listed| listed.key.id, show)));
    }
    let (found, next) = search(&core, org, after, &query, |key| filter.wants(key, now)).await?;
    let data = found.into_iter().map(|key| View::new(key, now)).collect();
    Ok(Json(Page { data, next_cursor: next.map(|id| cursors.seal(&id)) }))
}

/// The keys of a page, and after which one the next begins. What is looked through for it is bounded.
async fn search(
    core: &Core,
    org: OrgId,
    mut after: Option<shared::id::ApiKeyId>,
    query: &PageQuery,
    wants: impl Fn(&ListedKey) -> bool,
) -> Result<(Vec<ListedKey>, Option<shared::id::ApiKeyId>), StoreError> {
    const CHUNK: u16 = 200;
    const CHUNKS_MAX: usize = 5;
    let mut found = Vec::new();
    for _ in 0..CHUNKS_MAX {
        let chunk = core.table.api_keys(org, after, CHUNK).await?;
        let is_last = chunk.len() < usize::from(CHUNK);
        for listed in chunk {
            let id = listed.key.id;
            if wants(&listed) {
                if found.len() == usize::from(query.limit) {
                    return Ok((found, after));
                }
                found.push(listed);
            }
            after = Some(id);
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, after))
}
