//! Functions as processes: `echo.rs` is the binary of each.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use stack::{Binaries, Options, Stack};

use crate::{directory, fixture};

/// The functions of the fixture are what `make` makes at their path.
fn binaries(name: &str, make: impl Fn(PathBuf)) -> Binaries {
    let path = directory(name);
    std::fs::create_dir_all(&path).unwrap();
    for binary in ["api_keys", "dispatcher"] {
        make(path.join(binary));
    }
    Binaries::In(path)
}

fn echo(name: &str) -> Binaries {
    binaries(name, |path| symlink(env!("CARGO_BIN_EXE_stack-echo"), path).unwrap())
}

fn script(name: &str, script: &str) -> Binaries {
    binaries(name, |path| {
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    })
}

async fn start(binaries: Binaries) -> Stack {
    let options = Options {
        binaries,
        parameters: vec![("TimeoutSeconds".to_owned(), "1".to_owned())],
        ..Options::new(fixture())
    };
    Stack::start(options).await.unwrap()
}

async fn get(stack: &Stack, path: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}{path}", stack.url())).send();
    request.await.unwrap()
}

async fn echoed(stack: &Stack) -> Value {
    let response = get(stack, "/keys/1").await;
    assert_eq!(response.status(), 200);
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_instance_is_kept_and_has_exactly_the_environment_of_lambda() {
    let stack = start(echo("kept")).await;
    let first = echoed(&stack).await;
    assert_eq!(echoed(&stack).await["pid"], first["pid"]);
    let environment = first["environment"].as_object().unwrap();
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "local-Keys");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(environment["TABLE_NAME"], "local-Table");
    let expected = stack.services().environment("Keys");
    let others = environment.keys().filter(|name| !expected.contains_key(*name));
    let others: Vec<_> = others.collect();
    assert_eq!(
        others,
        [
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_FORMAT",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "LAMBDA_TASK_ROOT",
            "TZ",
            "_HANDLER",
        ]
    );
    stack.shutdown().await;
}

#[tokio::test]
async fn a_killed_instance_is_replaced_by_the_next_invocation() {
    let stack = start(echo("killed")).await;
    let first = echoed(&stack).await;
    stack.kill_instances("api_keys").await;
    assert_ne!(echoed(&stack).await["pid"], first["pid"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn warm_instances_are_taken_in_turn() {
    let stack = start(echo("warm")).await;
    stack.warm("Keys", 3).await;
    let mut pids = Vec::new();
    for _ in 0..6 {
        pids.push(echoed(&stack).await["pid"].as_u64().unwrap());
    }
    assert_eq!(pids[..3], pids[3..]);
    let different: BTreeSet<_> = pids.into_iter().collect();
    assert_eq!(different.len(), 3);
    stack.shutdown().await;
}

#[tokio::test]
#[should_panic(expected = "`Keys` does not start")]
async fn what_does_not_start_is_not_waited_for_to_be_warm() {
    start(script("not-warm", "exit 3")).await.warm("api_keys", 2).await;
}

#[tokio::test]
async fn an_instance_that_dies_fails_its_invocation_only() {
    let stack = start(echo("dies")).await;
    let first = echoed(&stack).await;
    assert_eq!(get(&stack, "/keys/exit").await.status(), 500);
    assert_ne!(echoed(&stack).await["pid"], first["pid"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn an_instance_that_exceeds_its_timeout_is_killed_and_others_run_meanwhile() {
    let stack = start(echo("hangs")).await;
    let (hanging, other) = tokio::join!(get(&stack, "/keys/hang"), echoed(&stack));
    assert_eq!(hanging.status(), 500);
    let pid = echoed(&stack).await["pid"].clone();
    assert_eq!(pid, other["pid"], "the one that hung is gone");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_does_not_start_is_a_500_and_nothing_hangs() {
    let stack = start(script("broken", "echo no key >&2; exit 3")).await;
    let response = tokio::time::timeout(Duration::from_secs(5), get(&stack, "/keys/1"));
    let response = response.await.unwrap();
    assert_eq!(response.status(), 500);
    let message = response.text().await.unwrap();
    assert_eq!(message, r#"{"message":"Internal Server Error"}"#);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_process_is_ended_with_the_stack() {
    let stack = start(script("sleeping", "echo $$ > pid; exec sleep 600")).await;
    // Reading a pipe waits for its writer, so this waits until the process runs.
    let pipe = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sleeping/pid");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let url = format!("{}/keys/1", stack.url());
    let asking = tokio::spawn(Client::new().get(url).send());
    let pid = tokio::task::spawn_blocking(|| std::fs::read_to_string(pipe));
    let pid = pid.await.unwrap().unwrap();
    assert!(PathBuf::from("/proc").join(pid.trim()).exists());
    stack.shutdown().await;
    assert!(!PathBuf::from("/proc").join(pid.trim()).exists());
    let answer = asking.await.unwrap();
    assert!(!answer.is_ok_and(|response| response.status() == 200));
}

#[tokio::test]
async fn a_process_is_ended_when_the_stack_is_dropped() {
    let stack = start(script("dropped", "exec 3> pipe; echo runs >&3; exec sleep 600")).await;
    let pipe = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dropped/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let url = format!("{}/keys/1", stack.url());
    drop(tokio::spawn(Client::new().get(url).send()));
    let opened = tokio::task::spawn_blocking(|| {
        let mut pipe = BufReader::new(std::fs::File::open(pipe).unwrap());
        pipe.read_line(&mut String::new()).unwrap();
        pipe
    });
    let mut pipe = opened.await.unwrap();
    drop(stack);
    // The process holds the other end: the pipe is closed when it is gone.
    let closed = tokio::task::spawn_blocking(move || pipe.read_line(&mut String::new()));
    let closed = tokio::time::timeout(Duration::from_secs(5), closed).await;
    assert_eq!(closed.unwrap().unwrap().unwrap(), 0);
}

#[tokio::test]
async fn cargo_builds_the_binaries_and_says_where_they_are() {
    let workspace = directory("built");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::copy(fixture(), workspace.join("template.yaml")).unwrap();
    let echo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/echo.rs");
    let binary = |name| format!("[[bin]]\nname = \"{name}\"\npath = {echo:?}\n");
    let package = "[workspace]\n[package]\nname = \"functions\"\nedition = \"2024\"\n";
    let manifest = [package, &binary("api_keys"), &binary("dispatcher")].concat();
    std::fs::write(workspace.join("Cargo.toml"), manifest).unwrap();
    let stack = Stack::start(Options::new(workspace.join("template.yaml"))).await.unwrap();
    assert!(echoed(&stack).await["pid"].is_number());
    stack.shutdown().await;
}

#[tokio::test]
async fn a_binary_that_is_not_there_is_named() {
    let options = Options { binaries: Binaries::In(directory("empty")), ..Options::new(fixture()) };
    let error = Stack::start(options).await.unwrap_err().to_string();
    let expected = "function `Dispatcher`: there is no binary `dispatcher` in ";
    assert!(error.starts_with(expected), "{error}");
}
