//! The shape of the code, tested like its behaviour.

use std::path::{Path, PathBuf};

/// A file that someone would dread to open.
const LINES_MAX: usize = 500;
/// Names that say nothing of what is in them.
const DRAWERS: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "types"];

fn sources() -> Vec<(PathBuf, String)> {
    let root = it::repository();
    let mut found = Vec::new();
    for part in ["shared", "functions", "tests"] {
        collect(&root.join(part), &mut found);
    }
    found.into_iter().map(|path| (path.strip_prefix(&root).unwrap().to_owned(), read(&path))).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The modules of `shared`, as `lib.rs` lists them.
fn order() -> Vec<String> {
    let lib = read(&it::repository().join("shared/src/lib.rs"));
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

#[test]
fn a_module_of_shared_names_only_those_before_it() {
    let order = order();
    assert!(order.len() > 20, "lib.rs lists the modules: {order:?}");
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Ok(inside) = path.strip_prefix("shared/src") else { continue };
        let module =
            inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some(here) = place(module) else { continue };
        for named in text.split("crate::").skip(1) {
            let named: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if place(&named).is_some_and(|there| there > here) {
                wrong.push(format!("{}: {module} names {named}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn functions_do_not_depend_on_each_other() {
    let folder = it::repository().join("functions");
    let entries = std::fs::read_dir(&folder).unwrap();
    let functions: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(functions.len() > 3, "each function has a folder: {functions:?}");
    for function in &functions {
        let manifest = read(&folder.join(function).join("Cargo.toml"));
        let dependencies = manifest.split("dependencies]").skip(1).collect::<String>();
        for other in &functions {
            assert!(!dependencies.contains(&format!("\n{other}")), "{function} depends on {other}");
        }
    }
}

#[test]
fn no_file_is_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert_eq!(long, []);
}

#[test]
fn no_file_is_a_drawer() {
    let drawer = |path: &Path| {
        DRAWERS.iter().any(|name| path.components().any(|part| stem(part.as_os_str()) == *name))
    };
    let drawers: Vec<_> = sources().into_iter().map(|(path, _)| path).filter(|path| drawer(path)).collect();
    assert_eq!(drawers, Vec::<PathBuf>::new());
}

fn stem(part: &std::ffi::OsStr) -> &str {
    part.to_str().unwrap().trim_end_matches(".rs")
}

#[test]
fn every_module_says_what_it_is() {
    let silent = |text: &str| !text.trim_start().starts_with("//!");
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| silent(text)).map(|(path, _)| path).collect();
    assert_eq!(silent, Vec::<PathBuf>::new());
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    // Put together here, so that this file does not find itself.
    let allowed = format!("#[{}(", "allow");
    let found = |text: &str| text.contains(&allowed) || text.contains(&allowed.replace("#[", "#!["));
    let found: Vec<_> = sources().into_iter().filter(|(_, text)| found(text)).map(|(path, _)| path).collect();
    assert_eq!(found, Vec::<PathBuf>::new());
}

#[test]
fn only_the_files_that_belong_there_are_at_the_top() {
    let known = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "docs",
        "functions",
        "rust-toolchain.toml",
        "samconfig.toml",
        "shared",
        "target",
        "template.yaml",
        "tests",
    ];
    let entries = std::fs::read_dir(it::repository()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let odd: Vec<_> =
        names.filter(|name| !name.starts_with('.') && !known.contains(&name.as_str())).collect();
    assert_eq!(odd, Vec::<String>::new());
}

/// Whoever encrypts something for the table has to teach the migrator to encrypt it anew
/// (`shared/src/migration/reseal.rs`), or a rotation makes it unreadable.
#[test]
fn everything_that_is_encrypted_is_known_to_the_migrator() {
    let known = [
        "functions/auth/src/second_factor/begin.rs",
        "shared/src/secret/reseal.rs",
        "shared/src/secret/rotation.rs",
        "shared/src/secret/seal.rs",
        "shared/src/webhook/header.rs",
        "shared/src/webhook/key.rs",
        "shared/src/webhook/secret.rs",
    ];
    // Put together here, so that this file does not find itself.
    let seals = format!("{}::seal(", "Sealed");
    let sources = sources();
    let found = sources.iter().filter(|(_, text)| text.contains(&seals));
    let mut found: Vec<_> = found.map(|(path, _)| path.to_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, known);
}
