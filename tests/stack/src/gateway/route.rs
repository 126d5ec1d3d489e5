//! Which route a request takes: an exact match wins over path parameters, those over
//! `{proxy+}`, a method over `ANY`, and `$default` takes the rest.

use std::collections::BTreeMap;

use axum::http::Method;

use super::event::percent_decoded;
use crate::lambda::Lambda;
use crate::template::Route;

#[derive(Debug)]
pub(super) struct Routes {
    all: Vec<(Route, Lambda)>,
}

/// A route that a request takes.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    pub(super) lambda: &'a Lambda,
    /// `GET /api/api-keys/{id}`, or `$default`.
    pub(super) key: String,
    pub(super) parameters: BTreeMap<String, String>,
    /// The authorizer that the route itself names, or `NONE`.
    pub(super) authorizer: Option<&'a str>,
}

/// How exact one segment of a route is; the smaller, the better.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    Literal,
    Parameter,
    Rest,
    Default,
}

impl Routes {
    pub(super) fn of(lambdas: &[Lambda]) -> Routes {
        let all = lambdas.iter().flat_map(|lambda| {
            let routes = lambda.function().routes.iter();
            routes.map(|route| (route.clone(), lambda.clone()))
        });
        Routes { all: all.collect() }
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Matched<'_>> {
        let matching = self.all.iter().filter_map(|(route, lambda)| {
            let is_any = route.method == "ANY";
            if !is_any && route.method != method.as_str() {
                return None;
            }
            let (exactness, parameters) = matching(&route.path, path)?;
            Some(((exactness, is_any), route, lambda, parameters))
        });
        let best = matching.min_by(|left, right| left.0.cmp(&right.0))?;
        let (_, route, lambda, parameters) = best;
        let key = if route.path == "$default" {
            route.path.clone()
        } else {
            format!("{} {}", route.method, route.path)
        };
        Some(Matched { lambda, key, parameters, authorizer: route.authorizer.as_deref() })
    }
}

fn matching(route: &str, path: &str) -> Option<(Vec<Exactness>, BTreeMap<String, String>)> {
    let mut parameters = BTreeMap::new();
    if route == "$default" {
        return Some((vec![Exactness::Default], parameters));
    }
    let mut exactness = Vec::new();
    let mut rest = path.trim_start_matches('/');
    let mut segments = route.trim_start_matches('/').split('/').peekable();
    while let Some(segment) = segments.next() {
        let parameter = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(name) = parameter.and_then(|name| name.strip_suffix('+')) {
            // It may be empty: `/keys/{proxy+}` takes `/keys/`, though not `/keys`.
            parameters.insert(name.to_owned(), percent_decoded(rest));
            exactness.push(Exactness::Rest);
            return Some((exactness, parameters));
        }
        let (actual, after) = match rest.split_once('/') {
            Some((actual, after)) => (actual, Some(after)),
            None => (rest, None),
        };
        let actual = percent_decoded(actual);
        match parameter {
            Some(_) if actual.is_empty() => return None,
            Some(name) => {
                parameters.insert(name.to_owned(), actual);
                exactness.push(Exactness::Parameter);
            }
            None if actual == segment => exactness.push(Exactness::Literal),
            None => return None,
        }
        // Both end here, or neither does.
        if after.is_some() != segments.peek().is_some() {
            return None;
        }
        rest = after.unwrap_or_default();
    }
    Some((exactness, parameters))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::captured::Prints;
    use crate::lambda::Launch;
    use crate::template::Function;

    fn routes(paths: &[(&str, &str)]) -> Routes {
        let function = Function {
            id: "Keys".to_owned(),
            binary: "keys".to_owned(),
            timeout_seconds: 3,
            memory_mb: 128,
            routes: paths
                .iter()
                .map(|(method, path)| Route {
                    method: (*method).to_owned(),
                    path: (*path).to_owned(),
                    authorizer: None,
                })
                .collect(),
            queues: Vec::new(),
            schedules: Vec::new(),
            environment: BTreeMap::new(),
        };
        Routes::of(&[Lambda::new(function, BTreeMap::new(), Launch::Attached, Prints::default())])
    }

    fn key(routes: &Routes, method: &Method, path: &str) -> Option<String> {
        routes.find(method, path).map(|matched| matched.key)
    }

    #[test]
    fn the_most_exact_route_is_taken() {
        let routes = routes(&[
            ("ANY", "$default"),
            ("ANY", "/{proxy+}"),
            ("GET", "/keys/{id}"),
            ("ANY", "/keys/{id}"),
            ("GET", "/keys/own"),
        ]);
        let taken = |method, path| key(&routes, method, path).unwrap();
        assert_eq!(taken(&Method::GET, "/keys/own"), "GET /keys/own");
        assert_eq!(taken(&Method::GET, "/keys/1"), "GET /keys/{id}");
        assert_eq!(taken(&Method::PUT, "/keys/1"), "ANY /keys/{id}");
        assert_eq!(taken(&Method::GET, "/keys/1/usage"), "ANY /{proxy+}");
        assert_eq!(taken(&Method::GET, "/"), "ANY /{proxy+}");
    }

    #[test]
    fn a_method_or_a_path_that_no_route_has_matches_nothing() {
        let routes = routes(&[("GET", "/keys"), ("GET", "/keys/{id}"), ("GET", "/files/{proxy+}")]);
        assert_eq!(key(&routes, &Method::POST, "/keys"), None);
        assert_eq!(key(&routes, &Method::GET, "/keys/1/2"), None);
        assert_eq!(key(&routes, &Method::GET, "/keys/"), None);
        assert_eq!(key(&routes, &Method::GET, "/files"), None);
        assert_eq!(key(&routes, &Method::GET, "/"), None);
    }

    #[test]
    fn default_takes_the_rest_and_a_rest_may_be_empty() {
        let routes = routes(&[("ANY", "$default"), ("GET", "/files/{proxy+}")]);
        assert_eq!(key(&routes, &Method::GET, "/").unwrap(), "$default");
        assert_eq!(key(&routes, &Method::PUT, "/files/a").unwrap(), "$default");
        let matched = routes.find(&Method::GET, "/files/").unwrap();
        assert_eq!(matched.key, "GET /files/{proxy+}");
        assert_eq!(matched.parameters["proxy"], "");
    }

    #[test]
    fn parameters_are_decoded_and_the_rest_keeps_its_slashes() {
        let routes = routes(&[("GET", "/keys/{id}/{proxy+}")]);
        let matched = routes.find(&Method::GET, "/keys/a%20b/c/d%2Fe").unwrap();
        assert_eq!(matched.parameters["id"], "a b");
        assert_eq!(matched.parameters["proxy"], "c/d/e");
    }
}
