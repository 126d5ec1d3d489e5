//! Reading templates.

use std::path::Path;
use std::time::Duration;

use stack::{Template, TemplateError};

use crate::fixture;

fn parse(text: &str) -> Result<Template, TemplateError> {
    Template::parse(Path::new("template.yaml"), text, &[])
}

#[test]
fn tables_have_their_keys_indexes_and_expiry() {
    let template = Template::load(fixture()).unwrap();
    let [table] = template.tables() else { panic!("one table") };
    assert_eq!(table.name(), "local-Table");
    let key: Vec<_> = table.key.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(key, ["pk", "sk"]);
    assert_eq!(table.attributes["due"], "S");
    assert_eq!(table.indexes[0].name, "by_due");
    assert_eq!(table.ttl_attribute.as_deref(), Some("expires_at"));
}

#[test]
fn queues_have_their_visibility_and_dead_letters() {
    let template = Template::load(fixture()).unwrap();
    let ids: Vec<_> = template.queues().iter().map(|queue| queue.id.as_str()).collect();
    assert_eq!(ids, ["DeadLetters", "Deliveries"], "and not the one of prod");
    let deliveries = &template.queues()[1];
    assert_eq!(deliveries.visibility_timeout_seconds, 60);
    let redrive = deliveries.redrive.as_ref().unwrap();
    assert_eq!(redrive.target_arn, template.queues()[0].arn());
    assert_eq!(redrive.receives_max, 2);
}

#[test]
fn a_condition_decides_what_exists() {
    let template = Template::load_with(fixture(), &[("Stage", "prod")]).unwrap();
    assert!(template.queues().iter().any(|queue| queue.id == "OnlyInProd"));
}

#[test]
fn globals_are_merged_and_parameters_make_numbers() {
    let template = Template::load_with(fixture(), &[("TimeoutSeconds", "7")]).unwrap();
    let keys = template.function("api_keys").unwrap();
    assert_eq!((keys.timeout_seconds, keys.memory_mb), (7, 256));
    assert_eq!(template.function("Dispatcher").unwrap().timeout_seconds, 10);
}

#[test]
fn events_are_routes_queues_and_schedules() {
    let template = Template::load(fixture()).unwrap();
    let keys = template.function("Keys").unwrap();
    let routes: Vec<_> = keys.routes.iter().map(|route| (&*route.method, &*route.path)).collect();
    assert_eq!(routes, [("POST", "/keys"), ("GET", "/keys/{id}"), ("ANY", "/files/{proxy+}"),]);
    let dispatcher = template.function("dispatcher").unwrap();
    let source = &dispatcher.queues[0];
    assert_eq!((source.batch_size, source.window_seconds), (5, 0));
    assert!(source.reports_failures);
    assert_eq!(source.concurrency_max, Some(2));
    assert_eq!(dispatcher.schedules[0].period, Some(Duration::from_mins(2)));
}

#[test]
fn cors_comes_from_a_list_parameter() {
    let origins = [("Origins", "https://a.example, https://b.example")];
    let template = Template::load_with(fixture(), &origins).unwrap();
    let cors = template.cors().unwrap();
    assert_eq!(cors.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(cors.max_age_seconds, Some(600));
}

#[test]
fn a_reference_to_nothing_is_reported_with_its_resource() {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let broken = text.replace("!Ref SecretKey", "!Ref SecretKye");
    let error = parse(&broken).unwrap_err().to_string();
    assert_eq!(
        error,
        "template.yaml: resource `Keys`: variable `SECRET_KEY_ARN`: \
         there is no parameter or resource `SecretKye`"
    );
}

#[test]
fn a_queue_source_that_is_not_here_is_reported_with_its_function() {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let broken = text.replace("Queue: !GetAtt Deliveries.Arn", "Queue: !GetAtt Table.Arn");
    let error = parse(&broken).unwrap_err().to_string();
    assert!(error.starts_with("template.yaml: resource `Dispatcher`: it reads from"), "{error}");
}

#[test]
fn a_function_without_a_binary_is_reported() {
    let text = std::fs::read_to_string(fixture()).unwrap();
    let broken = text.replace("Binary: api_keys", "Other: api_keys");
    let error = parse(&broken).unwrap_err().to_string();
    assert!(error.contains("`Keys`: `Metadata.BuildProperties.Binary` is missing"), "{error}");
}

#[test]
fn what_is_not_yaml_is_reported_with_its_line() {
    let error = parse("Resources:\n  Table: [").unwrap_err().to_string();
    assert!(error.starts_with("template.yaml: not valid YAML: "), "{error}");
    assert!(error.contains("line"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Template::load("no/such/template.yaml").unwrap_err().to_string();
    assert!(error.starts_with("cannot read the template no/such/template.yaml: "), "{error}");
}

#[test]
fn an_unknown_parameter_and_a_forbidden_value_are_refused() {
    let error = Template::load_with(fixture(), &[("Stag", "dev")]).unwrap_err();
    assert!(error.to_string().ends_with("there is no parameter `Stag`"));
    let error = Template::load_with(fixture(), &[("Stage", "moon")]).unwrap_err();
    assert!(error.to_string().ends_with("parameter `Stage` cannot be `moon`"));
}

#[test]
fn conditions_that_refer_to_each_other_are_refused() {
    let error = parse(
        "Conditions: { A: !Not [!Condition B], B: !Not [!Condition A] }\n\
         Resources: { Q: { Type: AWS::SQS::Queue } }",
    );
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "template.yaml: condition `A`: it refers to itself");
}
