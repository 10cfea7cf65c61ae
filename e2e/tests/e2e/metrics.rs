//! What Prometheus is told.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use e2e::http::Connection;
use e2e::wait::until;
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
        // They are nowhere else: neither for callers, nor on a path beside it.
        assert_ne!(straight.server.status("/metrics").await, Some(200));
        assert_eq!(get(address, "/").await?.status, 404);
        Ok(())
    })
    .await;
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
