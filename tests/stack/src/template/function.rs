//! Functions and what calls them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::NO_QUEUES_YET;
use super::intrinsic::{Scope, function_arn, local_name};
use super::resource::{is_true, number, required};

/// `AWS::Serverless::Function`, with `Globals.Function` merged in.
#[derive(Debug, Clone)]
pub struct Function {
    /// The logical id.
    pub id: String,
    /// The binary: `Metadata.BuildProperties.Binary`.
    pub binary: String,
    /// After how long an invocation is killed.
    pub timeout_seconds: u32,
    /// What `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` says; nothing holds a function to it.
    pub memory_mb: u32,
    /// The routes that call it.
    pub routes: Vec<Route>,
    /// The queues that call it.
    pub queues: Vec<QueueSource>,
    /// The schedules that call it.
    pub schedules: Vec<Schedule>,
    /// Variables, not resolved: the addresses are known when the services run.
    pub(crate) environment: BTreeMap<String, Value>,
}

/// An `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, or `ANY`.
    pub method: String,
    /// `/api/api-keys/{id}`, `/{proxy+}`, or `$default`.
    pub path: String,
    /// Its authorizer, or `NONE`, where the route itself says.
    pub authorizer: Option<String>,
}

/// An `SQS` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// The ARN of the queue.
    pub arn: String,
    /// At most so many messages at once.
    pub batch_size: u32,
    /// For how long a batch is gathered.
    pub window_seconds: u32,
    /// `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// At most so many invocations at once.
    pub concurrency_max: Option<u32>,
}

/// A `Schedule` or `ScheduleV2` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name in the template.
    pub name: String,
    /// As the template has it: `rate(1 minute)`.
    pub expression: String,
    /// The period of a `rate`; nothing for `cron` and `at`, which are not emulated.
    pub period: Option<Duration>,
    /// What the function is called with, if the template says.
    pub input: Option<String>,
    /// `EventBridge` rules send an event of their own; the scheduler sends an empty one.
    pub is_rule: bool,
}

impl Function {
    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.environment.keys().map(String::as_str)
    }

    /// Whether it sends mails: it says where SES is.
    pub fn sends_mails(&self) -> bool {
        self.environment.contains_key("AWS_ENDPOINT_URL_SESV2")
    }

    pub(super) fn read(
        id: &str,
        resource: &Value,
        globals: &Value,
        scope: &Scope,
    ) -> Result<Function, String> {
        let mut properties = globals.clone();
        merge(&mut properties, &resource["Properties"]);
        let binary = &resource["Metadata"]["BuildProperties"]["Binary"];
        let binary = binary
            .as_str()
            .ok_or("`Metadata.BuildProperties.Binary` is missing: which binary is this function?")?;
        let mut environment = BTreeMap::new();
        let variables = properties["Environment"]["Variables"].as_object();
        for (name, expression) in variables.into_iter().flatten() {
            // A name that does not exist is found now, not when the function starts.
            scope
                .resolve(expression, NO_QUEUES_YET)
                .map_err(|reason| format!("variable `{name}`: {reason}"))?;
            environment.insert(name.clone(), expression.clone());
        }
        let read = |name: &str| scope.resolve(&properties[name], NO_QUEUES_YET);
        let sizes = serde_json::json!({
            "Timeout": read("Timeout")?,
            "MemorySize": read("MemorySize")?,
        });
        let mut function = Function {
            id: id.to_owned(),
            binary: binary.to_owned(),
            timeout_seconds: number(&sizes, "Timeout", 3)?,
            memory_mb: number(&sizes, "MemorySize", 128)?,
            routes: Vec::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            environment,
        };
        let events = resource["Properties"]["Events"].as_object();
        for (name, event) in events.into_iter().flatten() {
            let resolved = scope.properties(&event["Properties"], NO_QUEUES_YET);
            let kind = event["Type"].as_str().unwrap_or_default();
            resolved
                .and_then(|properties| function.add_event(name, kind, &properties))
                .map_err(|reason| format!("event `{name}`: {reason}"))?;
        }
        Ok(function)
    }

    fn add_event(&mut self, name: &str, kind: &str, properties: &Value) -> Result<(), String> {
        match kind {
            "HttpApi" => {
                let route = Route::read(properties)?;
                self.routes.push(route);
            }
            "SQS" => {
                let source = QueueSource::read(properties)?;
                if is_true(&properties["Enabled"]) || properties["Enabled"].is_null() {
                    self.queues.push(source);
                }
            }
            "Schedule" | "ScheduleV2" => {
                let schedule = Schedule::read(name, kind == "Schedule", properties)?;
                self.schedules.push(schedule);
            }
            "" => return Err("it has no `Type`".to_owned()),
            // Streams, topics and the like: nothing here sends them.
            _ => {}
        }
        Ok(())
    }

    /// Its name here.
    pub fn name(&self) -> String {
        local_name(&self.id)
    }

    /// Its ARN here.
    pub fn arn(&self) -> String {
        function_arn(&self.id)
    }
}

impl Route {
    fn read(properties: &Value) -> Result<Route, String> {
        let authorizer = properties["Auth"]["Authorizer"].as_str().map(str::to_owned);
        if properties["Path"].is_null() {
            let (method, path) = ("ANY".to_owned(), "$default".to_owned());
            return Ok(Route { method, path, authorizer });
        }
        let path = required(properties, "Path")?;
        if path != "$default" && !path.starts_with('/') {
            return Err(format!("the path `{path}` does not start with `/`"));
        }
        let method = required(properties, "Method")?.to_uppercase();
        let method = if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" || method == "*" {
            "ANY".to_owned()
        } else {
            method
        };
        Ok(Route { method, path, authorizer })
    }
}

impl QueueSource {
    fn read(properties: &Value) -> Result<QueueSource, String> {
        let responses = properties["FunctionResponseTypes"].as_array();
        let scaling = &properties["ScalingConfig"];
        Ok(QueueSource {
            arn: required(properties, "Queue")?,
            batch_size: number(properties, "BatchSize", 10)?.max(1),
            window_seconds: number(properties, "MaximumBatchingWindowInSeconds", 0)?,
            reports_failures: responses
                .is_some_and(|responses| responses.iter().any(|one| one == "ReportBatchItemFailures")),
            concurrency_max: match &scaling["MaximumConcurrency"] {
                Value::Null => None,
                _ => Some(number(scaling, "MaximumConcurrency", 2)?.max(1)),
            },
        })
    }
}

impl Schedule {
    fn read(name: &str, is_rule: bool, properties: &Value) -> Result<Schedule, String> {
        let key = if is_rule { "Schedule" } else { "ScheduleExpression" };
        let expression = required(properties, key)?;
        Ok(Schedule {
            name: name.to_owned(),
            period: period(&expression)?,
            expression,
            input: match &properties["Input"] {
                Value::Null => None,
                _ => Some(required(properties, "Input")?),
            },
            is_rule,
        })
    }
}

fn period(expression: &str) -> Result<Option<Duration>, String> {
    let Some(rate) = expression.strip_prefix("rate(") else {
        return Ok(None);
    };
    let wrong = || format!("`{expression}` is not a rate");
    let (count, unit) =
        rate.strip_suffix(')').and_then(|rate| rate.trim().split_once(' ')).ok_or_else(wrong)?;
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Some(Duration::from_secs(count.max(1) * seconds)))
}

/// As SAM merges: maps by key, lists one after the other, the function's own values win.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if !is_intrinsic(over) => {
            for (name, value) in over {
                merge(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(over)) => base.extend(over.iter().cloned()),
        (_, Value::Null) => {}
        (base, over) => *base = over.clone(),
    }
}

fn is_intrinsic(object: &serde_json::Map<String, Value>) -> bool {
    object.len() == 1 && object.keys().all(|name| name == "Ref" || name.starts_with("Fn::"))
}
