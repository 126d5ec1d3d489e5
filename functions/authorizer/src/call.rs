//! What API Gateway asks an authorizer: three events, read into one call.
//!
//! HTTP APIs ask with payload format 2.0; REST APIs with `REQUEST` (format 1.0) or `TOKEN` events. See the
//! developer guides of HTTP and REST APIs, "Lambda authorizers".

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::http::ClientAddress;

/// In which form the gateway wants its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `isAuthorized`, for HTTP APIs.
    Simple,
    /// A policy that names one method, for REST APIs.
    Policy {
        /// The ARN of the method that was called.
        method_arn: String,
    },
}

/// A call to the deployer's API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) form: Form,
    /// Only the credential.
    pub(crate) headers: HeaderMap,
    pub(crate) address: ClientAddress,
    /// `GET`, or `ANY`, or nothing for `$default`.
    pub(crate) method: String,
    /// As the deployer's template has it, such as `/orders/{id}`, or `$default`; of a `TOKEN` event the path
    /// that was called, since there is nothing else.
    pub(crate) route: String,
    identity: Vec<String>,
    route_key: Option<String>,
    /// Of a `TOKEN` event, which has only the path that was called.
    is_token: bool,
}

/// The event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Not JSON of the right form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// Something is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    version: Option<String>,
    authorization_token: Option<String>,
    method_arn: Option<String>,
    http_method: Option<String>,
    resource: Option<String>,
    route_key: Option<String>,
    identity_source: Option<Value>,
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Default, Deserialize)]
struct RequestContext {
    http: Option<Source>,
    identity: Option<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    source_ip: Option<String>,
}

impl Call {
    pub(crate) fn read(event: Value) -> Result<Self, CallError> {
        let event: Event = serde_json::from_value(event)?;
        let source = event.request_context.http.as_ref().or(event.request_context.identity.as_ref());
        let address = source.and_then(|source| source.source_ip.as_deref()).unwrap_or_default();
        let headers = credential(&event);
        if event.version.as_deref() == Some("2.0") {
            let key = event.route_key.ok_or(CallError::Missing("routeKey"))?;
            let (method, route) = key.split_once(' ').unwrap_or(("", &key));
            return Ok(Self {
                form: Form::Simple,
                headers,
                address: ClientAddress::parse(address),
                method: method.to_owned(),
                route: route.to_owned(),
                identity: texts(event.identity_source.as_ref()),
                route_key: Some(key),
                is_token: false,
            });
        }
        let method_arn = event.method_arn.ok_or(CallError::Missing("methodArn"))?;
        let ((method, route), is_token) = match (event.http_method, event.resource) {
            (Some(method), Some(resource)) => ((method, resource), false),
            _ => (method_of(&method_arn).ok_or(CallError::Missing("methodArn"))?, true),
        };
        Ok(Self {
            form: Form::Policy { method_arn },
            headers,
            address: ClientAddress::parse(address),
            method,
            route,
            identity: Vec::new(),
            route_key: None,
            is_token,
        })
    }

    /// Whether the same for calls from other addresses. What a REST API keeps by is not to be seen.
    pub(crate) fn names_its_address(&self) -> bool {
        match &self.form {
            Form::Simple => self.address.known().is_some_and(|address| {
                let text = address.to_string();
                self.identity.contains(&text)
            }),
            Form::Policy { .. } => true,
        }
    }

    /// Whether the path that was called could mean more than itself: in a policy, `*` and `?` stand for
    /// others, and where nothing but the path is known, an encoded or empty segment is another spelling.
    pub(crate) fn is_ambiguous(&self) -> bool {
        match &self.form {
            Form::Simple => false,
            Form::Policy { method_arn } => {
                let called = method_arn.splitn(6, ':').nth(5).unwrap_or_default();
                let odd = |text: &str| text.is_empty() || text.contains('%');
                let path = self.route.trim_start_matches('/');
                let spelled = !self.is_token || path.is_empty() || !path.split('/').any(odd);
                called.contains(['*', '?', '$']) || !spelled
            }
        }
    }

    /// Whether a verdict on this call cannot be used for another route: the gateway keeps verdicts by their
    /// identity sources, and a policy names its method.
    pub(crate) fn names_its_route(&self) -> bool {
        match (&self.form, &self.route_key) {
            (Form::Simple, Some(key)) => self.identity.contains(key),
            (Form::Simple, None) => false,
            (Form::Policy { .. }, _) => true,
        }
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The credential, from where each of the events has it. What is there twice is no credential.
fn credential(event: &Event) -> HeaderMap {
    let named = event.headers.iter().flatten().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let from_headers = named.filter_map(|(_, value)| value.as_str());
    let mut headers = HeaderMap::new();
    for text in event.authorization_token.as_deref().into_iter().chain(from_headers) {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.append(AUTHORIZATION, value);
        }
    }
    headers
}

/// Method and path of `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`.
fn method_of(arn: &str) -> Option<(String, String)> {
    let mut parts = arn.splitn(6, ':').nth(5)?.splitn(4, '/');
    let (_api, _stage, method) = (parts.next()?, parts.next()?, parts.next()?);
    Some((method.to_owned(), format!("/{}", parts.next().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/orders/7";

    fn bearer(call: &Call) -> Vec<&str> {
        call.headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_call_of_an_http_api_is_read() {
        let call = Call::read(json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": ARN,
            "identitySource": ["Bearer x", "GET /orders/{id}"],
            "routeKey": "GET /orders/{id}",
            "headers": { "authorization": "Bearer x", "accept": "*/*" },
            "requestContext": { "http": { "method": "GET", "sourceIp": "203.0.113.7" } },
        }))
        .unwrap();
        assert_eq!((call.method.as_str(), call.route.as_str()), ("GET", "/orders/{id}"));
        assert_eq!((&call.form, bearer(&call)), (&Form::Simple, vec!["Bearer x"]));
        assert_eq!(call.address.to_string(), "203.0.113.7");
        assert!(call.names_its_route());
    }

    #[test]
    fn the_default_route_has_no_method() {
        let call = Call::read(json!({ "version": "2.0", "routeKey": "$default" })).unwrap();
        assert_eq!((call.method.as_str(), call.route.as_str()), ("", "$default"));
        assert!(!call.names_its_route());
    }

    #[test]
    fn both_calls_of_a_rest_api_are_read() {
        let request = Call::read(json!({
            "type": "REQUEST",
            "methodArn": ARN,
            "resource": "/orders/{id}",
            "httpMethod": "GET",
            "headers": { "Authorization": "Bearer x" },
            "requestContext": { "identity": { "sourceIp": "2001:db8::1" } },
        }))
        .unwrap();
        assert_eq!((request.method.as_str(), request.route.as_str()), ("GET", "/orders/{id}"));
        assert_eq!(request.address.to_string(), "2001:db8::1");
        let token = json!({ "type": "TOKEN", "authorizationToken": "Bearer x", "methodArn": ARN });
        let token = Call::read(token).unwrap();
        assert_eq!((token.method.as_str(), token.route.as_str()), ("GET", "/orders/7"));
        for call in [request, token] {
            assert_eq!(call.form, Form::Policy { method_arn: ARN.to_owned() });
            assert_eq!(bearer(&call), ["Bearer x"]);
            assert!(call.names_its_route());
        }
    }

    #[test]
    fn a_path_that_could_mean_others_is_ambiguous() {
        let arn = |path: &str| format!("arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/{path}");
        let token = |path: &str| {
            Call::read(json!({ "type": "TOKEN", "authorizationToken": "x", "methodArn": arn(path) })).unwrap()
        };
        for path in ["orders/7", "", "orders"] {
            assert!(!token(path).is_ambiguous(), "{path}");
        }
        for path in ["*", "orders/*", "orders/?", "orders/${x}", "orders/", "orders//7", "orders/%37"] {
            assert!(token(path).is_ambiguous(), "{path}");
        }
        let request = |path: &str| {
            let resource = "/orders/{id}";
            let event = json!({ "methodArn": arn(path), "resource": resource, "httpMethod": "GET" });
            Call::read(event).unwrap()
        };
        assert!(!request("orders/%37").is_ambiguous(), "the route is known");
        assert!(request("orders/*").is_ambiguous());
    }

    #[test]
    fn what_an_authorizer_is_not_asked_is_refused() {
        for event in
            [json!(null), json!([]), json!({}), json!({ "version": "2.0" }), json!({ "methodArn": "x" })]
        {
            assert!(Call::read(event.clone()).is_err(), "{event}");
        }
    }

    #[test]
    fn a_credential_that_is_there_twice_is_seen_twice() {
        let headers = json!({ "Authorization": "Bearer x", "authorization": "Bearer y" });
        let call =
            Call::read(json!({ "version": "2.0", "routeKey": "$default", "headers": headers })).unwrap();
        assert_eq!(bearer(&call).len(), 2);
    }
}
