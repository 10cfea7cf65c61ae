//! The limits of the accept loop, each with the reason for its default.

use std::time::Duration;

/// Limits on connections and on what a slow or hostile caller can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all. One costs at most about 200 KiB (buffers, TLS), so the default of
    /// 10,000 stays below 2 GiB under attack. Callers above it wait in the kernel's queue.
    pub connections_max: usize,
    /// Connections of one address, where an IPv6 /64 counts as one address, since one caller owns
    /// all of it. The default of 1,000 leaves a single caller a tenth. A connection above it is
    /// closed at once. Loopback may use all of `connections_max`: it is a proxy, or this machine's
    /// own agents.
    pub connections_per_address_max: usize,
    /// From the TCP connection to the end of the TLS handshake: 10 s.
    pub handshake_max: Duration,
    /// From the connection (or its TLS handshake) to the first byte of the first request: 10 s.
    pub first_byte_max: Duration,
    /// From the first byte of a request to the end of its head: 10 s. A head of ordinary size is
    /// one packet.
    pub head_max: Duration,
    /// From an answer to the first byte of the next request on the same HTTP/1 connection: 75 s,
    /// longer than the 60 s after which common load balancers close an idle connection. The side
    /// that sends requests should be the one that closes. Likewise from the end of the last stream of
    /// an HTTP/2 connection to the next: an agent always has one.
    pub idle_max: Duration,
    /// How long an answer may be stuck because the caller takes nothing of it: 30 s. The connection
    /// is closed, or the stream reset where it is the window of an HTTP/2 stream that is empty.
    pub write_stall_max: Duration,
    /// HTTP/2: streams of one connection at a time: 128. An agent uses one, a proxy one for each
    /// request under way.
    pub streams_max: u32,
    /// HTTP/2: bytes of a request's header list, counted as RFC 9113 section 6.5.2 says: 32 KiB.
    pub header_list_bytes_max: u32,
    /// HTTP/2: pause between pings that find dead connections: 10 s, the heartbeat of
    /// sessions.
    pub ping_every: Duration,
    /// HTTP/2: how long the answer to a ping may take: 10 s. With the pause before it that is two heartbeats.
    pub pong_max: Duration,
    /// After a stop: how long the requests under way may take to finish: 25 s, within the 30 s
    /// that container platforms wait before they kill.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            handshake_max: Duration::from_secs(10),
            first_byte_max: Duration::from_secs(10),
            head_max: Duration::from_secs(10),
            idle_max: Duration::from_secs(75),
            write_stall_max: Duration::from_secs(30),
            streams_max: 128,
            header_list_bytes_max: 32 * 1024,
            ping_every: Duration::from_secs(10),
            pong_max: Duration::from_secs(10),
            grace: Duration::from_secs(25),
        }
    }
}
