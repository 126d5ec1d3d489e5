//! Whether the time of a failed login tells anything: over a real socket, for every kind of account.
//!
//! Twice: as deployed, where failures end at multiples of a step, and with that switched off, which shows
//! what it hides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::Level;
use http::Method;
use it::{App, PASSWORD};
use serde_json::json;
use tokio::task::JoinSet;

use crate::figures::{Samples, ms};

const ACCOUNTS: usize = 50;
/// Less than locks an account.
const EACH: usize = 4;
/// So far apart the medians may be.
const BOUND: f64 = 0.10;
const WRONG: &str = "not the password of anybody here";
/// Of [`PASSWORD`], as the `bcrypt` package of Python makes it with 2^12 rounds: what a product that moves
/// here may bring.
const IMPORTED: &str = "$2b$12$AJ7n.u/PoVhF30s0rOx17uRopgyOrHngZXf9yTCRcQN0XUU3xQJIG";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WrongPassword,
    Absent,
    Disabled,
    Unverified,
    Imported,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::WrongPassword, Self::Absent, Self::Disabled, Self::Unverified, Self::Imported];

    fn email(self, account: usize) -> String {
        format!("{self:?}{account}@example.com").to_lowercase()
    }

    /// Those who may not sign in show the right password: that must not help.
    fn password(self) -> &'static str {
        match self {
            Self::WrongPassword | Self::Absent | Self::Imported => WRONG,
            Self::Disabled | Self::Unverified => PASSWORD,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::WrongPassword => "exists, wrong password",
            Self::Absent => "absent",
            Self::Disabled => "disabled, right password",
            Self::Unverified => "not verified, right password",
            Self::Imported => "imported hash, wrong password",
        }
    }
}

async fn prepare(app: &App, kind: Kind) {
    for account in 0..ACCOUNTS {
        let email = kind.email(account);
        let body = json!({ "email": email, "password": PASSWORD, "organization": { "name": "Acme" } });
        if kind == Kind::Absent {
            continue;
        }
        app.call(Method::POST, "/auth/register").json(&body).send().await.expect(202);
        if kind == Kind::Unverified {
            continue;
        }
        let mail = app.deliver_mails().await.remove(0);
        let text = mail.text.unwrap();
        let token = text.split("token=").nth(1).unwrap().lines().next().unwrap();
        let verify = app.call(Method::POST, "/auth/email/verify").json(&json!({ "token": token }));
        verify.send().await.expect(200);
        match kind {
            Kind::Disabled => {
                let login = app.core.table.login(&email.parse().unwrap()).await.unwrap().unwrap();
                app.set(&login.user.to_string(), "status", "disabled").await;
            }
            Kind::Imported => app.set_password_hash(&email, IMPORTED).await,
            Kind::WrongPassword | Kind::Absent | Kind::Unverified => {}
        }
    }
    app.mails();
}

async fn fail(app: &App, kind: Kind, account: usize) -> Duration {
    let body = json!({ "email": kind.email(account), "password": kind.password() });
    let request = app.call(Method::POST, "/auth/login").json(&body);
    let start = Instant::now();
    let answer = request.send().await;
    let took = start.elapsed();
    assert_eq!(answer.problem(401), "invalid_credentials", "{kind:?}");
    took
}

/// Every kind in turn, so that whatever else the machine does meets all alike.
async fn measure(app: &Arc<App>, at_once: usize) -> Vec<(Kind, Samples)> {
    let mut all: Vec<_> = Kind::ALL.map(|kind| (kind, Samples::default())).into();
    let calls = (0..ACCOUNTS * EACH).flat_map(|n| Kind::ALL.map(|kind| (kind, n % ACCOUNTS)));
    let mut calls = calls.collect::<Vec<_>>().into_iter().peekable();
    let mut running = JoinSet::new();
    while calls.peek().is_some() || !running.is_empty() {
        while running.len() < at_once {
            let Some((kind, account)) = calls.next() else { break };
            let app = Arc::clone(app);
            running.spawn(async move { (kind, fail(&app, kind, account).await) });
        }
        if let Some(done) = running.join_next().await {
            let (kind, took) = done.unwrap();
            all.iter_mut().find(|(one, _)| *one == kind).unwrap().1.add(took);
        }
    }
    all
}

/// The largest distance between two medians, in parts of the smaller one.
fn distance(all: &[(Kind, Samples)]) -> f64 {
    let medians: Vec<_> = all.iter().map(|(_, samples)| samples.median().as_secs_f64()).collect();
    let (least, most) = medians.iter().fold((f64::MAX, 0_f64), |(a, b), one| (a.min(*one), b.max(*one)));
    most / least - 1.0
}

fn print(title: &str, all: &[(Kind, Samples)]) {
    let floor = all[0].1.median().as_secs_f64();
    println!("{title}\n\n| Account | Samples | Median, ms | 99 %, ms | Ratio |\n|---|---|---|---|---|");
    for (kind, samples) in all {
        let median = samples.median();
        let ratio = median.as_secs_f64() / floor;
        let (name, count) = (kind.describe(), samples.len());
        println!("| {name} | {count} | {} | {} | {ratio:.3} |", ms(median), ms(samples.percentile(99)));
    }
    println!("\nMedians are up to {:.1} % apart.\n", distance(all) * 100.0);
}

/// Everything from nothing, with or without the steps.
async fn measured(steps: bool, at_once: usize) -> Vec<(Kind, Samples)> {
    let level = if steps { Level::of_logins() } else { Level::off() };
    let app = Arc::new(App::with_level(level).await);
    for kind in Kind::ALL {
        prepare(&app, kind).await;
    }
    measure(&app, at_once).await
}

pub(crate) async fn run() -> bool {
    // Waiting takes no processor, so a few wait side by side.
    let held = measured(true, 4).await;
    print("As deployed: failures end at steps.", &held);
    let raw = measured(false, 1).await;
    print("Without the steps: what they hide.", &raw);
    distance(&held) <= BOUND
}
