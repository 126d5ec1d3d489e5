//! The local AWS, used as its users do: through the SDKs, over HTTP, and as a function
//! that asks for its next invocation.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod attached;
mod command;
mod faults;
mod functions;
mod mails;
mod processes;
mod receiver;
mod rotation;
mod services;
mod settings;
mod source_address;
mod template;
mod two_of_each;

use std::path::{Path, PathBuf};

use stack::{Services, State, Template};

/// The template that these tests run.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/fixture.yaml")
}

/// A template with two of everything: what sends mails beside what delivers.
fn fixture_of_two() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/two_of_each.yaml")
}

/// Services of their own, in memory.
async fn services() -> Services {
    let template = Template::load(fixture()).unwrap();
    Services::start(&template, State::Memory).await.unwrap()
}

/// An empty directory that no other test uses.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&path));
    path
}
