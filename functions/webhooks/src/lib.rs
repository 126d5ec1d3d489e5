//! Webhooks: where events go, the events themselves, and what came of their deliveries.

mod deliveries;
mod event_types;
mod events;
mod replays;
mod webhooks;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{delete, get, patch, post};
use http::Method;
use shared::address::EgressPolicy;
use shared::context::Core;
use shared::http::{Access, Held, Route};
use shared::operational::Operational;
use shared::queue::Queue;
use shared::rate::Class;
use shared::scope::Scope;

use crate::event_types as t;
pub use crate::event_types::enforce::Schemas;
pub use crate::events::subscriptions::Subscriptions;
use crate::webhooks as w;

/// What this function holds while it runs.
#[derive(Clone)]
pub struct Webhooks {
    /// What every function holds.
    pub core: Core,
    /// Where deliveries are put.
    pub queue: Queue,
    /// Where webhooks may point.
    pub egress: EgressPolicy,
    /// What tells of webhooks.
    pub operational: Operational,
    /// What is remembered of event types.
    pub schemas: Schemas,
    /// What is remembered of what webhooks want.
    pub subscriptions: Subscriptions,
}

impl Webhooks {
    /// One that remembers nothing yet.
    pub fn new(core: Core, queue: Queue, egress: EgressPolicy, operational: Operational) -> Self {
        let (schemas, subscriptions) = (Schemas::default(), Subscriptions::default());
        Self { core, queue, egress, operational, schemas, subscriptions }
    }
}

impl FromRef<Held<Webhooks>> for Webhooks {
    fn from_ref(held: &Held<Webhooks>) -> Self {
        held.state().clone()
    }
}

impl FromRef<Webhooks> for Core {
    fn from_ref(state: &Webhooks) -> Self {
        state.core.clone()
    }
}

/// The table of contents of this function. `template.yaml` has to name the same rows.
pub fn routes() -> Vec<Route<Webhooks>> {
    let families =
        [of_webhooks(), of_signatures(), of_events_and_deliveries(), of_replays(), of_event_types()];
    families.into_iter().flatten().collect()
}

fn of_webhooks() -> Vec<Route<Webhooks>> {
    let (reads, writes) = (Access::Scope(Scope::WebhooksRead), Access::Scope(Scope::WebhooksWrite));
    let (one, all) = ("/api/webhooks/{id}", "/api/webhooks");
    vec![
        Route::new(Method::POST, all, writes, post(w::create::handler), w::create::operation),
        Route::new(Method::GET, all, reads, get(w::list::handler), w::list::operation),
        Route::new(Method::GET, one, reads, get(w::read::handler), w::read::operation),
        Route::new(Method::PATCH, one, writes, patch(w::update::handler), w::update::operation),
        Route::new(Method::DELETE, one, writes, delete(w::delete::handler), w::delete::operation),
        Route::new(
            Method::POST,
            "/api/webhooks/{id}/pause",
            writes,
            post(w::switch::pause),
            w::switch::pause_operation,
        ),
        Route::new(
            Method::POST,
            "/api/webhooks/{id}/resume",
            writes,
            post(w::switch::resume),
            w::switch::resume_operation,
        ),
        Route::new(
            Method::POST,
            "/api/webhooks/{id}/test",
            writes,
            post(w::test::handler),
            w::test::operation,
        ),
        Route::new(
            Method::GET,
            "/api/webhooks/{id}/health",
            reads,
            get(w::health::handler),
            w::health::operation,
        ),
        Route::new(
            Method::GET,
            "/api/webhooks/{id}/retry-preview",
            reads,
            get(w::retry_preview::handler),
            w::retry_preview::operation,
        ),
        Route::new(
            Method::GET,
            "/api/webhooks/{id}/deliveries",
            reads,
            get(deliveries::list_of_webhook::handler),
            deliveries::list_of_webhook::operation,
        ),
    ]
}

fn of_signatures() -> Vec<Route<Webhooks>> {
    let (reads, writes) = (Access::Scope(Scope::WebhooksRead), Access::Scope(Scope::WebhooksWrite));
    vec![
        Route::new(
            Method::POST,
            "/api/webhooks/verify-signature",
            reads,
            post(w::verify_signature::handler),
            w::verify_signature::operation,
        ),
        Route::new(
            Method::POST,
            "/api/webhooks/{id}/rotate-secret",
            writes,
            post(w::rotate_secret::handler),
            w::rotate_secret::operation,
        ),
        Route::new(
            Method::GET,
            "/.well-known/webhook-keys/{organization_id}/{webhook_id}",
            Access::Public,
            get(w::keys::handler),
            w::keys::operation,
        ),
    ]
}

fn of_events_and_deliveries() -> Vec<Route<Webhooks>> {
    let (reads, writes) = (Access::Scope(Scope::WebhooksRead), Access::Scope(Scope::WebhooksWrite));
    let (sees, publishes) = (Access::Scope(Scope::EventsRead), Access::Scope(Scope::EventsWrite));
    vec![
        Route::new(
            Method::POST,
            "/api/events",
            publishes,
            post(events::publish::handler),
            events::publish::operation,
        )
        .like(Class::Publish),
        Route::new(
            Method::POST,
            "/api/events/batch",
            publishes,
            post(events::batch::handler),
            events::batch::operation,
        )
        .like(Class::Publish),
        Route::new(Method::GET, "/api/events", sees, get(events::list::handler), events::list::operation),
        Route::new(
            Method::GET,
            "/api/events/{id}",
            sees,
            get(events::read::handler),
            events::read::operation,
        ),
        Route::new(
            Method::GET,
            "/api/events/{id}/deliveries",
            reads,
            get(deliveries::list_of_event::handler),
            deliveries::list_of_event::operation,
        ),
        Route::new(
            Method::GET,
            "/api/deliveries/{id}",
            reads,
            get(deliveries::read::handler),
            deliveries::read::operation,
        ),
        Route::new(
            Method::POST,
            "/api/deliveries/{id}/resend",
            writes,
            post(deliveries::resend::handler),
            deliveries::resend::operation,
        ),
    ]
}

fn of_replays() -> Vec<Route<Webhooks>> {
    let (reads, writes) = (Access::Scope(Scope::WebhooksRead), Access::Scope(Scope::WebhooksWrite));
    vec![
        Route::new(
            Method::POST,
            "/api/webhooks/{id}/replay",
            writes,
            post(replays::start::handler),
            replays::start::operation,
        ),
        Route::new(
            Method::GET,
            "/api/replays/{id}",
            reads,
            get(replays::read::handler),
            replays::read::operation,
        ),
        Route::new(
            Method::POST,
            "/api/replays/{id}/cancel",
            writes,
            post(replays::cancel::handler),
            replays::cancel::operation,
        ),
    ]
}

fn of_event_types() -> Vec<Route<Webhooks>> {
    let (reads, writes) = (Access::Scope(Scope::WebhooksRead), Access::Scope(Scope::WebhooksWrite));
    let (one, all) = ("/api/event-types/{name}", "/api/event-types");
    vec![
        Route::new(Method::POST, all, writes, post(t::create::handler), t::create::operation),
        Route::new(Method::GET, all, reads, get(t::list::handler), t::list::operation),
        Route::new(Method::GET, one, reads, get(t::read::handler), t::read::operation),
        Route::new(Method::PATCH, one, writes, patch(t::update::handler), t::update::operation),
        Route::new(Method::DELETE, one, writes, delete(t::delete::handler), t::delete::operation),
    ]
}

/// What serves the routes.
pub fn router(state: Webhooks) -> Router {
    shared::router::router(routes(), state)
}
