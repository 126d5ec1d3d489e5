//! What `template.yaml` says, as far as this machine can run it: tables, queues,
//! secrets, functions with their routes, queue sources and schedules, and CORS.
//! Not a validator: properties that nothing here needs (roles, alarms, outputs)
//! are not looked at.

mod authorizer;
mod function;
mod intrinsic;
mod resource;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::services::Settings;

pub use authorizer::{Authorizer, Authorizers, IdentitySource};
pub use function::{Function, QueueSource, Route, Schedule};
pub(crate) use intrinsic::Scope;
pub use resource::{Cors, GlobalIndex, KeyAttribute, Queue, Redrive, Secret, Table};

/// Where everything local is said to be. The local `DynamoDB` answers for this region.
pub const REGION: &str = "us-east-1";
/// The account in every local ARN and queue URL.
pub const ACCOUNT_ID: &str = "000000000000";
/// `AWS::StackName`: local names are this, a hyphen, and the logical id.
pub const STACK_NAME: &str = "local";

/// Stands in for queue URLs while the template is read: the port is known later.
const NO_QUEUES_YET: &str = "http://queues.invalid";

/// Why a template cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is missing or unreadable.
    #[error("cannot read the template {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not YAML, or a section of it is not what it has to be.
    #[error("{}: {reason}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One resource is wrong.
    #[error("{}: resource `{resource}`: {reason}", path.display())]
    Resource {
        /// The file.
        path: PathBuf,
        /// The logical id.
        resource: String,
        /// What is wrong.
        reason: String,
    },
}

/// A template that has been read and checked.
#[derive(Debug, Clone)]
pub struct Template {
    path: PathBuf,
    scope: Scope,
    tables: Vec<Table>,
    queues: Vec<Queue>,
    secrets: Vec<Secret>,
    functions: Vec<Function>,
    cors: Option<Cors>,
    authorizers: Authorizers,
}

impl Template {
    /// Reads a template with the defaults of its parameters.
    pub fn load(path: impl AsRef<Path>) -> Result<Template, TemplateError> {
        Template::load_with(path, &[])
    }

    /// Reads a template, some of its parameters given: `&[("Stage", "dev")]`.
    pub fn load_with(path: impl AsRef<Path>, parameters: &[(&str, &str)]) -> Result<Template, TemplateError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| TemplateError::Read { path: path.to_owned(), source })?;
        Template::parse(path, &text, parameters)
    }

    /// Reads a template that is already in memory; `path` is for the messages.
    pub fn parse(path: &Path, text: &str, parameters: &[(&str, &str)]) -> Result<Template, TemplateError> {
        let wrong = |reason: String| TemplateError::Document { path: path.to_owned(), reason };
        let document = yaml::parse(text).map_err(wrong)?;
        let scope = Scope::of(&document, parameters).map_err(wrong)?;
        let mut template = Template {
            path: path.to_owned(),
            scope,
            tables: Vec::new(),
            queues: Vec::new(),
            secrets: Vec::new(),
            functions: Vec::new(),
            cors: None,
            authorizers: Authorizers::default(),
        };
        let globals = &document["Globals"];
        let global_cors = &globals["HttpApi"]["CorsConfiguration"];
        template.cors =
            template.cors_of(global_cors).map_err(|reason| wrong(format!("Globals.HttpApi: {reason}")))?;
        let resources = document["Resources"].as_object();
        for (id, resource) in resources.into_iter().flatten() {
            if template.scope.exists(id) {
                template.add(id, resource, globals).map_err(|reason| TemplateError::Resource {
                    path: path.to_owned(),
                    resource: id.clone(),
                    reason,
                })?;
            }
        }
        template.read_rotations(resources)?;
        template.check_references()?;
        Ok(template)
    }

    fn add(&mut self, id: &str, resource: &Value, globals: &Value) -> Result<(), String> {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if kind == "AWS::Serverless::Function" {
            let function = Function::read(id, resource, &globals["Function"], &self.scope)?;
            self.functions.push(function);
            return Ok(());
        }
        let read = |scope: &Scope| scope.properties(&resource["Properties"], NO_QUEUES_YET);
        match kind {
            "AWS::DynamoDB::Table" => self.tables.push(Table::read(id, &read(&self.scope)?)?),
            "AWS::SQS::Queue" => self.queues.push(Queue::read(id, &read(&self.scope)?)?),
            "AWS::SecretsManager::Secret" => {
                self.secrets.push(Secret::read(id, &read(&self.scope)?)?);
            }
            "AWS::Serverless::HttpApi" => {
                let cors = self.cors_of(&resource["Properties"]["CorsConfiguration"])?;
                self.cors = cors.or(self.cors.take());
                if let Some(auth) = self.scope.resolve(&resource["Properties"]["Auth"], NO_QUEUES_YET)? {
                    self.authorizers = Authorizers::read(&auth)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `AWS::SecretsManager::RotationSchedule` names the secret and the function.
    fn read_rotations(
        &mut self,
        resources: Option<&serde_json::Map<String, Value>>,
    ) -> Result<(), TemplateError> {
        let rotation = |resource: &Value| resource["Type"] == "AWS::SecretsManager::RotationSchedule";
        for (id, resource) in resources.into_iter().flatten().filter(|(_, resource)| rotation(resource)) {
            if !self.scope.exists(id) {
                continue;
            }
            let wrong =
                |reason| TemplateError::Resource { path: self.path.clone(), resource: id.clone(), reason };
            let properties = self.scope.properties(&resource["Properties"], NO_QUEUES_YET).map_err(wrong)?;
            let secret = self.secrets.iter_mut().find(|secret| properties["SecretId"] == secret.arn());
            match secret {
                Some(secret) => {
                    secret.rotated_by = properties["RotationLambdaARN"].as_str().map(str::to_owned);
                }
                None => return Err(wrong("it rotates no secret of this template".to_owned())),
            }
        }
        Ok(())
    }

    fn cors_of(&self, configuration: &Value) -> Result<Option<Cors>, String> {
        match self.scope.resolve(configuration, NO_QUEUES_YET)? {
            Some(Value::Null) | None => Ok(None),
            Some(configuration) => Cors::read(&configuration),
        }
    }

    /// Queues that sources and redrive policies name have to be here.
    fn check_references(&self) -> Result<(), TemplateError> {
        let error = |resource: &str, reason: String| TemplateError::Resource {
            path: self.path.clone(),
            resource: resource.to_owned(),
            reason,
        };
        let missing = |arn: &str| !self.queues.iter().any(|queue| queue.arn() == arn);
        for queue in &self.queues {
            if let Some(redrive) = &queue.redrive
                && missing(&redrive.target_arn)
            {
                let reason = format!(
                    "its dead letters go to `{}`, which is no queue of this template",
                    redrive.target_arn
                );
                return Err(error(&queue.id, reason));
            }
        }
        for function in &self.functions {
            if let Some(source) = function.queues.iter().find(|source| missing(&source.arn)) {
                let reason = format!("it reads from `{}`, which is no queue of this template", source.arn);
                return Err(error(&function.id, reason));
            }
        }
        Ok(())
    }

    /// The file that was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The queues, dead-letter queues among them.
    pub fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// The secrets.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The functions.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function with that logical id or that binary.
    pub fn function(&self, id_or_binary: &str) -> Option<&Function> {
        self.functions
            .iter()
            .find(|function| function.id == id_or_binary)
            .or_else(|| self.functions.iter().find(|function| function.binary == id_or_binary))
    }

    /// What the gateway answers to preflight requests, if anything.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// Who says at the gateway whether a request is let in.
    pub fn authorizers(&self) -> &Authorizers {
        &self.authorizers
    }

    /// The environment of a function, as the template gives it, with the queues at
    /// `queues` (`http://127.0.0.1:9324`) and the variables that this place has other
    /// values for.
    pub(crate) fn environment(
        &self,
        function: &Function,
        queues: &str,
        settings: &Settings,
    ) -> Result<BTreeMap<String, String>, TemplateError> {
        let mut environment = BTreeMap::new();
        for (name, expression) in &function.environment {
            if let Some(value) = settings.instead(name)
                && !self.scope.is_given(expression)
            {
                environment.insert(name.clone(), value);
                continue;
            }
            let resolved = self
                .scope
                .resolve(expression, queues)
                .and_then(|value| value.map(|value| intrinsic::text(&value)).transpose())
                .map_err(|reason| TemplateError::Resource {
                    path: self.path.clone(),
                    resource: function.id.clone(),
                    reason: format!("variable `{name}`: {reason}"),
                })?;
            if let Some(value) = resolved {
                let ours = Settings::if_empty(name).filter(|_| value.is_empty());
                environment.insert(name.clone(), ours.map_or(value, str::to_owned));
            }
        }
        Ok(environment)
    }
}
