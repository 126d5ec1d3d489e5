//! One function as Lambda runs it: instances that are started when they are needed,
//! each with one invocation at a time, ended when they exceed their timeout.
//!
//! Not emulated: throttling (an invocation waits until an instance is free), frozen
//! processes, memory limits, response streaming, extensions.

mod instance;
mod output;
mod runtime_api;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::captured::{Captured, Prints};
use crate::moment;
use crate::template::Function;

use instance::Instance;

/// How many instances of one function run at once.
const INSTANCES_MAX: usize = 16;

/// Lambda takes at most this much, and gives at most this much.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why an invocation has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    #[error("the function answered with an error: {0}")]
    Failed(String),
    #[error("the function was killed after its timeout of {0} s")]
    TimedOut(u32),
    #[error("the function's process ended during the invocation")]
    Died,
    #[error("the function does not start: {0}")]
    NotStarted(String),
    #[error("the payload is over 6 MiB")]
    TooLarge,
}

/// How instances come to be.
#[derive(Debug, Clone)]
pub(crate) enum Launch {
    /// This binary is started when an invocation needs it.
    Process(PathBuf),
    /// Something else, a test or a debugger, asks the Runtime API for invocations.
    Attached,
}

/// One function and its instances; clones are the same function.
#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    function: Function,
    environment: BTreeMap<String, String>,
    launch: Launch,
    prints: Prints,
    /// How many panics its processes have printed.
    panics: Arc<AtomicUsize>,
    pool: Mutex<Pool>,
    tasks: Mutex<JoinSet<()>>,
    /// Counts instances that ended or became idle, for whoever waits for that.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Pool {
    stopped: bool,
    queue: VecDeque<Job>,
    /// Instances that asked for an invocation, by their number. They are taken in turn, so
    /// that what only one of them knows does not go unnoticed.
    idle: VecDeque<(u64, oneshot::Sender<Job>)>,
    instances: BTreeMap<u64, Arc<Instance>>,
    instances_started: u64,
}

impl Pool {
    /// Instances that were started and have not asked for an invocation yet.
    fn starting(&self) -> usize {
        let starting = self.instances.values().filter(|one| !one.has_asked());
        starting.count()
    }

    /// Instances that wait for an invocation.
    fn idle(&self) -> usize {
        self.idle.iter().filter(|(_, waiting)| !waiting.is_closed()).count()
    }

    fn add_instance(&mut self) -> Arc<Instance> {
        self.instances_started += 1;
        let instance = Arc::new(Instance::new(self.instances_started));
        let added = Arc::clone(&instance);
        self.instances.insert(instance.number(), added);
        instance
    }
}

/// An invocation on its way to an instance.
#[derive(Debug)]
struct Job {
    request_id: String,
    trace_id: String,
    payload: Bytes,
    /// Told which instance took it: from then on its time runs.
    taken: oneshot::Sender<Arc<Instance>>,
    reply: oneshot::Sender<Result<Bytes, InvokeError>>,
}

impl Lambda {
    pub(crate) fn new(
        function: Function,
        environment: BTreeMap<String, String>,
        launch: Launch,
        prints: Prints,
    ) -> Lambda {
        Lambda {
            inner: Arc::new(Inner {
                function,
                environment,
                launch,
                prints,
                panics: Arc::default(),
                pool: Mutex::default(),
                tasks: Mutex::new(JoinSet::new()),
                changed: watch::channel(0).0,
            }),
        }
    }

    pub(crate) fn panics(&self) -> usize {
        self.inner.panics.load(Ordering::SeqCst)
    }

    pub(crate) fn function(&self) -> &Function {
        &self.inner.function
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.inner.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the function. It runs to its end even if nobody waits any more.
    pub(crate) async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let lambda = self.clone();
        let running = tokio::spawn(async move { lambda.run(payload).await });
        let result = running.await.unwrap_or(Err(InvokeError::Died));
        if let Err(error) = &result
            && !matches!(error, InvokeError::NotStarted(_))
        {
            self.report(&error.to_string());
        }
        result
    }

    async fn run(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(InvokeError::TooLarge);
        }
        let (taken, is_taken) = oneshot::channel();
        let (reply, result) = oneshot::channel();
        self.dispatch(Job {
            request_id: moment::request_id(),
            trace_id: moment::trace_id(moment::now()),
            payload,
            taken,
            reply,
        });
        let Ok(instance) = is_taken.await else {
            // Refused before an instance took it: the reply says why.
            return result.await.unwrap_or(Err(InvokeError::Died));
        };
        if let Ok(result) = tokio::time::timeout(self.timeout(), result).await {
            return result.unwrap_or(Err(InvokeError::Died));
        }
        instance.kill();
        Err(InvokeError::TimedOut(self.function().timeout_seconds))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.function().timeout_seconds.into())
    }

    fn changed(&self) {
        self.inner.changed.send_modify(|changed| *changed += 1);
    }

    /// Gives the invocation to an idle instance, or queues it and starts one.
    fn dispatch(&self, mut job: Job) {
        let mut pool = self.pool();
        while let Some((_, waiting)) = pool.idle.pop_front() {
            match waiting.send(job) {
                Ok(()) => return,
                // That instance is gone.
                Err(unsent) => job = unsent,
            }
        }
        if pool.stopped {
            return;
        }
        pool.queue.push_back(job);
        self.start_for_queue(&mut pool);
    }

    fn start_for_queue(&self, pool: &mut Pool) {
        let Launch::Process(binary) = &self.inner.launch else {
            return;
        };
        if pool.queue.len() <= pool.starting() || pool.instances.len() >= INSTANCES_MAX {
            return;
        }
        self.start(pool, binary.clone());
    }

    fn start(&self, pool: &mut Pool, binary: PathBuf) {
        let instance = pool.add_instance();
        let lambda = self.clone();
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { instance::supervise(lambda, instance, binary).await });
    }

    /// Starts instances until so many are idle.
    ///
    /// # Panics
    ///
    /// If one ends before, or nothing here starts them.
    pub(crate) async fn warm(&self, wanted: usize) {
        assert!(wanted <= INSTANCES_MAX, "at most {INSTANCES_MAX} instances run at once");
        let Launch::Process(binary) = &self.inner.launch else {
            panic!("only processes can be started");
        };
        let mut changed = self.inner.changed.subscribe();
        {
            let mut pool = self.pool();
            for _ in pool.idle()..wanted {
                self.start(&mut pool, binary.clone());
            }
        }
        let mut are_warm = false;
        let known = |_: &u64| {
            let pool = self.pool();
            are_warm = pool.idle() >= wanted;
            are_warm || pool.instances.len() < wanted
        };
        drop(changed.wait_for(known).await);
        assert!(are_warm, "`{}` does not start", self.function().id);
    }

    /// Opens the Runtime API for a function that somebody else runs.
    pub(crate) async fn attach(&self) -> std::io::Result<SocketAddr> {
        let instance = self.pool().add_instance();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = runtime_api::serve(listener, self.clone(), instance);
        self.tasks().spawn(serving);
        Ok(address)
    }

    /// The next invocation for an instance, whenever there is one.
    async fn next_job(&self, instance: &Instance) -> Job {
        loop {
            let waiting = {
                let mut pool = self.pool();
                if let Some(job) = pool.queue.pop_front() {
                    return job;
                }
                let (sender, waiting) = oneshot::channel();
                pool.idle.push_back((instance.number(), sender));
                waiting
            };
            self.changed();
            if let Ok(job) = waiting.await {
                return job;
            }
        }
    }

    /// An instance ended. If it never asked for an invocation, those that wait are told.
    fn instance_ended(&self, instance: &Instance, not_started: Option<&str>) {
        let mut pool = self.pool();
        pool.instances.remove(&instance.number());
        pool.idle.retain(|(number, _)| *number != instance.number());
        instance.ends();
        let others_run = pool.instances.values().any(|one| one.has_asked());
        if let Some(reason) = not_started.filter(|_| !pool.stopped && !others_run) {
            // Also when quiet: it is the set-up that is wrong.
            eprintln!("[{}] it does not start: {reason}", self.function().binary);
            for job in pool.queue.drain(..) {
                let error = InvokeError::NotStarted(reason.to_owned());
                drop(job.reply.send(Err(error)));
            }
        } else if !pool.stopped {
            self.start_for_queue(&mut pool);
        }
        drop(pool);
        self.changed();
    }

    /// Kills the processes that run now, and returns when they are gone.
    pub(crate) async fn kill_instances(&self) {
        if matches!(self.inner.launch, Launch::Attached) {
            return;
        }
        let mut changed = self.inner.changed.subscribe();
        let killed: Vec<u64> = self.pool().instances.keys().copied().collect();
        for instance in self.pool().instances.values() {
            instance.kill();
        }
        let gone = |_: &u64| {
            let pool = self.pool();
            !killed.iter().any(|number| pool.instances.contains_key(number))
        };
        drop(changed.wait_for(gone).await);
    }

    /// Takes no more invocations and ends every task; dropped processes are killed.
    pub(crate) fn stop(&self) {
        let mut pool = self.pool();
        pool.stopped = true;
        pool.queue.clear();
        pool.idle.clear();
        drop(pool);
        self.tasks().abort_all();
    }

    /// The same, and waits until the processes are gone.
    pub(crate) async fn shutdown(&self) {
        self.pool().stopped = true;
        self.kill_instances().await;
        self.stop();
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
    }

    /// Who keeps what this function prints and is given, if anybody does.
    pub(crate) fn captured(&self) -> Option<&Captured> {
        self.inner.prints.captured.as_ref()
    }

    /// A line of the stack's own about this function.
    fn report(&self, message: &str) {
        if !self.inner.prints.quiet {
            eprintln!("[{}] {message}", self.function().binary);
        }
    }
}
