//! The OpenAPI 3.1 document, made from the same routes and types that serve the requests.

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::route::Access;
#[cfg(feature = "openapi")]
use super::route::Route;
use crate::problem::{Kind, ProblemBody};
use crate::rate::Class;

type Describe = fn(&mut SchemaGenerator) -> Schema;

fn describe<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// JSON to show: what a caller would really send or get.
pub type Example = Value;

struct Answer {
    status: u16,
    what: &'static str,
    body: Option<(&'static str, Describe, Example)>,
}

/// How an operation is described, beside its code.
pub struct Operation {
    id: &'static str,
    summary: &'static str,
    request: Option<(&'static str, Describe, Example)>,
    answers: Vec<Answer>,
    problems: Vec<Kind>,
    idempotent: bool,
    paged: bool,
    conditional: bool,
    flags: Vec<(&'static str, &'static str)>,
    queries: Vec<(&'static str, &'static str)>,
}

impl Operation {
    /// An operation: a name for generated clients and one sentence.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            request: None,
            answers: Vec::new(),
            problems: Vec::new(),
            idempotent: false,
            paged: false,
            conditional: false,
            flags: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// It takes a body.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, example: Example) -> Self {
        self.request = Some(("application/json", describe::<T>, example));
        self
    }

    /// It takes a form, as OAuth does.
    #[must_use]
    pub fn takes_form<T: JsonSchema>(mut self, example: Example) -> Self {
        self.request = Some(("application/x-www-form-urlencoded", describe::<T>, example));
        self
    }

    /// It answers with a body.
    #[must_use]
    pub fn answers<T: JsonSchema>(mut self, status: u16, what: &'static str, example: Example) -> Self {
        self.answers.push(Answer { status, what, body: Some(("application/json", describe::<T>, example)) });
        self
    }

    /// It answers with a page for people.
    #[must_use]
    pub fn answers_page<T: JsonSchema>(mut self, status: u16, what: &'static str, example: Example) -> Self {
        self.answers.push(Answer { status, what, body: Some(("text/html", describe::<T>, example)) });
        self
    }

    /// It answers without a body.
    #[must_use]
    pub fn answers_empty(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push(Answer { status, what, body: None });
        self
    }

    /// Problems beside those that its access, path and body bring about.
    #[must_use]
    pub fn fails(mut self, problems: &[Kind]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// It takes `Idempotency-Key`.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// It takes `limit` and `cursor`.
    #[must_use]
    pub fn paged(mut self) -> Self {
        self.paged = true;
        self
    }

    /// It takes `If-Match`.
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// It takes `name=true` in its query.
    #[must_use]
    pub fn flag(mut self, name: &'static str, what: &'static str) -> Self {
        self.flags.push((name, what));
        self
    }

    /// It takes a value in the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, what: &'static str) -> Self {
        self.queries.push((name, what));
        self
    }

    fn kinds(&self, access: Access, path: &str) -> Vec<Kind> {
        let mut kinds = self.problems.clone();
        match access {
            Access::Public => {}
            Access::Session => {
                kinds.extend([Kind::Unauthenticated, Kind::InvalidToken, Kind::SessionRequired]);
            }
            Access::Owner => kinds.extend([
                Kind::Unauthenticated,
                Kind::InvalidToken,
                Kind::SessionRequired,
                Kind::InsufficientRole,
                Kind::OrganizationRequired,
                Kind::OrganizationSuspended,
            ]),
            Access::Scope(scope) | Access::SelfOr(scope) => {
                kinds.extend([
                    Kind::Unauthenticated,
                    Kind::InvalidToken,
                    Kind::InsufficientScope,
                    Kind::OrganizationRequired,
                    Kind::OrganizationSuspended,
                ]);
                kinds.extend(scope.module().map(|_| Kind::ModuleDisabled));
            }
        }
        if self.request.is_some() {
            kinds.extend([
                Kind::MalformedJson,
                Kind::PayloadTooLarge,
                Kind::UnsupportedMediaType,
                Kind::ValidationFailed,
            ]);
        }
        if self.idempotent {
            kinds.extend([Kind::InvalidRequest, Kind::IdempotencyKeyReused]);
        }
        if self.paged || !self.flags.is_empty() || !self.queries.is_empty() {
            kinds.push(Kind::InvalidRequest);
        }
        if self.conditional {
            kinds.push(Kind::PreconditionFailed);
        }
        if path.contains('{') {
            kinds.push(Kind::NotFound);
        }
        kinds.extend([Kind::RateLimited, Kind::Internal, Kind::Unavailable]);
        kinds
    }
}

/// A route without its code: what is left of it for documents and tests.
pub struct RouteRow {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whose limits it has.
    pub class: Class,
    /// How it is described.
    pub operation: Operation,
}

#[cfg(feature = "openapi")]
impl<S> From<Route<S>> for RouteRow {
    fn from(route: Route<S>) -> Self {
        let Route { method, path, access, class, operation, .. } = route;
        Self { method, path, access, class, operation: operation() }
    }
}

/// The routes of one function, and what the document calls them together.
pub struct Section {
    /// The tag of its routes.
    pub tag: &'static str,
    /// What they are about.
    pub about: &'static str,
    /// The routes.
    pub rows: Vec<RouteRow>,
}

/// The document of the routes of several functions.
pub fn document(sections: Vec<Section>) -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    describe::<ProblemBody>(&mut generator);
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for Section { tag, about, rows } in sections {
        tags.push(json!({ "name": tag, "description": about }));
        for row in rows {
            let item = paths.entry(row.path).or_insert_with(|| json!({}));
            item[row.method.as_str().to_ascii_lowercase()] = entry(&row, tag, &mut generator);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AI Foundry",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Accounts and organisations, API keys, and webhooks. Errors are RFC 9457 problem details; `docs/problems.md` explains each `code`.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:3000", "description": "The local stack" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(&mut generator),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An access token or an API key." },
            },
        },
    })
}

fn schemas(generator: &mut SchemaGenerator) -> Value {
    Value::Object(generator.take_definitions(true).into_iter().collect())
}

fn entry(row: &RouteRow, tag: &str, generator: &mut SchemaGenerator) -> Value {
    let operation = &row.operation;
    let mut entry = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag],
        "security": match row.access {
            Access::Public => json!([]),
            Access::Session | Access::Owner | Access::SelfOr(_) | Access::Scope(_) => {
                json!([{ "bearer": [] }])
            }
        },
        "responses": responses(row, generator),
    });
    let needs = match row.access {
        Access::Public | Access::Session => None,
        Access::Owner => Some("Needs the role `owner`.".to_owned()),
        Access::Scope(scope) => Some(format!("Needs the scope `{scope}`.")),
        Access::SelfOr(scope) => Some(format!("Needs the scope `{scope}`, but for oneself.")),
    };
    if let Some(needs) = needs {
        entry["description"] = needs.into();
    }
    let parameters = parameters(row);
    if !parameters.is_empty() {
        entry["parameters"] = Value::Array(parameters);
    }
    if let Some((media, schema, example)) = &operation.request {
        entry["requestBody"] =
            json!({ "required": true, "content": content(media, schema(generator), example) });
    }
    entry
}

fn content(media: &str, schema: Schema, example: &Example) -> Value {
    json!({ media: { "schema": schema, "example": example } })
}

fn parameters(row: &RouteRow) -> Vec<Value> {
    let mut parameters: Vec<Value> = row
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(row.operation.flags.iter().map(|(name, what)| {
        json!({
            "name": name, "in": "query", "description": what,
            "schema": { "type": "boolean", "default": false },
        })
    }));
    parameters.extend(row.operation.queries.iter().map(|(name, what)| {
        json!({ "name": name, "in": "query", "description": what, "schema": { "type": "string" } })
    }));
    if row.operation.paged {
        parameters.push(json!({
            "name": "limit", "in": "query", "description": "How many at the most.",
            "schema": { "type": "integer", "minimum": 1, "maximum": 100, "default": 20 },
        }));
        parameters.push(json!({
            "name": "cursor", "in": "query", "description": "`next_cursor` of the page before.",
            "schema": { "type": "string" },
        }));
    }
    if row.operation.idempotent {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "description": "Makes a repetition safe for 24 hours.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,255}$" },
        }));
    }
    if row.operation.conditional {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "description": "The `ETag` that you read.",
            "schema": { "type": "string" },
        }));
    }
    parameters
}

fn responses(row: &RouteRow, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for Answer { status, what, body } in &row.operation.answers {
        let mut answer = json!({ "description": what });
        if let Some((media, schema, example)) = body {
            answer["content"] = content(media, schema(generator), example);
        }
        responses.insert(status.to_string(), answer);
    }
    let kinds = row.operation.kinds(row.access, row.path);
    for status in kinds.iter().map(|kind| kind.status()) {
        let mut codes: Vec<_> = kinds.iter().filter(|kind| kind.status() == status).collect();
        codes.dedup();
        let examples: Map<String, Value> =
            codes.iter().map(|kind| (kind.code().to_owned(), example(**kind))).collect();
        let described = codes.iter().map(|kind| kind.title()).collect::<std::collections::BTreeSet<_>>();
        responses.entry(status.as_str()).or_insert_with(|| {
            json!({
                "description": described.into_iter().collect::<Vec<_>>().join(" · "),
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                    "examples": examples,
                } },
            })
        });
    }
    Value::Object(responses)
}

fn example(kind: Kind) -> Value {
    json!({ "value": {
        "type": kind.type_uri(),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "code": kind.code(),
        "request_id": "JKJaXmPLvHcESHA=",
    } })
}
