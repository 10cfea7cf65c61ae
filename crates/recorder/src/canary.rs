//! A listener that nobody may connect to.

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Listens on both loopback addresses, on one port; answers 200 to whoever connects, and counts.
#[derive(Debug)]
pub struct Canary {
    /// The port.
    pub port: u16,
    /// The ports of those who connected, in order.
    peers: [mpsc::UnboundedReceiver<u16>; 2],
}

impl Canary {
    /// Listens on a free port of this machine.
    pub async fn start() -> Self {
        let (v4, v6) = loop {
            let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = v4.local_addr().unwrap().port();
            // Somebody may have it in the other family.
            if let Ok(v6) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                break (v4, v6);
            }
        };
        let port = v4.local_addr().unwrap().port();
        Self { port, peers: [take(v4), take(v6)] }
    }

    /// How many have connected since the last time it was asked. Connections are taken in the order
    /// in which they were made, so once one of our own is taken, all before it were.
    pub async fn connections(&mut self) -> usize {
        let mut count = 0;
        let own = [
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap(),
            TcpStream::connect((Ipv6Addr::LOCALHOST, self.port)).await.unwrap(),
        ];
        for (own, peers) in own.iter().zip(&mut self.peers) {
            let own = own.local_addr().unwrap().port();
            while peers.recv().await.unwrap() != own {
                count += 1;
            }
        }
        count
    }
}

fn take(listener: TcpListener) -> mpsc::UnboundedReceiver<u16> {
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let _ = tx.send(peer.port());
            // Whoever came may have left already.
            tokio::spawn(async move { drop(answer(stream).await) });
        }
    });
    rx
}

/// Answers once a request begins, and reads that to its end: otherwise the answer would be lost
/// with the connection.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_u8().await?;
    stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}
