//! Starts everything in order, watches it, and stops it in the opposite order.
//!
//! Three groups of tasks, each of which needs the next: the front (listener, dispatcher) takes
//! requests; the back (store, `auth`) serves them; the broker, where it is our own, keeps what they
//! write. A stop ends the front first and waits for what is under way, then the back, then the
//! broker. A task that ends without being told to ends the process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use auth::Auth;
use crypto::key::MasterKeys;
use dispatcher::Dispatcher;
use ingress::Ingress;
use prometheus_client::registry::Registry;
use store::Store;
use telemetry::Stop;
use tokio::net::TcpListener;

use crate::acme::{self, Desk, Shelf};
use crate::admin::{self, First};
use crate::data_dir::DataDir;
use crate::front::{Front, Services};
use crate::listener::{Limits, Listener, Misbehaved, Slow};
use crate::metrics::{self, Metrics, Requests};
use crate::options::{self, Durability, MasterKeySource, Nats, Options, Role};
use crate::panics::Panics;
use crate::readiness::Readiness;
use crate::tasks::Group;
use crate::tls::{self, Certificates};
use crate::{master_key, nats, out};

/// Name of this process among the clients of NATS, where no user is named.
const CLIENT_NAME: &str = "relay";
/// Where the REST API's picture of the logs lies in the data directory.
const LOGS_FILE: &str = "logs.sqlite";

/// A server that has not been started.
#[derive(Debug)]
pub struct Server {
    options: Options,
    panics: Panics,
}

/// The tasks of a running server, in the order in which they are stopped.
#[derive(Default)]
struct Groups {
    front: Group,
    back: Group,
    broker: Group,
}

impl Server {
    /// A server with these options, that says how many panics were noted. Nothing happens yet.
    pub fn new(options: Options, panics: Panics) -> Self {
        Self { options, panics }
    }

    /// Serves until told to stop, then lets the work under way finish.
    ///
    /// # Errors
    /// Where something cannot be set up (a port that is taken, a key that cannot be read, no
    /// `nats-server`), or a part ends that should not.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let readiness = Readiness::new(self.options.roles.clone(), self.options.durability(), self.options.own_disk());
        let stop_delay = self.options.stop_delay;
        let mut groups = Groups::default();
        let outcome = tokio::select! {
            // Told to stop, be it in the middle of the start.
            () = stop.given() => Ok(()),
            outcome = self.serve(readiness.clone(), &mut groups) => outcome,
        };
        readiness.stopping();
        if outcome.is_ok() && !stop_delay.is_zero() {
            tokio::time::sleep(stop_delay).await;
        }
        groups.finish().await;
        outcome
    }

    /// Starts all of it and watches. Returns only with an error.
    async fn serve(self, readiness: Readiness, groups: &mut Groups) -> anyhow::Result<()> {
        let options = self.options;
        let data_dir = options.needs_data_dir().then(|| DataDir::open(&options.data_dir)).transpose()?;
        let data_path = data_dir.as_ref().map_or(options.data_dir.clone(), |dir| dir.path().to_owned());
        let shelf = options.acme.is_some().then(Arc::<Shelf>::default);
        let certificates = options.tls.as_ref().map(Certificates::open).transpose().context("set up TLS")?;
        let certificates = certificates.map(|own| match &shelf {
            Some(shelf) => Arc::new(own.with(Arc::clone(shelf))),
            None => Arc::new(own),
        });
        let tls = certificates.clone().map(Certificates::acceptor).transpose()?;
        let socket =
            TcpListener::bind(options.http_addr).await.with_context(|| format!("listen on {}", options.http_addr))?;
        let bound = socket.local_addr().context("find our own address")?;
        let url = match &options.public_url {
            Some(url) => url.clone(),
            None => options::url_of(bound, tls.is_some())?,
        };
        let url = url.as_str().trim_end_matches('/');
        warn_of_plaintext(bound, tls.is_some());

        // From here on /livez and /readyz answer, and everyone else is told to come again.
        let mut registry = metrics::registry(readiness.clone());
        self.panics.register(&mut registry);
        let front = Front::new(readiness.clone(), Requests::new(&mut registry));
        let (slow, misbehaved) = (Slow::new(&mut registry), Misbehaved::new(&mut registry));
        let listener = Listener::new(front.clone(), tls, options.limits.clone()).counting(slow, misbehaved);
        tls::register(&mut registry, certificates.clone());
        let listener_stop = groups.front.stop();
        groups.front.spawn("the HTTP listener", async move {
            listener.run(socket, listener_stop).await;
        });
        if let Some(certificates) = certificates {
            let stop = groups.front.stop();
            groups.front.spawn("the certificates", async move { certificates.run(&stop).await });
        }

        let masters = open_master_keys(&options.master_key, &data_path)?;
        let store_options = store_options(&options, &data_path, &readiness, groups).await?;
        let (stop, failed) = (groups.back.stop(), |error: &store::Error| readiness.store_failed(error));
        let opened = Box::pin(Store::open(store_options, masters, &stop, failed)).await;
        let Some((store, driver)) = opened else {
            bail!("the store was given up");
        };
        let driver_stop = groups.back.stop();
        groups.back.spawn("the store", async move { Box::pin(driver.run(&driver_stop)).await });
        if let Some((config, shelf)) = options.acme.clone().zip(shelf) {
            order_certificates(config, &store, shelf, groups);
        }
        metrics::register_store(&mut registry, &store);
        front.open(start_roles(&options, &store, url, &data_path, &mut registry, groups)?);
        if let Some(address) = options.metrics_addr {
            serve_metrics(address, Metrics::new(registry), groups).await?;
        }
        // Only now: who is told that we are ready asks at once.
        readiness.store_opened(store.health().clone());

        if options.roles.has(Role::Auth) {
            let durability = options.durability();
            let first = admin::ensure(&store, options.admin, &data_path, url).await?;
            announce(url, &first, durability)?;
        }
        tracing::info!(roles = %options.roles, url, "serving");
        Err(groups.ended_early().await)
    }
}

impl Groups {
    async fn ended_early(&mut self) -> anyhow::Error {
        tokio::select! {
            // Whoever it is, the process ends.
            err = self.front.ended_early() => err,
            err = self.back.ended_early() => err,
            err = self.broker.ended_early() => err,
        }
    }

    async fn finish(self) {
        self.front.finish().await;
        self.back.finish().await;
        self.broker.finish().await;
    }
}

/// The master keys that a server has, made for a new one.
fn open_master_keys(source: &MasterKeySource, data_dir: &Path) -> anyhow::Result<MasterKeys> {
    match source {
        MasterKeySource::Given(keys) => Ok(keys.clone()),
        MasterKeySource::DataDir => master_key::open(data_dir, &nats::store_dir(data_dir)),
    }
}

/// How to reach NATS; our own is started for it.
async fn store_options(
    options: &Options,
    data_dir: &Path,
    readiness: &Readiness,
    groups: &mut Groups,
) -> anyhow::Result<store::Options> {
    let mut to_store = match &options.nats {
        Nats::Embedded { binary, durability } => {
            of_embedded(start_broker(binary.as_deref(), *durability, data_dir, readiness, groups).await?)
        }
        external => reach(external, data_dir)?,
    };
    to_store.provision = options.roles.has(Role::Auth);
    to_store.tend_keys = options.roles.has(Role::Api);
    to_store.key_age_max = options.key_age_max;
    to_store.shards = options.shards;
    to_store.replicas = options.replicas;
    Ok(to_store)
}

/// How to reach a NATS that runs already: one that others run, or that of the server on this data
/// directory.
///
/// # Errors
/// Where no server has been started on the data directory.
pub(crate) fn reach(nats: &Nats, data_dir: &Path) -> anyhow::Result<store::Options> {
    Ok(match nats {
        Nats::Embedded { .. } => of_embedded(nats::access(data_dir)?),
        Nats::External { servers, credentials, ca_file, .. } => store::Options {
            servers: servers.clone(),
            credentials: credentials.clone(),
            ca_file: ca_file.clone(),
            // The permissions of a NATS user name its reply subjects.
            client_name: credentials.as_ref().map_or(CLIENT_NAME, |(user, _)| user).to_owned(),
            ..store::Options::new(String::new())
        },
    })
}

fn of_embedded(access: nats::Access) -> store::Options {
    store::Options {
        credentials: Some((access.user, access.password)),
        client_name: CLIENT_NAME.to_owned(),
        ..store::Options::new(format!("nats://{}", access.address))
    }
}

async fn start_broker(
    binary: Option<&Path>,
    durability: Durability,
    data_dir: &Path,
    readiness: &Readiness,
    groups: &mut Groups,
) -> anyhow::Result<nats::Access> {
    let binary: PathBuf = nats::binary::find(binary).await?;
    let settings = nats::Settings { data_dir: data_dir.to_owned(), binary, durability };
    let broker = nats::Embedded::start(settings).await?;
    let access = broker.access();
    readiness.broker_started(broker.disk_problem());
    groups.broker.spawn("nats-server", broker.run(groups.broker.stop()));
    Ok(access)
}

/// Serves the certificates that are ordered, and orders what is due.
fn order_certificates(config: acme::Config, store: &Store, shelf: Arc<Shelf>, groups: &mut Groups) {
    let (stop, followed, followed_store) = (groups.front.stop(), Arc::clone(&shelf), store.clone());
    groups.front.spawn("the watch of certificates", async move { followed.run(&followed_store, &stop).await });
    let (stop, desk) = (groups.front.stop(), Desk::new(config, store.clone(), shelf));
    groups.front.spawn("the orders of certificates", async move { desk.run(&stop).await });
}

/// Until the process ends: in the back, since the end is worth watching too.
async fn serve_metrics(address: SocketAddr, metrics: Metrics, groups: &mut Groups) -> anyhow::Result<()> {
    let socket = TcpListener::bind(address).await.with_context(|| format!("serve metrics at {address}"))?;
    let listener = Listener::new(metrics, None, Limits::default());
    let stop = groups.back.stop();
    groups.back.spawn("metrics", async move {
        listener.run(socket, stop).await;
    });
    Ok(())
}

fn start_roles(
    options: &Options,
    store: &Store,
    url: &str,
    data_dir: &Path,
    registry: &mut Registry,
    groups: &mut Groups,
) -> anyhow::Result<Services> {
    let mut services = Services::default();
    if options.roles.has(Role::Auth) {
        let auth = Auth::new(store.clone(), &auth::Config::default()).context("set up auth")?;
        auth.register(registry);
        let stop = groups.back.stop();
        groups.back.spawn("auth", async move { auth.run(&stop).await });
    }
    if options.roles.has(Role::Dispatcher) {
        let dispatcher = Dispatcher::new(store.clone(), options.dispatcher.clone(), groups.front.stop(), registry)
            .context("set up the dispatcher")?;
        services.set_dispatcher(&dispatcher);
        groups.front.spawn("the dispatcher", async move { dispatcher.run().await });
    }
    if options.roles.has(Role::Ingress) {
        let public_url = options.public_url.as_ref().map(|url| url.as_str().parse()).transpose();
        let public_url = public_url.context("read --public-url")?;
        let ingress = Ingress::new(store.clone(), options.ingress, public_url);
        services.ingress = Some(ingress.clone());
        let (settling, stop) = (ingress.clone(), groups.front.stop());
        groups.front.spawn("webhooks whose input may be new", async move { settling.settle_doubts(&stop).await });
        // In the back: callers who wait are answered while the front comes to its end.
        let stop = groups.back.stop();
        groups.back.spawn("answers for callers", async move { ingress.run(&stop).await });
    }
    if options.roles.has(Role::Api) {
        let logs_file = options.needs_data_dir().then(|| data_dir.join(LOGS_FILE));
        let config = api::Config { public_url: url.to_owned(), logs_file };
        let api = api::Api::new(store.clone(), config, groups.front.stop()).context("set up the REST API")?;
        services.api = Some(api::router(api.clone()));
        groups.front.spawn("the REST API", async move { api.run().await });
    }
    Ok(services)
}

fn warn_of_plaintext(bound: SocketAddr, is_tls: bool) {
    if !is_tls && !bound.ip().is_loopback() {
        tracing::warn!(
            address = %bound,
            "listening without TLS on an address that others can reach: secrets travel in clear unless a proxy in \
             front has TLS"
        );
    }
}

/// Says once, on standard output, where everything is.
fn announce(url: &str, first: &First, durability: Option<Durability>) -> anyhow::Result<()> {
    let mut text = format!("relay-server {} listens at {url}\n", env!("CARGO_PKG_VERSION"));
    match first {
        First::Given => text.push_str("  admin       as given\n"),
        First::Earlier(path) if !path.exists() => {
            text.push_str(
                "  admin       made earlier, and not kept here; --admin-key and --admin-secret give another\n",
            );
        }
        First::Earlier(path) => text.push_str(&format!("  admin       made earlier, see {}\n", path.display())),
        First::Made(path, made) => text.push_str(&format!(
            "  admin       made just now, kept in {}\n  key         {}\n  secret      {}\n",
            path.display(),
            made.key,
            made.secret.expose()
        )),
    }
    text.push_str(match durability {
        Some(Durability::Always) => "  durability  always: a webhook is on disk before it is answered",
        Some(Durability::Fast) => {
            "  durability  FAST: a power cut can lose what was accepted in the last two minutes; \
             --durability always does not"
        }
        None => "  durability  as the NATS servers are set",
    });
    out::line(text).context("write the start text")
}
