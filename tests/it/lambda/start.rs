//! A function that cannot start says why; one that starts has connected to what it uses all the time.

use std::path::PathBuf;
use std::process::Command;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::product::Product;

fn binary(function: &str) -> PathBuf {
    let folder: PathBuf = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    folder.join(function)
}

fn run(function: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(binary(function));
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

#[tokio::test]
async fn a_function_that_publishes_is_connected_to_its_queue_before_it_is_called() {
    let product = Product::start().await;
    let queue = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut environment = product.stack.services().environment("webhooks");
    let url = format!("http://{}", queue.local_addr().unwrap());
    environment.insert("AWS_ENDPOINT_URL_SQS".to_owned(), url);
    let mut command = tokio::process::Command::new(binary("webhooks"));
    let mut function = command.env_clear().envs(environment).kill_on_drop(true).spawn().unwrap();
    let (mut connection, _) = tokio::select! {
        connection = queue.accept() => connection.unwrap(),
        ended = function.wait() => panic!("it ended without it: {ended:?}"),
    };
    let mut asked = [0; 4096];
    let length = connection.read(&mut asked).await.unwrap();
    let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
    assert!(asked.contains("x-amz-target: amazonsqs.getqueueattributes"), "{asked}");
    product.stack.shutdown().await;
}
