//! The routes of a cluster, each through a wire of its own that can be cut, as a network does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// How much passes at a time, in bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// One wire from each server to each other one.
#[derive(Debug)]
pub struct Routes {
    wires: Vec<Wire>,
}

#[derive(Debug)]
struct Wire {
    from: usize,
    to: usize,
    address: SocketAddr,
    passes: watch::Sender<bool>,
    running: AbortHandle,
}

impl Routes {
    /// Wires between the servers whose route ports are these.
    pub(super) async fn between(servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let mut wires = Vec::new();
        for from in 0..servers.len() {
            for (to, server) in servers.iter().enumerate().filter(|(to, _)| *to != from) {
                wires.push(Wire::lay(from, to, *server).await?);
            }
        }
        Ok(Self { wires })
    }

    /// Where a server finds the others.
    pub(super) fn of(&self, server: usize) -> impl Iterator<Item = SocketAddr> {
        self.wires.iter().filter(move |wire| wire.from == server).map(|wire| wire.address)
    }

    /// Nothing passes any more between this server and the others, and nobody is told. Clients
    /// still reach all of them.
    pub fn isolate(&self, server: usize) {
        self.wires.iter().filter(|wire| wire.from == server || wire.to == server).for_each(|wire| {
            wire.passes.send_replace(false);
        });
    }

    /// Everything passes again, also what was held back.
    pub fn heal(&self) {
        self.wires.iter().for_each(|wire| {
            wire.passes.send_replace(true);
        });
    }
}

impl Wire {
    async fn lay(from: usize, to: usize, server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let passes = watch::Sender::new(true);
        let running = tokio::spawn(accept(listener, server, passes.subscribe())).abort_handle();
        Ok(Self { from, to, address, passes, running })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, passes: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connect(client, server, passes.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection; whoever goes away is no error here.
async fn connect(client: TcpStream, server: SocketAddr, mut passes: watch::Receiver<bool>) {
    if passes.wait_for(|passes| *passes).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Small messages are not held back, as the servers themselves do not.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (pump(from_client, to_server, passes.clone()), pump(from_server, to_client, passes));
    tokio::select! { () = up => {}, () = down => {} }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passes: watch::Receiver<bool>) {
    let mut piece = vec![0; PIECE_BYTES];
    while passes.wait_for(|passes| *passes).await.is_ok() {
        let Ok(bytes @ 1..) = from.read(&mut piece).await else { return };
        // What was read before the cut stays here until it is healed.
        if passes.wait_for(|passes| *passes).await.is_err() || to.write_all(&piece[..bytes]).await.is_err() {
            return;
        }
    }
}
