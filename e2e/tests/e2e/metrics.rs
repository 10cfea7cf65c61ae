//! What Prometheus is told.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use e2e::http::Connection;
use e2e::wait::{holds, until};
use e2e::{Reply, World, story};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_and_names_nobody() {
    story(async |world: &World| {
        let (_reserved, address) = free_address()?;
        let server = world.server("relay").args(["--metrics-addr", &address.to_string()]);
        let straight = Straight::on(server, world, json!({}), json!({})).await?;
        straight.destination.replies(|arrival| Reply::Status(if arrival.number() == Some(2) { 404 } else { 200 }));
        straight.send(1..=3).await?;
        let expected = [
            "relay_http_requests_total{for=\"webhook\",code=\"200\"} 3",
            "relay_http_request_duration_seconds_count{for=\"webhook\"} 3",
            "relay_attempts_total{outcome=\"answered_2xx\"} 2",
            "relay_attempts_total{outcome=\"answered_4xx\"} 1",
            "relay_attempt_duration_seconds_count 3",
            "relay_deliveries_total{ending=\"sent\"} 2",
            "relay_deliveries_total{ending=\"failed\"} 1",
            "relay_delivery_delay_seconds_count 2",
            "relay_cursors 1.0",
            "relay_ready 1",
            "relay_check{check=\"canary\"} 1",
            "relay_check{check=\"quota\"} 1",
            "relay_unacknowledged_total{cause=\"full\"} 0",
            "relay_connections_closed_slow_total{phase=\"head\"} 0",
            "relay_connections_closed_http2_total{reason=\"control_frames\"} 0",
            "relay_revocation_seconds_count 0",
            "relay_destinations_blocked_total{reason=\"metadata\"} 0",
            "relay_bcrypt_waiting 0",
            "relay_unreadable_total{what=\"event\"} 0",
            "relay_panics_total 0",
        ];
        let text = until("everything is counted", async || {
            let text = metrics(address).await?;
            let all = expected.iter().all(|line| text.lines().any(|said| said == *line));
            Ok(all.then_some(text))
        })
        .await?;
        for name in [straight.bucket.name.clone(), straight.bucket.id.to_string(), straight.token.key.clone()] {
            assert!(!text.contains(&name), "a label names somebody: {text}");
        }
        assert!(value(&text, "relay_bcrypt_duration_seconds_count") > Some(0.0), "secrets were hashed: {text}");
        check_names(&text)?;
        // They are nowhere else: neither for callers, nor on a path beside it.
        assert_ne!(straight.server.status("/metrics").await, Some(200));
        assert_eq!(get(address, "/").await?.status, 404);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_counted() {
    story(async |world: &World| {
        let (_reserved, address) = free_address()?;
        let nats = world.nats().await?;
        let plan = world.server_around(&nats, "relay", "auth,api,ingress,dispatcher");
        let mut nats = nats;
        let server = plan.args(["--metrics-addr", &address.to_string()]).start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        // Nothing may be called there.
        api.make_public_output(&bucket, "http://127.0.0.1:8000/", json!({})).await?;
        assert_eq!(server.caller().post(bucket.input, b"x").await?.status, 200);
        until("the blocked attempt is counted", async || {
            Ok(holds(
                value(&metrics(address).await?, "relay_destinations_blocked_total{reason=\"loopback\"}") == Some(1.0),
            ))
        })
        .await?;
        // A head that does not end.
        let mut connection = server.connect().await?;
        connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ").await?;
        nats.kill().await?;
        nats.start_again().await?;
        server.until_ready().await?;
        until("the caller that was too slow, and the new connection to NATS, are counted", async || {
            let text = metrics(address).await?;
            let slow = value(&text, "relay_connections_closed_slow_total{phase=\"head\"}") == Some(1.0);
            Ok(holds(slow && value(&text, "relay_nats_reconnects_total") > Some(0.0)))
        })
        .await?;
        Ok(())
    })
    .await;
}

/// Every metric has a line in the manual, and what is named there, in the runbooks, the alerts and the
/// dashboard is a metric.
fn check_names(text: &str) -> Result<()> {
    let exist: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    let manual = read("docs/operations.md")?;
    let documented = names(&manual);
    assert_eq!(exist.difference(&documented).collect::<Vec<_>>(), Vec::<&&str>::new(), "not in docs/operations.md");
    for path in ["docs/operations.md", "docs/runbooks.md", "deploy/prometheus/alerts.yml", "deploy/grafana/relay.json"]
    {
        let text = read(path)?;
        let named = names(&text);
        assert!(!named.is_empty(), "{path} names metrics");
        assert_eq!(named.difference(&exist).collect::<Vec<_>>(), Vec::<&&str>::new(), "{path} names what is no metric");
    }
    Ok(())
}

/// The names of metrics in a text, as families.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let names = words.filter(|word| word.starts_with("relay_") && !word.ends_with('_'));
    names
        .map(|name| {
            let endings = ["_total", "_bucket", "_count", "_sum"];
            endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
        })
        .collect()
}

/// The value of a series.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Bound and never listening: nobody else is given the port.
pub(crate) fn free_address() -> Result<(TcpSocket, SocketAddr)> {
    let reserved = TcpSocket::new_v4()?;
    reserved.set_reuseaddr(true)?;
    reserved.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = reserved.local_addr()?;
    Ok((reserved, address))
}

pub(crate) async fn metrics(address: SocketAddr) -> Result<String> {
    let answer = get(address, "/metrics").await?;
    anyhow::ensure!(answer.status == 200, "{answer:?}");
    anyhow::ensure!(answer.text().ends_with("# EOF\n"), "cut short: {answer:?}");
    Ok(answer.text())
}

async fn get(address: SocketAddr, path: &str) -> Result<e2e::http::Answer> {
    let mut connection = Connection::open(address).await?;
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    connection.answer("GET").await
}
