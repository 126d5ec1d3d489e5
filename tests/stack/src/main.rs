//! `cargo stack`: the local AWS from a terminal.

mod arguments;
mod demo;
mod guide;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stack::{Binaries, Faults, Options, Ports, Stack, StackError, State};

use arguments::{Arguments, Command};
use demo::DemoError;

/// Why the command ends with 1.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}; --help shows what there is")]
    Arguments(String),
    #[error("there is no template.yaml here or above; --template PATH names one")]
    NoTemplate,
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the demo failed: {0}")]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let outcome =
        tokio::runtime::Runtime::new().map_err(Failure::Io).and_then(|runtime| runtime.block_on(run()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments = Arguments::parse(std::env::args().skip(1)).map_err(Failure::Arguments)?;
    if arguments.command == Command::Help {
        print!("{}", arguments::HELP);
        return Ok(());
    }
    let template = match &arguments.template {
        Some(path) => path.clone(),
        None => find_template().ok_or(Failure::NoTemplate)?,
    };
    let mut stop = Stop::listen()?;
    if arguments.command == Command::Demo {
        return tokio::select! {
            walked = demo::run(&template, &arguments) => Ok(walked?),
            () = stop.asked() => Ok(()),
        };
    }
    run_until(stop, &arguments, template).await
}

async fn run_until(mut stop: Stop, arguments: &Arguments, template: PathBuf) -> Result<(), Failure> {
    let directory = template.parent().unwrap_or(Path::new("."));
    let kept = directory.join(".local");
    if arguments.fresh && kept.exists() {
        std::fs::remove_dir_all(&kept).map_err(|source| Failure::Write { path: kept.clone(), source })?;
    }
    let options = options(arguments, template, &kept);
    // What cannot be understood is said before minutes of building.
    arguments
        .faults
        .iter()
        .try_for_each(|said| Faults::default().set_as_said(said))
        .map_err(Failure::Arguments)?;
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        () = stop.asked() => return Ok(()),
    };
    let faults = stack.services().faults();
    arguments.faults.iter().try_for_each(|said| faults.set_as_said(said)).map_err(Failure::Arguments)?;
    if arguments.services_only {
        let path = kept.join("env.json");
        std::fs::write(&path, guide::env_json(&stack))
            .map_err(|source| Failure::Write { path: path.clone(), source })?;
        print!("{}", guide::services(&stack, &path));
    } else {
        print!("{}", guide::whole(&stack));
        if arguments.tick {
            stack.tick().await;
        }
    }
    stop.asked().await;
    stack.shutdown().await;
    Ok(())
}

fn options(arguments: &Arguments, template: PathBuf, kept: &Path) -> Options {
    let mut ports = if arguments.services_only { Ports::FIXED } else { Ports::ANY };
    ports.host.clone_from(&arguments.host);
    ports.dynamodb = arguments.dynamodb_port.unwrap_or(ports.dynamodb);
    ports.others = arguments.sqs_port.unwrap_or(ports.others);
    Options {
        parameters: arguments.parameters.clone(),
        gateway_port: arguments.port,
        ports,
        state: State::Directory(kept.to_owned()),
        verify_email: arguments.verify_email,
        faults: true,
        services_only: arguments.services_only,
        quiet: false,
        binaries: Binaries::Build,
        ..Options::new(template)
    }
}

fn find_template() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let candidates = here.ancestors().map(|directory| directory.join("template.yaml"));
    candidates.into_iter().find(|path| path.is_file())
}

/// Ctrl-C and SIGTERM, from the moment it is made.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Stop { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
