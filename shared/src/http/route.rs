//! A route: method, path, who may call it, what runs, and how it is described. The router, the
//! authorisation, the OpenAPI document and the tests all read these rows.

use std::sync::Arc;

use axum::routing::MethodRouter;
use http::Method;

use super::openapi::Operation;
use crate::rate::Class;
use crate::scope::Scope;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A signed-in person, whatever their role, in an organisation or in none.
    Session,
    /// An owner of the organisation, signed in.
    Owner,
    /// The person whom the path names (`{user_id}`), or who holds the scope.
    SelfOr(Scope),
    /// A person or an API key that holds the scope, in an organisation whose module for it is on.
    Scope(Scope),
}

/// A function's state as its router holds it. A router clones it a dozen times for each request; a handler takes a clone
/// of the state itself, or of the part that it asks for.
pub struct Held<S>(Arc<S>);

impl<S> Held<S> {
    pub(crate) fn new(state: S) -> Self {
        Self(Arc::new(state))
    }

    /// The state.
    pub fn state(&self) -> &S {
        &self.0
    }
}

impl<S> Clone for Held<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// One row of a function's table of contents.
pub struct Route<S> {
    /// The method.
    pub method: Method,
    /// The path, without a slash at its end; `{id}` stands for one segment.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whose limits it has.
    pub class: Class,
    /// What runs.
    pub handler: MethodRouter<Held<S>>,
    /// How it is described: for the document, which functions do not make. Without the feature nothing refers to the
    /// descriptions, and they are not linked.
    #[cfg(feature = "openapi")]
    pub operation: fn() -> Operation,
}

impl<S> Route<S> {
    /// A row. What it is like follows from its method and who may call it; [`Route::like`] says otherwise.
    pub fn new(
        method: Method,
        path: &'static str,
        access: Access,
        handler: MethodRouter<Held<S>>,
        operation: fn() -> Operation,
    ) -> Self {
        let class = match (access, &method) {
            (Access::Public, &Method::GET) => Class::Public,
            (Access::Public, _) => Class::Auth,
            (_, &Method::GET) => Class::Read,
            (_, _) => Class::Write,
        };
        #[cfg(not(feature = "openapi"))]
        let _ = operation;
        Self {
            method,
            path,
            access,
            class,
            handler,
            #[cfg(feature = "openapi")]
            operation,
        }
    }

    /// The same row, with the limits of another class.
    #[must_use]
    pub fn like(self, class: Class) -> Self {
        Self { class, ..self }
    }
}
