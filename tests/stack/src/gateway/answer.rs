//! What the gateway makes of a function's result.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// An answer of the gateway's own.
pub(super) fn message(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message }).to_string();
    answer(status, body, "application/json")
}

/// With `statusCode` it is a whole answer; any other JSON is the body of a 200.
pub(super) fn from_result(result: &[u8]) -> Response {
    let Ok(result) = serde_json::from_slice::<Value>(result) else {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    if result["statusCode"].is_null() {
        let body = match result {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        return answer(StatusCode::OK, body, "application/json");
    }
    whole(&result).unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}

fn answer(status: StatusCode, body: impl Into<Body>, content_type: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Nothing if a part of it is not what it has to be.
fn whole(result: &Value) -> Option<Response> {
    let status = match &result["statusCode"] {
        Value::String(text) => text.parse().ok()?,
        status => u16::try_from(status.as_u64()?).ok()?,
    };
    let status = StatusCode::from_u16(status).ok()?;
    let body = match &result["body"] {
        Value::Null => Vec::new(),
        Value::String(text) if result["isBase64Encoded"] == true => STANDARD.decode(text).ok()?,
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let mut response = answer(status, body, "text/plain; charset=utf-8");
    let headers = response.headers_mut();
    for (name, value) in result["headers"].as_object().into_iter().flatten() {
        let (name, value) = pair(name, value)?;
        headers.insert(name, value);
    }
    for (name, values) in result["multiValueHeaders"].as_object().into_iter().flatten() {
        let mut is_first = true;
        for value in values.as_array().into_iter().flatten() {
            let (name, value) = pair(name, value)?;
            if is_first {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
            is_first = false;
        }
    }
    for cookie in result["cookies"].as_array().into_iter().flatten() {
        let (name, value) = pair("set-cookie", cookie)?;
        headers.append(name, value);
    }
    // The gateway frames the body itself.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    Some(response)
}

fn pair(name: &str, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let name = HeaderName::try_from(name).ok()?;
    Some((name, HeaderValue::try_from(value).ok()?))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn body(response: Response) -> String {
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_whole_answer_keeps_status_headers_cookies_and_bytes() {
        let response = from_result(
            json!({
                "statusCode": 201,
                "headers": { "content-type": "image/png", "vary": "one" },
                "multiValueHeaders": { "vary": ["origin", "accept"] },
                "cookies": ["a=1; HttpOnly", "b=2"],
                "body": "aGVsbG8=",
                "isBase64Encoded": true,
            })
            .to_string()
            .as_bytes(),
        );
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "image/png");
        let all = |name| {
            let values = response.headers().get_all(name).iter();
            values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(all("vary"), ["origin", "accept"]);
        assert_eq!(all("set-cookie"), ["a=1; HttpOnly", "b=2"]);
        assert_eq!(body(response).await, "hello");
    }

    #[tokio::test]
    async fn json_without_a_status_is_the_body_of_a_200() {
        let response = from_result(br#"{"id":1}"#);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(body(response).await, r#"{"id":1}"#);
    }

    #[tokio::test]
    async fn a_result_that_is_no_answer_is_a_500() {
        for result in ["", r#"{"statusCode": 99}"#, r#"{"statusCode": "x"}"#] {
            let response = from_result(result.as_bytes());
            assert_eq!(response.status(), 500, "{result}");
            assert_eq!(body(response).await, r#"{"message":"Internal Server Error"}"#);
        }
    }
}
