//! Parameters, conditions and intrinsic functions.
//!
//! References to resources become the local names: `local-<logical id>`, ARNs of
//! that, and queue URLs at whatever address the queues have. What has no local
//! counterpart (a key, a role) gets a made-up name or ARN that nothing checks.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::{Map, Value};

use super::{ACCOUNT_ID, REGION, STACK_NAME};

/// A resolved value, or nothing where it was `AWS::NoValue`; or what is wrong.
type Resolved = Result<Option<Value>, String>;

/// Conditions that refer to each other more deeply than this are a circle.
const CONDITION_DEPTH_MAX: usize = 32;

/// What names in a template stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    parameters: BTreeMap<String, Value>,
    given: BTreeSet<String>,
    mappings: Value,
    conditions: BTreeMap<String, bool>,
    /// Logical id → type, without the resources whose condition is false.
    resources: BTreeMap<String, String>,
}

impl Scope {
    /// Reads the sections that give names their meaning.
    pub(super) fn of(document: &Value, given: &[(&str, &str)]) -> Result<Scope, String> {
        let mut scope = Scope { mappings: document["Mappings"].clone(), ..Scope::default() };
        scope.read_parameters(&document["Parameters"], given)?;
        let conditions = &document["Conditions"];
        for (name, expression) in conditions.as_object().into_iter().flatten() {
            let holds = scope
                .condition(expression, conditions, 0)
                .map_err(|reason| format!("condition `{name}`: {reason}"))?;
            scope.conditions.insert(name.clone(), holds);
        }
        for (id, resource) in document["Resources"].as_object().into_iter().flatten() {
            let kind = resource["Type"].as_str().ok_or_else(|| format!("resource `{id}` has no `Type`"))?;
            let wanted = match resource["Condition"].as_str() {
                None => true,
                Some(name) => *scope
                    .conditions
                    .get(name)
                    .ok_or_else(|| format!("resource `{id}`: there is no condition `{name}`"))?,
            };
            if wanted {
                scope.resources.insert(id.clone(), kind.to_owned());
            }
        }
        Ok(scope)
    }

    fn read_parameters(&mut self, declared: &Value, given: &[(&str, &str)]) -> Result<(), String> {
        for (name, _) in given {
            if declared[*name].is_null() {
                return Err(format!("there is no parameter `{name}`"));
            }
            self.given.insert((*name).to_owned());
        }
        for (name, parameter) in declared.as_object().into_iter().flatten() {
            let given = given.iter().find(|(given, _)| given == name);
            let value = match given {
                Some((_, value)) => Value::from(*value),
                None => parameter["Default"].clone(),
            };
            if value.is_null() {
                return Err(format!("parameter `{name}` has no default: give one with --param {name}=…"));
            }
            let allowed = parameter["AllowedValues"].as_array();
            if let Some(allowed) = allowed
                && !allowed.iter().any(|one| text(one) == text(&value))
            {
                return Err(format!("parameter `{name}` cannot be `{}`", text(&value).unwrap_or_default()));
            }
            let value = if parameter["Type"] == "CommaDelimitedList" {
                let list = text(&value)?;
                let items = list.split(',').map(str::trim);
                items.filter(|item| !item.is_empty()).collect::<Value>()
            } else {
                value
            };
            self.parameters.insert(name.clone(), value);
        }
        Ok(())
    }

    fn condition(&self, expression: &Value, all: &Value, depth: usize) -> Result<bool, String> {
        if depth > CONDITION_DEPTH_MAX {
            return Err("it refers to itself".to_owned());
        }
        let (function, argument) = function_call(expression).ok_or("it is not a condition function")?;
        let each = |argument: &Value| {
            let items = argument.as_array().ok_or("its argument is not a list")?;
            let results = items.iter().map(|item| self.condition(item, all, depth + 1));
            results.collect::<Result<Vec<_>, String>>()
        };
        match function {
            "Condition" => {
                let name = argument.as_str().unwrap_or_default();
                match all.get(name) {
                    Some(expression) => self.condition(expression, all, depth + 1),
                    None => Err(format!("there is no condition `{name}`")),
                }
            }
            "Fn::Equals" => match argument.as_array().map(Vec::as_slice) {
                Some([left, right]) => {
                    let left = self.resolve(left, "")?.map(|value| text(&value)).transpose()?;
                    let right = self.resolve(right, "")?.map(|value| text(&value)).transpose()?;
                    Ok(left == right)
                }
                _ => Err("`Equals` compares two values".to_owned()),
            },
            "Fn::Not" => Ok(!each(argument)?.into_iter().all(|holds| holds)),
            "Fn::And" => Ok(each(argument)?.into_iter().all(|holds| holds)),
            "Fn::Or" => Ok(each(argument)?.into_iter().any(|holds| holds)),
            other => Err(format!("`{other}` is not a condition function")),
        }
    }

    /// Whether the resource is made: it is in the template and its condition holds.
    pub(super) fn exists(&self, id: &str) -> bool {
        self.resources.contains_key(id)
    }

    /// Whether an expression names a parameter that was given by hand.
    pub(super) fn is_given(&self, expression: &Value) -> bool {
        let is_named = |text: &String| self.given.iter().any(|name| text.contains(&format!("${{{name}}}")));
        match expression {
            Value::Object(entries) => entries.iter().any(|(function, argument)| {
                let is_given = argument.as_str().is_some_and(|name| self.given.contains(name));
                (function == "Ref" && is_given) || self.is_given(argument)
            }),
            Value::Array(items) => items.iter().any(|item| self.is_given(item)),
            Value::String(text) => is_named(text),
            _ => false,
        }
    }

    /// The properties of a resource, resolved.
    pub(super) fn properties(&self, properties: &Value, queues: &str) -> Result<Value, String> {
        Ok(self.resolve(properties, queues)?.unwrap_or_default())
    }

    /// Replaces every intrinsic function in a value. `queues` is where queue URLs start.
    pub(super) fn resolve(&self, value: &Value, queues: &str) -> Resolved {
        if let Some((function, argument)) = function_call(value) {
            return self.call(function, argument, queues);
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item, queues));
                let items = items.filter_map(Result::transpose);
                Ok(Some(items.collect::<Result<Vec<_>, _>>()?.into()))
            }
            Value::Object(entries) => {
                let mut resolved = Map::new();
                for (name, entry) in entries {
                    let entry = self.resolve(entry, queues);
                    if let Some(entry) = entry.map_err(|reason| under(name, &reason))? {
                        resolved.insert(name.clone(), entry);
                    }
                }
                Ok(Some(Value::Object(resolved)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn call(&self, function: &str, argument: &Value, queues: &str) -> Resolved {
        match function {
            "Ref" => self.reference(argument.as_str().unwrap_or_default(), queues),
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(name), then, otherwise]) => {
                    let holds =
                        self.conditions.get(name).ok_or_else(|| format!("there is no condition `{name}`"))?;
                    self.resolve(if *holds { then } else { otherwise }, queues)
                }
                _ => Err("`If` takes a condition and two values".to_owned()),
            },
            "Fn::Sub" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(pattern), names]) => self.substitute(pattern, names, queues),
                None => {
                    let pattern = argument.as_str().ok_or("`Sub` takes a text")?;
                    self.substitute(pattern, &Value::Null, queues)
                }
                Some(_) => Err("`Sub` takes a text, or a list of a text and a map".to_owned()),
            },
            _ => {
                let argument = self.resolve(argument, queues)?.unwrap_or_default();
                self.call_plain(function, &argument, queues).map(Some)
            }
        }
    }

    /// The functions that look at their resolved arguments only.
    fn call_plain(&self, function: &str, argument: &Value, queues: &str) -> Result<Value, String> {
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (function, arguments) {
            ("Fn::GetAtt", [id, attribute]) => self.attribute(&text(id)?, &text(attribute)?, queues),
            ("Fn::Join", [separator, Value::Array(items)]) => {
                let items: Result<Vec<_>, _> = items.iter().map(text).collect();
                Ok(items?.join(&text(separator)?).into())
            }
            ("Fn::Split", [separator, whole]) => {
                let (separator, whole) = (text(separator)?, text(whole)?);
                Ok(whole.split(&separator).collect())
            }
            ("Fn::Select", [index, Value::Array(items)]) => {
                let index = text(index)?.parse::<usize>().map_err(|error| error.to_string())?;
                let item = items.get(index).cloned();
                item.ok_or_else(|| format!("`Select` has no item {index}"))
            }
            ("Fn::FindInMap", [map, first, second]) => {
                let (map, first, second) = (text(map)?, text(first)?, text(second)?);
                match &self.mappings[&map][&first][&second] {
                    Value::Null => Err(format!("there is no `{map}.{first}.{second}`")),
                    found => Ok(found.clone()),
                }
            }
            ("Fn::Base64", _) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(text(argument)?);
                Ok(encoded.into())
            }
            _ => Err(format!("`{function}` with {argument} is not understood here")),
        }
    }

    fn reference(&self, name: &str, queues: &str) -> Resolved {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let value = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::StackName" => STACK_NAME.to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackId" => {
                format!("arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{STACK_NAME}/local")
            }
            _ => return self.resource(name, queues).map(Some),
        };
        Ok(Some(value.into()))
    }

    fn resource(&self, id: &str, queues: &str) -> Result<Value, String> {
        // `Function.Alias` and `Function.Version` are SAM's; the local ones have neither.
        let logical = id.split_once('.').map_or(id, |(logical, _)| logical);
        if logical == "ServerlessHttpApi" {
            return Ok(local_name(logical).into());
        }
        match self.kind(logical)? {
            "AWS::SQS::Queue" => Ok(queue_url(queues, logical).into()),
            "AWS::SecretsManager::Secret" => Ok(secret_arn(logical).into()),
            _ => Ok(local_name(logical).into()),
        }
    }

    fn attribute(&self, id: &str, attribute: &str, queues: &str) -> Result<Value, String> {
        let name = local_name(id);
        let value = match (self.kind(id)?, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{name}")),
            ("AWS::SQS::Queue", "Arn") => queue_arn(id),
            ("AWS::SQS::Queue", "QueueName") => name,
            ("AWS::SQS::Queue", "QueueUrl") => queue_url(queues, id),
            ("AWS::SecretsManager::Secret", "Id" | "Arn") => secret_arn(id),
            ("AWS::Serverless::Function", "Arn") => function_arn(id),
            (kind @ ("AWS::DynamoDB::Table" | "AWS::SQS::Queue"), other) => {
                return Err(format!("{kind} has no attribute `{other}` here"));
            }
            (kind, "Arn") => {
                let service = kind.split("::").nth(1).unwrap_or("local").to_lowercase();
                arn(&service, &name)
            }
            (_, other) => format!("{name}-{other}"),
        };
        Ok(value.into())
    }

    fn kind(&self, id: &str) -> Result<&str, String> {
        let kind = self.resources.get(id).map(String::as_str);
        kind.ok_or_else(|| format!("there is no parameter or resource `{id}`"))
    }

    /// `${Name}`, `${Name.Attribute}` and `${!Literal}` in a text.
    fn substitute(&self, pattern: &str, names: &Value, queues: &str) -> Resolved {
        let mut text_so_far = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{pattern}` opens `${{` and does not close it"))?;
            text_so_far.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                text_so_far.extend(["${", literal, "}"]);
            } else {
                let value = self.substituted(name.trim(), names, queues)?;
                text_so_far.push_str(&text(&value)?);
            }
            rest = after;
        }
        text_so_far.push_str(rest);
        Ok(Some(text_so_far.into()))
    }

    fn substituted(&self, name: &str, names: &Value, queues: &str) -> Result<Value, String> {
        if let Some(value) = names.get(name) {
            return Ok(self.resolve(value, queues)?.unwrap_or_default());
        }
        match name.split_once('.') {
            Some((id, attribute)) => self.attribute(id, attribute, queues),
            None => Ok(self.reference(name, queues)?.unwrap_or_default()),
        }
    }
}

/// An object with one key that is an intrinsic function.
fn function_call(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    let is_function =
        name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    is_function.then_some((name.as_str(), argument))
}

/// Text, number or flag as the text that `CloudFormation` makes of it.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(text).collect();
            Ok(items?.join(","))
        }
        Value::Object(_) => Err(format!("{value} is not a text")),
    }
}

fn under(name: &str, reason: &str) -> String {
    match reason.split_once(": ") {
        Some((path, rest)) if !path.contains(' ') => format!("{name}.{path}: {rest}"),
        _ => format!("{name}: {reason}"),
    }
}

/// The name of a resource here.
pub(super) fn local_name(id: &str) -> String {
    format!("{STACK_NAME}-{id}")
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}")
}

/// The ARN of a queue.
pub(super) fn queue_arn(id: &str) -> String {
    arn("sqs", &local_name(id))
}

/// The ARN of a function.
pub(super) fn function_arn(id: &str) -> String {
    arn("lambda", &format!("function:{}", local_name(id)))
}

/// The ARN of a secret. AWS ends it with six random characters; these are always
/// the same, so that a copied environment is still right after a restart.
pub(super) fn secret_arn(id: &str) -> String {
    arn("secretsmanager", &format!("secret:{}-local0", local_name(id)))
}

fn queue_url(queues: &str, id: &str) -> String {
    format!("{queues}/{ACCOUNT_ID}/{}", local_name(id))
}
