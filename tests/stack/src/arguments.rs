//! What the command line says.

use std::path::PathBuf;

/// The answer to `--help`.
pub(crate) const HELP: &str = "\
The local AWS: builds the functions and runs them from template.yaml, without Docker.

    cargo stack [OPTIONS]         the whole product, on http://127.0.0.1:3000
    cargo stack demo              one walk through the product, and whether it is right

Options:
    --port PORT         the gateway's port (3000; 0 for any)
    --fresh             forget what was kept under .local/
    --verify-email      who registers has to follow a link in a mail first; without it,
                        addresses are taken as they are
    --services-only     only DynamoDB, SQS, Secrets Manager and SES, on fixed ports, for
                        cargo lambda watch, sam local and debuggers; links in mails
                        lead to --port on this machine
    --dynamodb-port PORT, --sqs-port PORT
                        other ports than 8000, and 9324 for SQS, Secrets Manager and SES
    --host ADDRESS      with --services-only: listen on every interface, and call this
                        machine ADDRESS in what is printed (for containers)
    --tick              fire every schedule once at the start
    --fault SERVICE=KIND
                        something is wrong with dynamodb, sqs, secretsmanager or ses from the
                        start: throttled, failing, unavailable, away or lost; may be repeated.
                        While it runs, PUT /_local/faults changes that
    --template PATH     another template than template.yaml here or above
    --param NAME=VALUE  a parameter of the template; may be repeated

Tables, secrets and mails are kept in .local/ beside the template, queue messages are not.
Deliveries to this machine are allowed unless --param EgressAllowHttp=false says otherwise.
Mails leave this machine in no case: they are at /_local/mail, the newest first, and as JSON
at /_local/mail.json. Without --param PublicUrl=… the links in them lead to this machine.

Not emulated: IAM, KMS, quotas, throttling unless it is asked for; FIFO and fair queues, queues that outlive
a restart; cron schedules; authorizers; secret rotation schedules; transaction conflicts;
of SES everything but simple messages, so neither bounces nor verified senders; frozen
functions and memory limits. What works here still has to be tried on AWS.
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Command {
    #[default]
    Run,
    Demo,
    Help,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) port: u16,
    pub(crate) dynamodb_port: Option<u16>,
    pub(crate) sqs_port: Option<u16>,
    pub(crate) fresh: bool,
    pub(crate) services_only: bool,
    pub(crate) tick: bool,
    pub(crate) verify_email: bool,
    pub(crate) host: Option<String>,
    pub(crate) template: Option<PathBuf>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) faults: Vec<String>,
}

impl Arguments {
    /// Both `--port 80` and `--port=80`.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments { port: 3000, ..Arguments::default() };
        let mut words = words;
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let has_value = attached.is_some();
            let mut value = || {
                let value = attached.clone().or_else(|| words.next());
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name {
                "--port" => arguments.port = port(&value()?)?,
                "--dynamodb-port" => arguments.dynamodb_port = Some(port(&value()?)?),
                "--sqs-port" => arguments.sqs_port = Some(port(&value()?)?),
                "--host" => arguments.host = Some(value()?),
                "--template" => arguments.template = Some(value()?.into()),
                "--fault" => arguments.faults.push(value()?),
                "--param" => arguments.parameters.push(parameter(&value()?)?),
                flag if has_value => return Err(format!("{flag} takes no value")),
                "--fresh" => arguments.fresh = true,
                "--services-only" => arguments.services_only = true,
                "--tick" => arguments.tick = true,
                "--verify-email" => arguments.verify_email = true,
                "--help" | "-h" | "help" => arguments.command = Command::Help,
                "demo" => arguments.command = Command::Demo,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        if arguments.host.is_some() && !arguments.services_only {
            return Err("--host goes with --services-only".to_owned());
        }
        Ok(arguments)
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a port"))
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("--param {text}: NAME=VALUE is what it takes"))?;
    Ok((name.to_owned(), value.to_owned()))
}
