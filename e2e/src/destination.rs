//! A destination in the private network: keeps every byte that reaches it and answers as it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Length};
use crate::wait::until;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1024;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// From the request line to the empty line, byte for byte.
    pub head: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// The port that it came from: which connection, and so whose.
    pub port: u16,
    /// When the last byte of it was read.
    pub at: Instant,
}

/// What a destination does when a request has come.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with this status and no body.
    Status(u16),
    /// Answers with this status, after that long.
    Late(Duration, u16),
    /// Writes these bytes.
    Bytes(Vec<u8>),
    /// Never says anything.
    Silence,
    /// Closes the connection.
    Close,
}

/// Decides what is replied; called once for each arrival.
type Decide = dyn Fn(&Arrival) -> Reply + Send + Sync;

/// A destination. What it does ends when this is dropped.
///
/// It runs on one thread of its own, which takes up connections in the order in which the system
/// says that they have something to read: so arrivals are noted in the order in which they came,
/// however busy the machine is.
pub struct Destination {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Bound and not listening: who connects is refused, and nobody else gets the port.
    closed: Option<TcpSocket>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    arrivals: Mutex<Vec<Arrival>>,
    count: watch::Sender<usize>,
    decide: Mutex<Arc<Decide>>,
    keeps: AtomicBool,
}

impl Destination {
    /// Starts one that answers 200.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn start() -> anyhow::Result<Self> {
        let mut destination = Self::refusing()?;
        destination.open()?;
        Ok(destination)
    }

    /// Makes one that refuses connections until it is [opened](Destination::open).
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn refusing() -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let decide: Arc<Decide> = Arc::new(|_: &Arrival| Reply::Status(200));
        let shared = Shared {
            arrivals: Mutex::default(),
            count: watch::Sender::new(0),
            decide: Mutex::new(decide),
            keeps: AtomicBool::new(true),
        };
        Ok(Self {
            address: socket.local_addr()?,
            shared: Arc::new(shared),
            closed: Some(socket),
            stop: CancellationToken::new(),
            thread: None,
        })
    }

    /// Takes connections from now on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(&mut self) -> anyhow::Result<()> {
        let Some(socket) = self.closed.take() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            socket.listen(BACKLOG)?
        };
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        self.thread = Some(std::thread::spawn(move || {
            runtime.block_on(stop.run_until_cancelled(accept(listener, shared)));
        }));
        Ok(())
    }

    /// Replies like this from now on.
    pub fn replies(&self, decide: impl Fn(&Arrival) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.decide) = Arc::new(decide);
    }

    /// Counts what comes from now on, and keeps nothing of it: for more than memory has room for.
    pub fn keeps_nothing(&self) {
        self.shared.keeps.store(false, Ordering::Relaxed);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that came so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.shared.arrivals).clone()
    }

    /// How many requests came so far.
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Forgets everything that came so far, and returns it.
    pub fn take(&self) -> Vec<Arrival> {
        let taken = std::mem::take(&mut *lock(&self.shared.arrivals));
        self.shared.count.send_replace(0);
        taken
    }

    /// Waits until at least `count` requests came, and returns them all.
    ///
    /// # Errors
    /// When they do not come; the message says how many did.
    pub async fn receives(&self, count: usize) -> anyhow::Result<Vec<Arrival>> {
        let mut counter = self.shared.count.subscribe();
        let what = format!("{count} requests arrive");
        let waited = until(&what, async || {
            counter.wait_for(|came| *came >= count).await?;
            Ok(Some(()))
        });
        waited.await.with_context(|| format!("{} came", self.count()))?;
        Ok(self.arrivals())
    }

    /// Waits until the webhook with this number in its body arrives.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn receives_number(&self, number: u64) -> anyhow::Result<Arrival> {
        let mut counter = self.shared.count.subscribe();
        until(&format!("webhook {number} arrives"), async || {
            counter.borrow_and_update();
            let found = lock(&self.shared.arrivals).iter().find(|arrival| arrival.number() == Some(number)).cloned();
            if found.is_none() {
                counter.changed().await?;
            }
            Ok(found)
        })
        .await
    }
}

impl Arrival {
    /// The request line without its line end.
    pub fn request_line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// The value of the first header line of that name.
    pub fn header(&self, name: &str) -> Option<String> {
        http::header(&self.text(), name).map(str::to_owned)
    }

    /// The event's id, which the relay adds.
    pub fn event(&self) -> Option<model::EventId> {
        self.header("Relay-Event-Id")?.parse().ok()
    }

    /// The attempt's number, which the relay adds.
    pub fn attempt(&self) -> Option<u32> {
        self.header("Relay-Attempt")?.parse().ok()
    }

    /// The number that [`crate::Caller::post_number`] put at the beginning of the body.
    pub fn number(&self) -> Option<u64> {
        let digits = self.body.split(|b| !b.is_ascii_digit()).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Whatever ended it early shows in what a test misses.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        connections.spawn(serve(stream, peer.port(), shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection; a caller who goes away is no error here.
async fn serve(mut stream: TcpStream, port: u16, shared: Arc<Shared>) {
    let mut buffer = Vec::with_capacity(8 * 1024);
    while let Ok(Some(arrival)) = read_request(&mut stream, &mut buffer, port).await {
        let decide = lock(&shared.decide).clone();
        let reply = decide(&arrival);
        if shared.keeps.load(Ordering::Relaxed) {
            lock(&shared.arrivals).push(arrival);
        }
        shared.count.send_modify(|count| *count += 1);
        let written = match reply {
            Reply::Status(status) => stream.write_all(&status_line(status)).await,
            Reply::Late(after, status) => {
                tokio::time::sleep(after).await;
                stream.write_all(&status_line(status)).await
            }
            Reply::Bytes(bytes) => stream.write_all(&bytes).await,
            Reply::Silence => Ok(()),
            Reply::Close => return,
        };
        if written.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>, port: u16) -> anyhow::Result<Option<Arrival>> {
    let Some(head) = http::read_head(stream, buffer).await? else { return Ok(None) };
    let body = match http::body_length(&String::from_utf8_lossy(&head))? {
        Length::Bytes(bytes) => http::read_exactly(stream, buffer, bytes).await?,
        Length::Chunked => http::read_chunks(stream, buffer).await?,
        Length::Unsaid => Vec::new(),
    };
    Ok(Some(Arrival { head, body, port, at: Instant::now() }))
}

fn status_line(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
