//! The command line, as a terminal runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::{directory, fixture, fixture_of_two};

fn stack(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stack"));
    command.args(arguments);
    command
}

fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = stack(arguments).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn help_says_what_there_is_and_what_is_not_emulated() {
    let output = stack(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["--services-only", "--verify-email", "/_local/mail", "demo", "Not emulated: IAM"] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn a_mistake_is_one_line_and_exit_code_1() {
    assert_eq!(fails(&["--prot", "80"]), "error: `--prot` is not understood; --help shows what there is\n");
    assert_eq!(fails(&["--port=x"]), "error: `x` is not a port; --help shows what there is\n");
    let missing = fails(&["--template", "no/template.yaml"]);
    assert!(missing.starts_with("error: cannot read the template no/template.yaml: "), "{missing}");
    assert_eq!(missing.lines().count(), 1);
}

#[test]
fn a_taken_port_is_one_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let template = fixture();
    let error = fails(&["--template", template.to_str().unwrap(), "--port", &port]);
    assert!(error.starts_with(&format!("error: cannot listen on port {port}: ")), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_failed_build_is_said_in_one_line_after_cargos_own() {
    let workspace = directory("no-workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    let template = workspace.join("template.yaml");
    std::fs::copy(fixture(), &template).unwrap();
    std::fs::write(workspace.join("Cargo.toml"), "[workspace]\nmembers = [\"nothing\"]\n").unwrap();
    let error = fails(&["--template", template.to_str().unwrap(), "--port", "0"]);
    let last = error.lines().last().unwrap();
    assert_eq!(last, "error: the functions do not build: see the messages above");
}

/// A command that runs until it is told to end.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    /// What it printed until it was ready.
    printed: String,
}

impl Running {
    fn start(arguments: &[&str], template: &Path) -> Running {
        let mut command = stack(arguments);
        command.arg("--template").arg(template);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        while !printed.ends_with("Ctrl-C ends it.\n") {
            assert_ne!(output.read_line(&mut printed).unwrap(), 0, "{printed}");
        }
        Running { child, output, printed }
    }

    fn prints(&self, expected: &str) {
        assert!(self.printed.contains(expected), "{expected} in {}", self.printed);
    }

    fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.output.read_to_string(&mut self.printed).unwrap();
    }
}

const SERVICES_ONLY: [&str; 3] = ["--services-only", "--dynamodb-port=0", "--sqs-port=0"];

#[test]
fn services_only_prints_what_to_export_and_ends_with_a_signal() {
    let workspace = directory("services-only");
    std::fs::create_dir_all(&workspace).unwrap();
    let template = workspace.join("template.yaml");
    std::fs::copy(fixture(), &template).unwrap();
    let running = Running::start(&SERVICES_ONLY, &template);
    running.prints("export TABLE_NAME=local-Table\n");
    running.prints(
        "export SECRET_KEY_ARN=arn:aws:secretsmanager:us-east-1:000000000000:secret:local-SecretKey-local0\n",
    );
    running.prints("/000000000000/local-Deliveries\n");
    assert!(!running.printed.contains("/_local/mail"), "nothing sends mails: {}", running.printed);
    let kept = std::fs::read_to_string(workspace.join(".local/env.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["Dispatcher"]["EGRESS_ALLOW_HTTP"], "true");
    running.end();
}

#[test]
fn services_only_prints_and_keeps_what_mails_need() {
    let workspace = directory("services-only-mails");
    std::fs::create_dir_all(&workspace).unwrap();
    let template = workspace.join("template.yaml");
    std::fs::copy(fixture_of_two(), &template).unwrap();
    let running = Running::start(&[&SERVICES_ONLY[..], &["--port=9000"]].concat(), &template);
    running.prints("export AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:");
    running.prints("export EMAIL_VERIFICATION=off\n");
    running.prints("export LIMITS_TABLE_NAME=local-LimitsTable\n");
    running.prints("export LINK_URL=http://127.0.0.1:9000/auth/link\n");
    running.prints("export MAIL_FROM='AI Foundry <no-reply@example.com>'\n");
    running.prints("/000000000000/local-MailQueue\n");
    running.prints("/_local/mail\n");
    let kept = std::fs::read_to_string(workspace.join(".local/env.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["OrganizationsFunction"]["EMAIL_VERIFICATION"], "off");
    assert_eq!(kept["MailerFunction"]["LINK_URL"], "http://127.0.0.1:9000/auth/link");
    running.end();
}

#[test]
fn the_start_up_text_says_where_the_mails_are() {
    let workspace = directory("mails-page");
    std::fs::create_dir_all(&workspace).unwrap();
    let template = workspace.join("template.yaml");
    std::fs::copy(fixture_of_two(), &template).unwrap();
    let echo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/echo.rs");
    let binary = |name| format!("[[bin]]\nname = \"{name}\"\npath = {echo:?}\n");
    let binaries = ["organizations", "mailer", "dispatcher"].map(binary).concat();
    let package = "[workspace]\n[package]\nname = \"functions\"\nedition = \"2024\"\n";
    std::fs::write(workspace.join("Cargo.toml"), [package, &binaries].concat()).unwrap();
    let running = Running::start(&["--port=0", "--verify-email"], &template);
    let lines: Vec<_> = running.printed.lines().collect();
    let url = lines.iter().find_map(|line| line.strip_prefix("AI Foundry runs at ")).unwrap();
    running.prints(&format!("  mails        to read in a browser         {url}/_local/mail\n"));
    running.end();
}
