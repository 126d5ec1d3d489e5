//! What the command prints once the stack runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use stack::template::{Function, Template};
use stack::{MAIL_PATH, RECEIVER_PATH, ROTATE_PATH, Service, Stack};

/// The URL, what runs, and five lines to try it with.
pub(crate) fn whole(stack: &Stack) -> String {
    let url = stack.url();
    let mut text = format!("\nAI Foundry runs at {url}\n\n");
    for function in stack.template().functions() {
        let _ = writeln!(text, "  {:<12} {}", function.binary, callers(function, stack.template()));
    }
    resources(&mut text, stack, url);
    if stack.template().secrets().iter().any(|secret| secret.rotated_by.is_some()) {
        let _ =
            writeln!(text, "  rotation     {:<28} curl -X POST {url}{ROTATE_PATH}", "of every secret, now");
    }
    let _ = writeln!(text, "\nTry it, line by line ({url}{RECEIVER_PATH} answers 200 to every delivery):\n");
    text.push_str(&lines(url));
    text.push_str("\nCtrl-C ends it.\n");
    text
}

fn callers(function: &Function, template: &Template) -> String {
    let counted = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {one}s")),
    };
    let callers = [
        counted(function.routes.len(), "route"),
        counted(function.queues.len(), "queue"),
        counted(function.schedules.len(), "schedule"),
    ];
    let callers: Vec<_> = callers.into_iter().flatten().collect();
    let rotates = template.secrets().iter().any(|secret| secret.is_rotated_by(function));
    match callers.as_slice() {
        [] if rotates => "for Secrets Manager".to_owned(),
        [] => "for other APIs".to_owned(),
        callers => callers.join(", "),
    }
}

fn resources(text: &mut String, stack: &Stack, mails_at: &str) {
    let (template, services) = (stack.template(), stack.services());
    text.push('\n');
    for table in template.tables() {
        let endpoint = services.endpoint(Service::DynamoDb);
        let _ = writeln!(text, "  table        {:<28} {endpoint}", table.name());
    }
    for queue in template.queues() {
        let _ = writeln!(text, "  queue        {:<28} {}", queue.name(), services.queue_url(&queue.id));
    }
    for secret in template.secrets() {
        let endpoint = services.endpoint(Service::SecretsManager);
        let _ = writeln!(text, "  secret       {:<28} {endpoint}", secret.name());
    }
    if template.functions().iter().any(Function::sends_mails) {
        let _ = writeln!(text, "  mails        {:<28} {mails_at}{MAIL_PATH}", "to read in a browser");
    }
}

/// For a POSIX shell with curl and sed.
fn lines(url: &str) -> String {
    let json = "-H 'content-type: application/json'";
    let field = |name: &str| format!(r#"sed -n 's/.*"{name}":"\([^"]*\)".*/\1/p'"#);
    let id = r#"sed -n 's/.*"id":"\(whk_[^"]*\)".*/\1/p'"#;
    [
        format!(
            r#"TOKEN=$(curl -s {url}/auth/register {json} -d '{{"email":"me-'$(date +%s)'@example.com","password":"correct horse battery staple","organization":{{"name":"Mine"}}}}' | {})"#,
            field("access_token")
        ),
        format!(
            r#"KEY=$(curl -s {url}/api/api-keys {json} -H "authorization: Bearer $TOKEN" -d '{{"name":"first","scopes":["events:write"]}}' | {})"#,
            field("key")
        ),
        format!(
            r#"WEBHOOK=$(curl -s {url}/api/webhooks {json} -H "authorization: Bearer $TOKEN" -d '{{"url":"{url}{RECEIVER_PATH}","event_types":[]}}' | {id})"#
        ),
        format!(
            r#"curl -s {url}/api/events {json} -H "authorization: Bearer $KEY" -d '{{"type":"invoice.paid","data":{{"id":7}}}}'"#
        ),
        format!(
            r#"curl -s {url}/api/webhooks/$WEBHOOK/deliveries -H "authorization: Bearer $TOKEN""#
        ),
    ]
    .map(|line| line + "\n")
    .concat()
}

/// For `--services-only`: what to export, for each variable that any function has.
pub(crate) fn services(stack: &Stack, env_json: &Path) -> String {
    let mut text = "\nDynamoDB, SQS, Secrets Manager and SES run. To use them:\n\n".to_owned();
    for (name, value) in variables(stack) {
        let _ = writeln!(text, "export {name}={}", quoted(&value));
    }
    resources(&mut text, stack, stack.services().endpoint(Service::Ses));
    let _ = writeln!(text, "\nFor sam local: --env-vars {}\nCtrl-C ends it.", env_json.display());
    text
}

fn variables(stack: &Stack) -> BTreeMap<String, String> {
    let functions = stack.template().functions().iter();
    let variables = functions.flat_map(|function| stack.services().environment(&function.id));
    let mut variables: BTreeMap<_, _> = variables.collect();
    variables.extend(stack.services().client_environment());
    variables
}

/// As POSIX shells read it.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Variables by the logical id of their function, as `sam local --env-vars` reads them.
pub(crate) fn env_json(stack: &Stack) -> String {
    let functions = stack.template().functions().iter();
    let all: BTreeMap<_, _> =
        functions.map(|function| (&function.id, stack.services().environment(&function.id))).collect();
    format!("{:#}\n", json!(all))
}
