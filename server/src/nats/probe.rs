//! Says when a `nats-server` answers: it greets every connection with an `INFO` line.

use std::{io, net::SocketAddr, time::Duration};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// Pause between two looks; a start of an empty store takes about 20 ms.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Longest wait for the greeting of one connection.
const GREETING_WAIT: Duration = Duration::from_secs(2);

/// Longest greeting that is read: a real one is under 1 KiB.
const GREETING_BYTES_MAX: u64 = 16 * 1024;

/// What we read of the greeting.
#[derive(Deserialize)]
struct Info {
    server_name: String,
    jetstream: bool,
}

/// Returns once a server of this name with JetStream greets at `address`. The name tells our
/// own server from a stranger that took the port.
pub(super) async fn until_answers(address: SocketAddr, server_name: &str) {
    loop {
        let greeting = tokio::time::timeout(GREETING_WAIT, greeting(address)).await;
        if let Ok(Ok(info)) = greeting
            && info.server_name == server_name
            && info.jetstream
        {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn greeting(address: SocketAddr) -> io::Result<Info> {
    let stream = TcpStream::connect(address).await?;
    let mut line = String::new();
    BufReader::new(stream.take(GREETING_BYTES_MAX)).read_line(&mut line).await?;
    let json =
        line.strip_prefix("INFO ").ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a NATS greeting"))?;
    Ok(serde_json::from_str(json)?)
}
