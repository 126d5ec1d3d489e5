//! The HTTP conventions of every route: how a body becomes a type or a list of everything that is
//! wrong with it, how lists are cut into pages, what `Idempotency-Key` means, and what a route is.

mod client;
mod etag;
mod fields;
mod finish;
mod idempotency;
mod json;
mod openapi;
mod page;
mod path;
mod route;

pub use client::{ClientAddress, client_address};
pub use etag::{IfMatch, etag};
pub use fields::{Fields, Patch};
pub use finish::{Caller, RequestId, finish};
pub use idempotency::{BodyDigest, IdempotencyKey};
pub use json::{FromFields, FromFieldsWith, Json};
pub use openapi::{Example, Operation, RouteRow, Section, document};
pub use page::{Cursors, Given, Page, PageQuery};
pub use path::{PathId, PathPair};
pub use route::{Access, Held, Route};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// An answer with a credential in it: no cache may keep it (RFC 6749, 5.1).
pub struct NoStore<T>(pub T);

impl<T: IntoResponse> IntoResponse for NoStore<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// 201 with a body.
pub fn created<T: serde::Serialize>(body: T) -> (StatusCode, axum::Json<T>) {
    (StatusCode::CREATED, axum::Json(body))
}
