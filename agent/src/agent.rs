//! The agent: a session with the server, and a worker that makes its attempts.

use std::net::SocketAddr;
use std::time::Duration;

use telemetry::Stop;

use crate::health::{Endpoint, Health};
use crate::server::Server;
use crate::session::{Choice, Credentials, Error, Keeper, Subscription};
use crate::worker::{Relayer, Worker};

/// How long attempts that are under way may take when the agent stops.
pub const GRACE: Duration = Duration::from_secs(25);

/// What an agent is to do. The mode is not among it: this agent makes HTTP requests or runs its
/// owner's command, and no server can ask it for anything else.
#[derive(Debug)]
pub struct Options {
    /// The server.
    pub server: Server,
    /// What may carry the sessions.
    pub transports: Choice,
    /// What is shown to it.
    pub credentials: Credentials,
    /// What is subscribed to.
    pub subscription: Subscription,
    /// How attempts are made.
    pub relayer: Relayer,
    /// Where `GET /healthz` is answered.
    pub health_addr: Option<SocketAddr>,
    /// How long attempts under way may take at the end.
    pub grace: Duration,
}

/// Runs the agent until `stop` is given and what was under way is over and reported.
///
/// # Errors
/// When credentials or bucket are refused, or the health address cannot be listened on.
pub async fn run(options: Options, stop: &Stop) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let Options { server, transports, credentials, subscription, relayer, health_addr, grace } = options;
    let health = Health::default();
    let endpoint = match health_addr {
        None => None,
        Some(address) => {
            let bound = Endpoint::bind(address, health.clone()).await;
            Some(bound.with_context(|| format!("cannot listen on {address} for /healthz"))?)
        }
    };
    let worker = Worker::new(relayer);
    let keeper = Keeper::new(server, transports, credentials, subscription, worker.clone(), health);
    // The sessions also stop when one of them fails for good; the helpers end after them.
    let (stop, helpers) = (&stop.child(), Stop::new());
    let sessions = async {
        let result: Result<(), Error> = keeper.run(stop).await;
        // Without sessions there is nothing to wait for, whether told to stop or not.
        stop.give();
        result
    };
    let finish = async {
        stop.given().await;
        worker.finish(grace).await;
    };
    let helping = async {
        let health = async {
            match &endpoint {
                Some(endpoint) => endpoint.run(&helpers).await,
                None => helpers.given().await,
            }
        };
        tokio::join!(health, helpers.or(worker.run()));
    };
    let working = async {
        let (result, ()) = tokio::join!(sessions, finish);
        helpers.give();
        result
    };
    let (result, ()) = tokio::join!(working, helping);
    Ok(result?)
}
