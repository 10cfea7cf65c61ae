//! How often a network has presented wrong credentials for a bucket lately.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use model::BucketId;
use tokio::time::Instant;

/// How many wrong credentials a network may present for a bucket in [`SPAN`].
pub(super) const FAILURES_MAX: u32 = 10;
/// The span over which they are counted.
pub(super) const SPAN: Duration = Duration::from_secs(60);
/// How many networks are counted at once; beyond it all begin anew.
const COUNTED_MAX: usize = 65_536;

/// The failures of the current span, all of which end together.
pub(super) struct Failures {
    since: Instant,
    counts: HashMap<(BucketId, IpAddr), u32>,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), counts: HashMap::new() }
    }

    /// Whether a caller's network has failed too often.
    pub(super) fn too_many(&mut self, bucket: BucketId, peer: IpAddr, now: Instant) -> bool {
        self.begin_anew_when_due(now);
        self.counts.get(&(bucket, network(peer))).is_some_and(|count| *count >= FAILURES_MAX)
    }

    /// Counts a failure.
    pub(super) fn count(&mut self, bucket: BucketId, peer: IpAddr, now: Instant) {
        self.begin_anew_when_due(now);
        *self.counts.entry((bucket, network(peer))).or_default() += 1;
    }

    fn begin_anew_when_due(&mut self, now: Instant) {
        if now.duration_since(self.since) >= SPAN || self.counts.len() >= COUNTED_MAX {
            *self = Self { since: now, counts: HashMap::new() };
        }
    }
}

/// What one caller commands: an IPv4 /24 or an IPv6 /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const BUCKET: BucketId = BucketId(Uuid::nil());

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_may_fail_so_often_in_a_span_and_no_oftener() {
        let mut failures = Failures::new();
        let now = failures.since;
        for n in 0..FAILURES_MAX {
            assert!(!failures.too_many(BUCKET, address("192.0.2.1"), now), "{n}");
            failures.count(BUCKET, address("192.0.2.1"), now);
        }
        assert!(failures.too_many(BUCKET, address("192.0.2.254"), now), "the same network");
        assert!(failures.too_many(BUCKET, address("::ffff:192.0.2.1"), now), "the same network");
        assert!(!failures.too_many(BUCKET, address("192.0.3.1"), now), "another network");
        assert!(!failures.too_many(BucketId(Uuid::from_u128(1)), address("192.0.2.1"), now), "another bucket");
        assert!(!failures.too_many(BUCKET, address("192.0.2.1"), now + SPAN), "another span");
    }

    #[test]
    fn an_ipv6_network_is_a_64() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
    }

    #[test]
    fn so_many_networks_are_counted_and_no_more() {
        let mut failures = Failures::new();
        let now = failures.since;
        let peer = |n: usize| IpAddr::from(Ipv6Addr::from_bits((n as u128) << 64));
        for n in 0..=COUNTED_MAX {
            failures.count(BUCKET, peer(n), now);
        }
        assert_eq!(failures.counts.len(), 1);
    }
}
