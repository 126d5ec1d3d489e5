//! A test as a function: it asks the Runtime API for invocations, as a binary would.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use stack::Stack;

/// A test that acts as a function.
pub(crate) struct Function {
    client: Client,
    api: String,
}

/// What the Runtime API handed out.
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: i64,
    pub(crate) arn: String,
    pub(crate) trace_id: String,
    pub(crate) event: Value,
}

impl Function {
    pub(crate) async fn attach(stack: &Stack, name: &str) -> Function {
        let address = stack.attach(name).await.unwrap();
        Function { client: client(), api: format!("http://{address}/2018-06-01/runtime") }
    }

    pub(crate) async fn next(&self) -> Invocation {
        let response = self.client.get(format!("{}/invocation/next", self.api)).send();
        let response = response.await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        Invocation {
            request_id: header("lambda-runtime-aws-request-id"),
            deadline_ms: header("lambda-runtime-deadline-ms").parse().unwrap(),
            arn: header("lambda-runtime-invoked-function-arn"),
            trace_id: header("lambda-runtime-trace-id"),
            event: json_of(response).await,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> StatusCode {
        let request = self.client.post(format!("{}/{path}", self.api)).body(body);
        request.send().await.unwrap().status()
    }

    pub(crate) async fn respond(&self, invocation: &Invocation, result: &Value) -> StatusCode {
        let path = format!("invocation/{}/response", invocation.request_id);
        self.post(&path, result.to_string()).await
    }

    pub(crate) async fn fail(&self, invocation: &Invocation) -> StatusCode {
        let error = json!({ "errorType": "Panic", "errorMessage": "on purpose" });
        let path = format!("invocation/{}/error", invocation.request_id);
        self.post(&path, error.to_string()).await
    }
}

pub(crate) async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}
