//! From a function's rows to what serves them: authorisation before each handler that is not
//! public, limits before all, problems for unknown paths and methods, request ids, one log line, no slash at
//! the end.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};

use crate::context::Core;
use crate::http::{Access, Caller, ClientAddress, Held, Route, client_address, finish};
use crate::principal::{Identity, Person, admit, identify};
use crate::problem::{Kind, Problem};
use crate::rate::{By, Class};
use crate::secret::FrontSecrets;

/// The router of a function.
pub fn router<S>(routes: Vec<Route<S>>, state: S) -> Router
where
    Core: FromRef<S>,
    S: Send + Sync + 'static,
{
    let core = Arc::new(Core::from_ref(&state));
    let mut router = Router::new();
    for route in routes {
        let Route { path, access, class, handler, .. } = route;
        let handler = match access {
            Access::Public => handler,
            Access::Session | Access::Owner | Access::SelfOr(_) | Access::Scope(_) => {
                handler.route_layer(from_fn_with_state((Arc::clone(&core), access, class), authorize))
            }
        };
        let handler = handler.route_layer(from_fn_with_state((Arc::clone(&core), class), limit));
        router = router.route(path, handler);
    }
    router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::of(Kind::MethodNotAllowed) })
        .layer(from_fn_with_state(core.front.clone(), only_through_front))
        .layer(from_fn_with_state((core.clock.clone(), core.entropy.clone(), core.observer.clone()), finish))
        .with_state(Held::new(state))
}

/// Where calls have to come through the front, one that does not gets no further, whatever it asks for. One
/// that does comes from where the front says.
async fn only_through_front(
    State(front): State<Option<FrontSecrets>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let Some(front) = front {
        let mut sent = request.headers().get_all(FrontSecrets::HEADER).iter();
        match (sent.next(), sent.next()) {
            (Some(sent), None) if front.accept(sent.as_bytes()) => {}
            _ => return Err(Problem::of(Kind::FrontRequired)),
        }
        let address = ClientAddress::of_front(request.headers());
        request.headers_mut().remove(FrontSecrets::HEADER);
        request.extensions_mut().insert(address);
    }
    Ok(next.run(request).await)
}

/// Counts the call against the limit that its address has with routes of this class, before anything is
/// looked up for it.
async fn limit(
    State((core, class)): State<(Arc<Core>, Class)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = client_address(&request).subject();
    count(&core, class, By::Address, &address).await?;
    Ok(next.run(request).await)
}

/// Counts one call, or refuses it.
async fn count(core: &Core, class: Class, by: By, subject: &str) -> Result<(), Problem> {
    let Some(rate) = core.rates.of(class, by) else { return Ok(()) };
    match core.limiter.pass((class, by, rate), subject, core.clock.now(), &core.entropy).await? {
        None => Ok(()),
        Some(full) => Err(Problem::too_fast(full)),
    }
}

/// Nobody gets past this without a credential that the row allows. It runs before the body is read.
async fn authorize(
    State((core, access, class)): State<(Arc<Core>, Access, Class)>,
    names: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let identity = identify(&core, request.headers(), &client_address(&request)).await?;
    let (caller, allowed) = match &identity {
        Identity::Principal(principal) => {
            let user = principal.user().to_string();
            let own = names.iter().any(|(name, value)| name == "user_id" && value == user);
            let caller =
                Caller { principal: principal.actor().to_string(), organization: Some(principal.org()) };
            (caller, principal.allow(access, own))
        }
        Identity::Alone(person) => {
            (Caller { principal: person.user.to_string(), organization: None }, Person::allow(access))
        }
    };
    // What is refused counts too: whoever may not do this need not ask so often. A key's own limits, which
    // are somebody's to use up, are counted last.
    let counted = count(&core, class, By::Principal, &caller.principal).await;
    let admitted = match (counted.and(allowed), &identity) {
        (Ok(()), Identity::Principal(principal)) => admit(&core, principal).await,
        (Ok(()), Identity::Alone(_)) => Ok(None),
        (Err(problem), _) => Err(problem),
    };
    let mut response = match admitted {
        Ok(rate) => {
            match identity {
                Identity::Principal(principal) => request.extensions_mut().insert(principal).map(drop),
                Identity::Alone(person) => request.extensions_mut().insert(person).map(drop),
            };
            let mut response = next.run(request).await;
            if let Some(rate) = rate {
                response.extensions_mut().insert(rate);
            }
            response
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(caller);
    // What was made for one caller is for no cache between us and the others.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `/health/` is `/health`: every path means the same with a slash at its end. This has to happen
/// before routing, so it wraps the router instead of being a layer in it.
pub fn without_last_slash<B>(mut request: http::Request<B>) -> http::Request<B> {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') {
        let kept = path.trim_end_matches('/');
        let kept = if kept.is_empty() { "/" } else { kept };
        let path_and_query = match request.uri().query() {
            Some(query) => format!("{kept}?{query}"),
            None => kept.to_owned(),
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_make_no_difference() {
        for (from, to) in [
            ("/health/", "/health"),
            ("/health", "/health"),
            ("/", "/"),
            ("//", "/"),
            ("/a//?b=/c/", "/a?b=/c/"),
            ("/a?b=/", "/a?b=/"),
        ] {
            let request = http::Request::builder().uri(from).body(()).unwrap();
            assert_eq!(without_last_slash(request).uri().to_string(), to, "{from}");
        }
    }
}
