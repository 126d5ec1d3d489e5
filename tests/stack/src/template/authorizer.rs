//! Lambda authorizers of an HTTP API.

use serde_json::Value;

use super::resource::{is_true, number, required};

/// One of `Auth.Authorizers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// What routes call it by.
    pub name: String,
    /// The ARN of its function, without an alias.
    pub function_arn: String,
    /// The identity sources, in the order in which the gateway hands them over.
    pub identity: Vec<IdentitySource>,
    /// For how long a verdict is kept; 0 asks every time.
    pub ttl_seconds: u32,
}

/// Where a part of the identity is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A header.
    Header(String),
    /// A variable of the context, such as `routeKey`.
    Context(String),
}

/// What is to be done with a route of an API that has authorizers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorizers {
    /// The one of routes that name none.
    pub default: Option<String>,
    /// All of them.
    pub all: Vec<Authorizer>,
}

impl Authorizers {
    /// From `Auth` of an `AWS::Serverless::HttpApi`.
    pub(super) fn read(auth: &Value) -> Result<Authorizers, String> {
        let default = auth["DefaultAuthorizer"].as_str().map(str::to_owned);
        let named = auth["Authorizers"].as_object();
        let all = named.into_iter().flatten().map(|(name, properties)| {
            Authorizer::read(name, properties).map_err(|reason| format!("authorizer `{name}`: {reason}"))
        });
        let authorizers = Authorizers { default, all: all.collect::<Result<_, _>>()? };
        if let Some(default) = authorizers.default.as_deref()
            && authorizers.named(default).is_none()
        {
            return Err(format!("the default authorizer `{default}` is none of those it has"));
        }
        Ok(authorizers)
    }

    /// The authorizer of that name.
    pub fn named(&self, name: &str) -> Option<&Authorizer> {
        self.all.iter().find(|authorizer| authorizer.name == name)
    }
}

impl Authorizer {
    fn read(name: &str, properties: &Value) -> Result<Authorizer, String> {
        let version = properties["AuthorizerPayloadFormatVersion"].as_str().unwrap_or_default();
        if version != "2.0" || !is_true(&properties["EnableSimpleResponses"]) {
            return Err("only payload format 2.0 with simple responses is emulated here".to_owned());
        }
        let identity = &properties["Identity"];
        let arn = required(properties, "FunctionArn")?;
        // `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, perhaps with an alias behind it.
        let function_arn = arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
        let texts = |name: &str| {
            let all = identity[name].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let headers = texts("Headers").into_iter().map(IdentitySource::Header);
        let contexts = texts("Context").into_iter().map(IdentitySource::Context);
        Ok(Authorizer {
            name: name.to_owned(),
            function_arn,
            identity: headers.chain(contexts).collect(),
            ttl_seconds: number(identity, "ReauthorizeEvery", 300)?,
        })
    }
}
