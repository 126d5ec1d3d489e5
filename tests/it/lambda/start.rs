//! A function that cannot start says why.

use std::path::PathBuf;
use std::process::Command;

use crate::product::Product;

fn run(function: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let folder: PathBuf = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let mut command = Command::new(folder.join(function));
    let output = command.env_clear().envs(variables.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), text)
}

#[tokio::test]
async fn every_function_names_all_the_settings_it_misses() {
    // Builds the binaries.
    Product::start().await.stack.shutdown().await;
    for function in
        ["auth", "organizations", "api_keys", "webhooks", "dispatcher", "mailer", "rotator", "migrator"]
    {
        let (started, text) = run(function, &[]);
        assert!(!started);
        for setting in shared::config::SETTINGS {
            let missed = setting.required && setting.read_by.contains(&function);
            assert_eq!(text.contains(&format!("{} is missing", setting.name)), missed, "{function}: {text}");
        }
    }
}

#[tokio::test]
async fn a_weak_secret_or_an_odd_setting_stops_the_start() {
    let product = Product::start().await;
    let environment = product.stack.services().environment("webhooks");
    let with = |name: &str, value: &str| {
        let mut changed = environment.clone();
        changed.insert(name.to_owned(), value.to_owned());
        let variables: Vec<_> = changed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run("webhooks", &variables)
    };
    for (name, value, message) in [
        ("STAGE", "production", "STAGE: `production` is none of dev, staging, prod"),
        ("EGRESS_ALLOW_HTTP", "yes", "EGRESS_ALLOW_HTTP: `yes` is neither `true` nor `false`"),
        ("EGRESS_ALLOWED_CIDRS", "10.0.0.0", "EGRESS_ALLOWED_CIDRS: `10.0.0.0` is not a block of addresses"),
        ("SECRET_KEY_ARN", "no-such-secret", "Secrets Manager did not give SECRET_KEY"),
    ] {
        let (started, text) = with(name, value);
        assert!(!started && text.contains(message), "{name}={value}: {text}");
    }
    product.stack.shutdown().await;
}
