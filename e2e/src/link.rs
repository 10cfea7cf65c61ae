//! What stands between programs, as a balancer does: it passes bytes on, until it is told not to.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::wait::until_within;

/// How much is passed on at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// A way to one of several servers. New connections go to them in turn, past those that refuse.
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

/// Connections on which nothing passes any more, and since when.
pub struct Silenced {
    way: Arc<Way>,
    since: Instant,
}

/// What the connections do that were opened at one time.
struct Way {
    flow: watch::Sender<Flow>,
    closed: watch::Sender<Closed>,
}

/// What passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    /// Everything.
    #[default]
    Everything,
    /// What servers say is not read; what clients say passes.
    ClientsDoNotRead,
    /// Nothing, and nothing is closed, as when a cable is pulled.
    Nothing,
}

/// When each side closed its end.
#[derive(Clone, Copy, Debug, Default)]
struct Closed {
    client: Option<Instant>,
    server: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

struct Shared {
    servers: Mutex<Vec<SocketAddr>>,
    /// Of the connections that are opened from now on.
    way: Mutex<Arc<Way>>,
}

impl Link {
    /// Opens a way to these servers.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn to(servers: Vec<SocketAddr>) -> anyhow::Result<Self> {
        Self::at(Ipv4Addr::LOCALHOST, servers).await
    }

    /// The same at another address of this machine.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn at(host: Ipv4Addr, servers: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { servers: Mutex::new(servers), way: Mutex::new(Way::open()) });
        let running = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, running })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nothing passes any more over the connections that there are, and neither side is told. New
    /// ones pass.
    pub fn silence(&self) -> Silenced {
        let way = std::mem::replace(&mut *lock(&self.shared.way), Way::open());
        way.flow.send_replace(Flow::Nothing);
        // Those that were closed before are another story.
        way.closed.send_replace(Closed::default());
        Silenced { way, since: Instant::now() }
    }

    /// Stops reading what servers say.
    pub fn stop_reading(&self) {
        lock(&self.shared.way).flow.send_replace(Flow::ClientsDoNotRead);
    }

    /// Reads what servers say again.
    pub fn read_on(&self) {
        lock(&self.shared.way).flow.send_replace(Flow::Everything);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Silenced {
    /// Waits until client and server have each closed their end; returns after how long they did.
    ///
    /// # Errors
    /// When one has not within the limit.
    pub async fn noticed(&self, limit: Duration) -> anyhow::Result<(Duration, Duration)> {
        until_within(limit, "both sides notice that nothing passes", async || {
            let closed = *self.way.closed.borrow();
            let after = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(self.since));
            Ok(after(closed.client).zip(after(closed.server)))
        })
        .await
    }
}

impl Way {
    fn open() -> Arc<Self> {
        Arc::new(Self { flow: watch::Sender::default(), closed: watch::Sender::default() })
    }

    fn closed_by(&self, side: Side) {
        let now = Some(Instant::now());
        self.closed.send_modify(|closed| match side {
            Side::Client => closed.client = now,
            Side::Server => closed.server = now,
        });
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pass(client, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection; whoever goes away is no error here.
async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let way = lock(&shared.way).clone();
    let Some(server) = shared.connect().await else { return };
    // Small messages are not held back, as the programs themselves do not.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(pump(Side::Client, from_client, to_server, &way), pump(Side::Server, from_server, to_client, &way));
}

/// Passes on what one side says, and its end.
async fn pump(side: Side, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way) {
    let (mut flow, mut piece) = (way.flow.subscribe(), vec![0; PIECE_BYTES]);
    loop {
        let is_read = |flow: &Flow| side == Side::Client || *flow != Flow::ClientsDoNotRead;
        // It never fails: the way outlives its connections.
        let _ = flow.wait_for(is_read).await;
        let read = tokio::select! {
            read = from.read(&mut piece) => read,
            _ = flow.changed() => continue,
        };
        let bytes = read.unwrap_or(0);
        let is_silent = *flow.borrow() == Flow::Nothing;
        if bytes == 0 {
            way.closed_by(side);
            if is_silent {
                // The other side is not told.
                pending().await
            }
            return;
        }
        if !is_silent && to.write_all(&piece[..bytes]).await.is_err() {
            return;
        }
    }
}

impl Shared {
    /// Connects to the server whose turn it is, or the next one that does not refuse.
    async fn connect(&self) -> Option<TcpStream> {
        let servers = {
            let mut servers = lock(&self.servers);
            servers.rotate_left(1);
            servers.clone()
        };
        for server in servers {
            if let Ok(stream) = TcpStream::connect(server).await {
                return Some(stream);
            }
        }
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
