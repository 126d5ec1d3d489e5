//! An HTTP server on a thread and a runtime of its own. The local `DynamoDB` blocks
//! the thread it runs on, and a test that starts services must not have to share its
//! runtime with them. Dropping the server ends the thread and frees the port, without
//! waiting for requests that are still open.

use std::net::TcpListener;
use std::thread::JoinHandle;

use axum::Router;
use axum::middleware::from_fn_with_state;
use dynoxide::Database;
use tokio::sync::oneshot;

use super::cut::{Cut, Cuttable};
use super::faults::{self, Faults};
use super::{ServiceError, forward};

/// What a server serves.
pub(super) enum App {
    /// Routes of our own.
    Routes(Router),
    /// The tables, which bring their own.
    Tables(Database),
    /// The tables, behind routes that can have faults. That takes a little longer.
    FaultyTables(Database),
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Runs what `make` makes on the new thread, so that what it spawns lives there.
    pub(super) async fn start<Make, Made>(
        name: &str,
        listener: TcpListener,
        faults: Faults,
        make: Make,
    ) -> Result<Server, ServiceError>
    where
        Make: FnOnce() -> Made + Send + 'static,
        Made: Future<Output = Result<App, ServiceError>>,
    {
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(serve((listener, faults), make, ready, stopped)),
                Err(error) => drop(ready.send(Err(error.into()))),
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        let server = Server { stop: Some(stop), thread: Some(thread) };
        match is_ready.await {
            Ok(outcome) => outcome.map(|()| server),
            Err(_) => Err(ServiceError::Stopped(name.to_owned())),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on it has been printed already.
            drop(thread.join());
        }
    }
}

async fn serve<Make, Made>(
    (listener, faults): (TcpListener, Faults),
    make: Make,
    ready: oneshot::Sender<Result<(), ServiceError>>,
    stopped: oneshot::Receiver<()>,
) where
    Make: FnOnce() -> Made,
    Made: Future<Output = Result<App, ServiceError>>,
{
    let prepared = async {
        let app = make().await?;
        Ok((app, tokio::net::TcpListener::from_std(listener)?))
    };
    let (app, listener) = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(())));
    let serving = async {
        match app {
            App::Tables(database) => dynoxide::server::serve_on(listener, database).await,
            App::Routes(router) => serve_with(faults, listener, router).await,
            App::FaultyTables(database) => {
                let Ok(inside) = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await else { return };
                let Ok(address) = inside.local_addr() else { return };
                let outside = serve_with(faults, listener, forward::router(address));
                tokio::join!(dynoxide::server::serve_on(inside, database), outside);
            }
        }
    };
    tokio::select! {
        () = serving => {}
        _ = stopped => {}
    }
}

async fn serve_with(faults: Faults, listener: tokio::net::TcpListener, router: Router) {
    let router = router.layer(from_fn_with_state(faults, faults::apply));
    let service = router.into_make_service_with_connect_info::<Cut>();
    drop(axum::serve(Cuttable(listener), service).await);
}
