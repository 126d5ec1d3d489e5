//! One process of a function: started, watched, ended.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use super::output::Output;
use super::{InvokeError, Lambda, runtime_api};

/// Lambda gives a function this long until it asks for its first invocation.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A grandchild may hold the pipes open; its lines are not worth waiting for.
const LAST_OUTPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// Who waits for the result of an invocation.
pub(super) type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

/// What the Runtime API and the supervisor both know of an instance.
#[derive(Debug)]
pub(super) struct Instance {
    number: u64,
    asked: AtomicBool,
    killed: Notify,
    was_killed: AtomicBool,
    init_error: Mutex<Option<String>>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    ended: bool,
    /// By request id. A process runs one; what is attached may run more.
    replies: HashMap<String, Reply>,
}

impl Instance {
    pub(super) fn new(number: u64) -> Instance {
        Instance {
            number,
            asked: AtomicBool::new(false),
            killed: Notify::new(),
            was_killed: AtomicBool::new(false),
            init_error: Mutex::default(),
            running: Mutex::default(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn asks(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    fn was_killed(&self) -> bool {
        self.was_killed.load(Ordering::SeqCst)
    }

    pub(super) fn kill(&self) {
        self.was_killed.store(true, Ordering::SeqCst);
        self.killed.notify_one();
    }

    pub(super) fn init_failed(&self, error: String) {
        let mut init_error = self.init_error.lock().unwrap_or_else(PoisonError::into_inner);
        *init_error = Some(error);
        self.kill();
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An invocation begins; the reply comes back if the instance is gone already.
    pub(super) fn begins(&self, request_id: &str, reply: Reply) -> Result<(), Reply> {
        let mut running = self.running();
        if running.ended {
            return Err(reply);
        }
        running.replies.insert(request_id.to_owned(), reply);
        Ok(())
    }

    pub(super) fn finishes(&self, request_id: &str) -> Option<Reply> {
        self.running().replies.remove(request_id)
    }

    /// The process is gone, and what it ran with it.
    pub(super) fn ends(&self) {
        let mut running = self.running();
        running.ended = true;
        for (_, reply) in running.replies.drain() {
            drop(reply.send(Err(InvokeError::Died)));
        }
    }
}

/// Starts the process and stays until it is gone.
pub(super) async fn supervise(lambda: Lambda, instance: Arc<Instance>, binary: PathBuf) {
    let (prints, panics) = (lambda.inner.prints.clone(), Arc::clone(&lambda.inner.panics));
    let output = Output::new(&lambda.function().binary, prints, panics);
    let outcome = run(&lambda, &instance, &binary, &output).await;
    let reason = match outcome {
        Ok(status) if instance.has_asked() => {
            if let Some(status) = status.filter(|_| !instance.was_killed()) {
                lambda.report(&format!("its process ended with {status}"));
            }
            return lambda.instance_ended(&instance, None);
        }
        Ok(status) => status.map_or_else(
            || format!("no invocation asked for within {} s", INIT_TIMEOUT.as_secs()),
            |status| format!("it ended with {status}"),
        ),
        Err(error) => format!("{}: {error}", binary.display()),
    };
    let reported = instance.init_error.lock().unwrap_or_else(PoisonError::into_inner).take();
    let reason = reported.unwrap_or(reason);
    lambda.instance_ended(&instance, Some(&output.with_last_lines(&reason)));
}

/// Is over when the time to begin is and the process has not begun, and never once it has: whether it has
/// is asked then and not before.
async fn begins_too_late(instance: &Instance, limit: Duration) {
    tokio::time::sleep(limit).await;
    if instance.has_asked() {
        std::future::pending::<()>().await;
    }
}

/// Nothing instead of a status means that the process did not begin in time.
async fn run(
    lambda: &Lambda,
    instance: &Arc<Instance>,
    binary: &Path,
    output: &Output,
) -> std::io::Result<Option<ExitStatus>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let api = listener.local_addr()?.to_string();
    let mut child = start(lambda, binary, &api)?;
    let forwarding = output.forward(child.stdout.take(), child.stderr.take());
    let serving = runtime_api::serve(listener, lambda.clone(), Arc::clone(instance));
    tokio::pin!(forwarding, serving);
    let too_late = begins_too_late(instance, INIT_TIMEOUT);
    tokio::pin!(too_late);
    let mut in_time = true;
    let mut is_forwarded = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = &mut forwarding, if !is_forwarded => is_forwarded = true,
            () = &mut serving => {}
            () = instance.killed.notified() => child.start_kill()?,
            () = &mut too_late, if in_time => {
                in_time = false;
                child.start_kill()?;
            }
        }
    };
    if !is_forwarded {
        drop(tokio::time::timeout(LAST_OUTPUT_TIMEOUT, forwarding).await);
    }
    Ok(in_time.then_some(status))
}

fn start(lambda: &Lambda, binary: &Path, api: &str) -> std::io::Result<Child> {
    let function = lambda.function();
    let root = binary.parent().unwrap_or(Path::new("/"));
    Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_FUNCTION_NAME", function.name())
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_FORMAT", "Text")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name()))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .env("LAMBDA_TASK_ROOT", root)
        .env("TZ", ":UTC")
        .env("_HANDLER", "bootstrap")
        .envs(&lambda.inner.environment)
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C is for the stack, which then ends its functions itself.
        .process_group(0)
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_has_begun_is_not_ended_when_the_time_to_begin_is_over() {
        let (begun, idle) = (Instance::new(1), Instance::new(2));
        begun.asks();
        let limit = Duration::from_millis(1);
        begins_too_late(&idle, limit).await;
        let waited = tokio::time::timeout(100 * limit, begins_too_late(&begun, limit)).await;
        assert!(waited.is_err(), "it goes on");
    }
}
