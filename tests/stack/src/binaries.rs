//! The function binaries: built by cargo as `cargo build --workspace --bins` builds
//! them, or found beside the program that runs now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

/// Where the binaries of functions come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Binaries {
    /// Cargo builds them first, in the profile that this program was built in.
    #[default]
    Build,
    /// They were built before, in the directory of this program.
    Built,
    /// They are in this directory.
    In(PathBuf),
    /// None is started: something else asks the Runtime API of each function.
    Attached,
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// No cargo.
    #[error("cannot run `{}`: {source}; is cargo on the PATH?", cargo.display())]
    Cargo {
        /// What was run.
        cargo: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The compiler's messages are above.
    #[error("the functions do not build: see the messages above")]
    Build,
    /// A function has no binary.
    #[error("function `{function}`: there is no binary `{binary}` {place}")]
    Missing {
        /// The logical id.
        function: String,
        /// The binary.
        binary: String,
        /// Where it was looked for.
        place: String,
    },
    /// This program's own path is unknown.
    #[error("cannot tell where this program is: {0}")]
    Unknown(#[from] std::io::Error),
}

/// Builds or finds the binary of every function: `(logical id, binary)`.
pub(crate) async fn find(
    binaries: &Binaries,
    workspace: &Path,
    functions: &[(&str, &str)],
    quiet: bool,
) -> Result<BTreeMap<String, PathBuf>, BinariesError> {
    let (built, place) = match binaries {
        Binaries::Attached => return Ok(BTreeMap::new()),
        Binaries::Build => {
            let place = format!("among those of {}", workspace.display());
            (Some(build(workspace, quiet).await?), place)
        }
        Binaries::Built => (None, format!("in {}", own_directory()?.display())),
        Binaries::In(directory) => (None, format!("in {}", directory.display())),
    };
    let directory = match binaries {
        Binaries::In(directory) => directory.clone(),
        _ => own_directory()?,
    };
    let mut found = BTreeMap::new();
    for (function, binary) in functions {
        let path = match &built {
            Some(built) => built.get(*binary).cloned(),
            None => Some(directory.join(binary)).filter(|path| path.is_file()),
        };
        let path = path.ok_or_else(|| BinariesError::Missing {
            function: (*function).to_owned(),
            binary: (*binary).to_owned(),
            place: place.clone(),
        })?;
        found.insert((*binary).to_owned(), path);
    }
    Ok(found)
}

/// `target/debug`, for a binary in it or a test in its `deps`.
fn own_directory() -> Result<PathBuf, std::io::Error> {
    let program = std::env::current_exe()?;
    let directory = program.parent().unwrap_or(Path::new("."));
    let is_deps = directory.ends_with("deps");
    let directory = directory.parent().filter(|_| is_deps).unwrap_or(directory);
    Ok(directory.to_owned())
}

/// All binaries of the workspace, so that features are unified as they are in tests and
/// nothing is compiled twice. Cargo says where they are.
async fn build(workspace: &Path, quiet: bool) -> Result<BTreeMap<String, PathBuf>, BinariesError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells what it runs where it is; this is no setting of the product"
    )]
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--workspace", "--bins"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    if quiet {
        command.arg("--quiet");
    }
    let directory = own_directory()?;
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("release") => drop(command.arg("--release")),
        Some(profile) if profile != "debug" => drop(command.args(["--profile", profile])),
        _ => {}
    }
    let output = command.spawn().map_err(|source| BinariesError::Cargo { cargo: cargo.clone(), source });
    let output = output?.wait_with_output().await?;
    if !output.status.success() {
        return Err(BinariesError::Build);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let executables = messages.filter_map(|message: Value| {
        let path = message["executable"].as_str()?;
        let name = message["target"]["name"].as_str()?;
        Some((name.to_owned(), PathBuf::from(path)))
    });
    Ok(executables.collect())
}
