//! The command line, as a terminal runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use crate::{directory, fixture};

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
    for expected in ["--services-only", "demo", "Not emulated: IAM"] {
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

#[test]
fn services_only_prints_what_to_export_and_ends_with_a_signal() {
    let workspace = directory("services-only");
    std::fs::create_dir_all(&workspace).unwrap();
    let template = workspace.join("template.yaml");
    std::fs::copy(fixture(), &template).unwrap();
    let mut child = stack(&["--services-only", "--dynamodb-port=0", "--sqs-port=0", "--template"])
        .arg(&template)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    while !printed.ends_with("Ctrl-C ends it.\n") {
        assert_ne!(output.read_line(&mut printed).unwrap(), 0, "{printed}");
    }
    for expected in [
        "export TABLE_NAME=local-Table\n",
        "export SECRET_KEY_ARN=arn:aws:secretsmanager:us-east-1:000000000000:secret:local-SecretKey-local0\n",
        "/000000000000/local-Deliveries\n",
    ] {
        assert!(printed.contains(expected), "{expected} in {printed}");
    }
    let kept = std::fs::read_to_string(workspace.join(".local/env.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["Dispatcher"]["EGRESS_ALLOW_HTTP"], "true");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    output.read_to_string(&mut printed).unwrap();
}
