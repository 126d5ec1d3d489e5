//! A panic is reported and goes on: Lambda sees the invocation fail. In a process of its own, since logs and the hook
//! are the process's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use futures_util::FutureExt;
use http::Request;
use serde_json::Value;
use shared::clock::Clock;
use shared::entropy::Entropy;
use shared::http::finish;
use shared::observe::{Dsn, Metric, Observer, Subject, Told};
use tokio::net::TcpListener;
use tower::ServiceExt;

type Bodies = Arc<Mutex<Vec<Bytes>>>;

/// A Sentry on a real socket: its DSN, and what it got.
async fn sentry() -> (Dsn, Bodies) {
    let bodies = Bodies::default();
    let got = Arc::clone(&bodies);
    let take = move |body: Bytes| async move { got.lock().unwrap().push(body) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let dsn = format!("http://abc@{}/42", listener.local_addr().unwrap());
    let router = Router::new().route("/api/42/envelope/", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (Dsn::parse(&dsn).unwrap(), bodies)
}

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn take(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn plain() -> &'static str {
    panic!("a text of the program's own")
}

async fn filled() -> &'static str {
    let secret = "aif_live_of_somebody";
    panic!("the key is {secret}")
}

/// The event of the one envelope that came since this was last asked.
fn event(bodies: &Bodies) -> (Value, String) {
    let bodies = std::mem::take(&mut *bodies.lock().unwrap());
    // The panic, and the request that it ended.
    assert_eq!(bodies.len(), 2);
    let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8(body.to_vec()).unwrap()).collect();
    let events =
        texts.iter().map(|text| serde_json::from_str::<Value>(text.lines().nth(2).unwrap()).unwrap());
    let events: Vec<_> = events.collect();
    let panicked = events.iter().find(|event| event["level"] == "fatal").unwrap().clone();
    let failed = events.iter().find(|event| event["level"] == "error").unwrap();
    assert_eq!(failed["logentry"]["formatted"], "request failed");
    assert_eq!(failed["contexts"]["trace"]["trace_id"], panicked["contexts"]["trace"]["trace_id"]);
    (panicked, texts.concat())
}

#[tokio::test]
async fn a_panic_is_reported_with_its_place_and_ends_the_invocation() {
    shared::boot::logs();
    let (dsn, bodies) = sentry().await;
    let (out, clock, entropy) = (Out::default(), Clock::system(), Entropy::system());
    let subject =
        Subject { function: "auth", function_name: "stack-Auth-1".to_owned(), stage: "prod".to_owned() };
    let told =
        Told { subject, out: Box::new(out.clone()), level: "INFO", collector: None, sentry: Some(dsn) };
    let observer = Observer::new(told, (clock.clone(), entropy.clone()));
    let router = Router::new().route("/plain", get(plain)).route("/filled", get(filled));
    let router = router.layer(from_fn_with_state((clock, entropy, observer.clone()), finish));

    for (path, reason) in
        [("/plain", "a text of the program's own"), ("/filled", "withheld: it may hold data")]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let done = AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind().await;
        let panic = done.expect_err("the panic goes on");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the log says where"), "Lambda is told no more");
        let (event, text) = event(&bodies);
        assert_eq!(event["exception"]["values"][0]["value"], reason);
        let place = event["tags"]["location"].as_str().unwrap();
        assert!(place.contains("shared/tests/panics/main.rs:"), "{place}");
        assert!(!text.contains("aif_live_of_somebody"), "{text}");
        let lines = out.take();
        assert_eq!((lines.len(), &lines[0]["ServerErrors"]), (1, &Value::from(1)));
    }

    // The same in a function that answers no requests.
    let work = async { panic!("a text of the program's own") };
    let done = AssertUnwindSafe(observer.invocation::<()>(work)).catch_unwind().await;
    assert!(done.is_err());
    let bodies = std::mem::take(&mut *bodies.lock().unwrap());
    assert_eq!(bodies.len(), 1);
    observer.count(Metric::MailsSent, 1);
    observer.ends().await;
    assert_eq!(out.take()[0]["MailsSent"], 1, "and it goes on with the next");
}
