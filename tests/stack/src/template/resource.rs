//! Tables, queues, secrets and CORS: the resources that hold something.

use std::collections::BTreeMap;

use serde_json::Value;

use super::function::Function;
use super::intrinsic::{local_name, queue_arn, secret_arn, text};

/// One attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// `HASH` or `RANGE`.
    pub role: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalIndex {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Vec<KeyAttribute>,
    /// `ProjectionType` and `NonKeyAttributes`, as the template has them.
    pub projection: Value,
}

/// `AWS::DynamoDB::Table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The logical id.
    pub id: String,
    /// Its key.
    pub key: Vec<KeyAttribute>,
    /// The attributes that keys use → `S`, `N` or `B`.
    pub attributes: BTreeMap<String, String>,
    /// Its global secondary indexes.
    pub indexes: Vec<GlobalIndex>,
    /// The attribute that says when an item expires.
    pub ttl_attribute: Option<String>,
}

impl Table {
    pub(super) fn read(id: &str, properties: &Value) -> Result<Table, String> {
        let mut attributes = BTreeMap::new();
        for definition in list(properties, "AttributeDefinitions")? {
            attributes.insert(required(definition, "AttributeName")?, required(definition, "AttributeType")?);
        }
        let mut indexes = Vec::new();
        let declared = properties["GlobalSecondaryIndexes"].as_array();
        for index in declared.into_iter().flatten() {
            indexes.push(GlobalIndex {
                name: required(index, "IndexName")?,
                key: key(index, &attributes)?,
                projection: index["Projection"].clone(),
            });
        }
        let ttl = &properties["TimeToLiveSpecification"];
        Ok(Table {
            id: id.to_owned(),
            key: key(properties, &attributes)?,
            attributes,
            indexes,
            ttl_attribute: is_true(&ttl["Enabled"]).then(|| required(ttl, "AttributeName")).transpose()?,
        })
    }

    /// Its name here.
    pub fn name(&self) -> String {
        local_name(&self.id)
    }
}

fn key(owner: &Value, attributes: &BTreeMap<String, String>) -> Result<Vec<KeyAttribute>, String> {
    let mut key = Vec::new();
    for element in list(owner, "KeySchema")? {
        let name = required(element, "AttributeName")?;
        if !attributes.contains_key(&name) {
            return Err(format!("a key uses `{name}`, which `AttributeDefinitions` does not have"));
        }
        let role = required(element, "KeyType")?;
        key.push(KeyAttribute { name, role });
    }
    Ok(key)
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub target_arn: String,
    /// How often a message is handed out before it goes there.
    pub receives_max: u32,
}

/// `AWS::SQS::Queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The logical id.
    pub id: String,
    /// For how long a received message is hidden.
    pub visibility_timeout_seconds: u32,
    /// For how long a sent message is hidden.
    pub delay_seconds: u32,
    /// For how long a message is kept.
    pub retention_seconds: u32,
    /// Its dead letters.
    pub redrive: Option<Redrive>,
}

impl Queue {
    pub(super) fn read(id: &str, properties: &Value) -> Result<Queue, String> {
        if is_true(&properties["FifoQueue"]) {
            return Err("FIFO queues are not emulated here".to_owned());
        }
        let policy = match &properties["RedrivePolicy"] {
            Value::String(policy) => {
                serde_json::from_str(policy).map_err(|error| format!("RedrivePolicy is not JSON: {error}"))?
            }
            policy => policy.clone(),
        };
        let redrive = if policy.is_null() {
            None
        } else {
            Some(Redrive {
                target_arn: required(&policy, "deadLetterTargetArn")?,
                receives_max: number(&policy, "maxReceiveCount", 10)?,
            })
        };
        Ok(Queue {
            id: id.to_owned(),
            visibility_timeout_seconds: number(properties, "VisibilityTimeout", 30)?,
            delay_seconds: number(properties, "DelaySeconds", 0)?,
            retention_seconds: number(properties, "MessageRetentionPeriod", 345_600)?,
            redrive,
        })
    }

    /// Its name here.
    pub fn name(&self) -> String {
        local_name(&self.id)
    }

    /// Its ARN here.
    pub fn arn(&self) -> String {
        queue_arn(&self.id)
    }
}

/// `AWS::SecretsManager::Secret`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The logical id.
    pub id: String,
    /// A value given in the template.
    pub fixed: Option<String>,
    /// The parameters of `GetRandomPassword`.
    pub password: Value,
    /// A JSON object that the generated value is put into, and under which name.
    pub template: Option<(Value, String)>,
    /// The function that rotates it: its name or ARN, an alias behind it or not.
    pub rotated_by: Option<String>,
}

/// A value from the template is a secret like any other: its name only.
impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secret({})", self.id)
    }
}

impl Secret {
    pub(super) fn read(id: &str, properties: &Value) -> Result<Secret, String> {
        let generate = &properties["GenerateSecretString"];
        let mut password = serde_json::Map::new();
        for (name, value) in generate.as_object().into_iter().flatten() {
            if name != "SecretStringTemplate" && name != "GenerateStringKey" {
                password.insert(name.clone(), typed(value)?);
            }
        }
        let template = match generate["SecretStringTemplate"].as_str() {
            None => None,
            Some(template) => {
                let object: Value = serde_json::from_str(template)
                    .map_err(|error| format!("SecretStringTemplate is not JSON: {error}"))?;
                Some((object, required(generate, "GenerateStringKey")?))
            }
        };
        Ok(Secret {
            id: id.to_owned(),
            fixed: properties["SecretString"].as_str().map(str::to_owned),
            password: Value::Object(password),
            template,
            rotated_by: None,
        })
    }

    /// Its name here.
    pub fn name(&self) -> String {
        local_name(&self.id)
    }

    /// Whether that function rotates it.
    pub fn is_rotated_by(&self, function: &Function) -> bool {
        let named = self.rotated_by.as_deref().unwrap_or_default();
        named == function.name() || named.starts_with(&function.arn())
    }

    /// Its ARN here, the same after every restart.
    pub fn arn(&self) -> String {
        secret_arn(&self.id)
    }
}

/// Parameters make numbers and flags into text; the service wants them back.
fn typed(value: &Value) -> Result<Value, String> {
    let text = text(value)?;
    Ok(match text.as_str() {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<u32>().map_or(Value::String(text), Value::from),
    })
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, or `*`.
    pub origins: Vec<String>,
    /// Methods, or `*`.
    pub methods: Vec<String>,
    /// Request headers, or `*`.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub exposed: Vec<String>,
    /// For how long an answer may be kept.
    pub max_age_seconds: Option<u32>,
    /// Whether cookies may be sent.
    pub credentials: bool,
}

impl Cors {
    pub(super) fn read(configuration: &Value) -> Result<Option<Cors>, String> {
        let any = || vec!["*".to_owned()];
        let cors = match configuration {
            Value::Bool(true) => Cors { origins: any(), methods: any(), headers: any(), ..Cors::default() },
            Value::String(origin) => Cors { origins: vec![origin.clone()], ..Cors::default() },
            Value::Object(_) => Cors {
                origins: texts(&configuration["AllowOrigins"])?,
                methods: texts(&configuration["AllowMethods"])?,
                headers: texts(&configuration["AllowHeaders"])?,
                exposed: texts(&configuration["ExposeHeaders"])?,
                max_age_seconds: match &configuration["MaxAge"] {
                    Value::Null => None,
                    _ => Some(number(configuration, "MaxAge", 0)?),
                },
                credentials: is_true(&configuration["AllowCredentials"]),
            },
            _ => return Ok(None),
        };
        Ok((!cors.origins.is_empty()).then_some(cors))
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let items = value.as_array().into_iter().flatten().map(text);
    let items = items.filter(|item| item.as_ref().is_ok_and(|item| !item.is_empty()) || item.is_err());
    items.collect()
}

fn list<'a>(owner: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    let list = owner[name].as_array();
    list.ok_or_else(|| format!("`{name}` is missing or not a list"))
}

/// A text that has to be there.
pub(super) fn required(owner: &Value, name: &str) -> Result<String, String> {
    match &owner[name] {
        Value::Null => Err(format!("`{name}` is missing")),
        value => text(value).map_err(|reason| format!("`{name}`: {reason}")),
    }
}

/// A whole number, which parameters make into text.
pub(super) fn number(owner: &Value, name: &str, default: u32) -> Result<u32, String> {
    match &owner[name] {
        Value::Null => Ok(default),
        value => text(value)?.parse().map_err(|_| format!("`{name}` is not a whole number: {value}")),
    }
}

/// A flag, which parameters make into text.
pub(super) fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value == "true"
}
