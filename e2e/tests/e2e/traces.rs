//! One webhook is one trace, through every process; and a collector that is away harms nothing.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::Context;
use e2e::collector::{self, Collector, Span};
use e2e::wait::{holds, until};
use e2e::{Destination, Reply, World, story};
use serde_json::json;
use tokio::net::TcpListener;

use crate::straight::Straight;

/// What a sender says of a trace of its own.
const STRANGER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_tried_twice_is_one_trace_through_every_process() {
    story(async |world: &World| {
        let collector = Collector::start().await?;
        let nats = world.nats().await?;
        let mut front = world.server_around(&nats, "front", "auth,ingress,api");
        let mut dispatcher = world.server_around(&nats, "dispatcher", "dispatcher");
        for (name, value) in collector.env("front") {
            front = front.env(name, &value);
        }
        for (name, value) in collector.env("dispatcher") {
            dispatcher = dispatcher.env(name, &value);
        }
        let front = front.start().await?;
        let dispatcher = dispatcher.start().await?;
        let destination = Destination::start()?;
        destination.replies(|arrival| Reply::Status(if arrival.attempt() == Some(1) { 500 } else { 200 }));
        let api = front.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, &destination.url("/hook?secret=1"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let mut agent = world.agent("agent").token(&token).servers(&dispatcher, &front).serves("deploys");
        for (name, value) in collector.env("agent") {
            agent = agent.env(name, &value);
        }
        let agent = agent.start()?;

        let request = format!(
            "POST /v1/webhooks/{} HTTP/1.1\r\nHost: a\r\ntraceparent: {STRANGER}\r\ntracestate: x=1\r\nContent-Length: 4\r\n\r\nbody",
            bucket.input
        );
        assert_eq!(front.caller().send("POST", request.as_bytes()).await?.status, 200);
        let arrivals = destination.receives(2).await?;
        let spans = collector.until("all spans have come", |spans| named(spans, "request").len() == 2 && named(spans, "attempt").len() == 2).await?;

        let [root] = named(&spans, "webhook")[..] else { anyhow::bail!("one root: {spans:?}") };
        let [publish] = named(&spans, "publish")[..] else { anyhow::bail!("one publication: {spans:?}") };
        assert!(spans.iter().all(|span| span.span.trace_id == root.span.trace_id), "one trace: {spans:#?}");
        for (name, service, parent) in [
            ("webhook", "front", None),
            ("receive body", "front", Some(root)),
            ("publish", "front", Some(root)),
            ("wait", "dispatcher", Some(publish)),
            ("attempt", "dispatcher", Some(publish)),
        ] {
            for span in named(&spans, name) {
                assert_eq!(span.service, service, "{span:#?}");
                assert_eq!(span.span.parent_span_id, parent.map(|p| p.span.span_id.clone()).unwrap_or_default(), "{span:#?}");
            }
        }
        assert_eq!(named(&spans, "wait").len(), 1, "{spans:#?}");
        // Each attempt consists of opening the event, and of the agent's request.
        for (name, service) in [("open", "dispatcher"), ("request", "agent")] {
            let parts = named(&spans, name);
            let parents: BTreeSet<_> = parts.iter().map(|span| span.span.parent_span_id.clone()).collect();
            let attempts: BTreeSet<_> = named(&spans, "attempt").iter().map(|span| span.span.span_id.clone()).collect();
            assert_eq!(parents, attempts, "{name} is a part of each attempt");
            assert!(parts.iter().all(|span| span.service == service), "{parts:#?}");
        }
        for name in ["attempt", "request"] {
            let mut ends: Vec<_> = named(&spans, name).iter().map(|span| ["relay.attempt", "http.response.status_code"].map(|name| span.attribute(name))).collect();
            ends.sort();
            let end = |attempt: &str, status: &str| [Some(attempt.to_owned()), Some(status.to_owned())];
            assert_eq!(ends, [end("1", "500"), end("2", "200")], "{name}");
        }
        let event = arrivals[0].event().context("an event")?.to_string();
        let ids = [("relay.event_id", event), ("relay.bucket_id", bucket.id.to_string()), ("relay.output_id", output.to_string())];
        for (name, id) in ids {
            assert!(named(&spans, "attempt").iter().all(|span| span.attribute(name).as_ref() == Some(&id)), "{name}");
        }

        // The sender's trace is linked to, not joined; and the destination gets what the sender wrote.
        let [linked] = &root.span.links[..] else { anyhow::bail!("one link: {root:#?}") };
        assert_eq!(hex(&linked.trace_id), &STRANGER[3..35]);
        assert_ne!(root.span.trace_id, linked.trace_id);
        for arrival in &arrivals {
            let head = String::from_utf8_lossy(&arrival.head).into_owned();
            assert!(head.contains(&format!("traceparent: {STRANGER}\r\ntracestate: x=1\r\n")), "{head}");
            assert!(!head.contains(&hex(&root.span.trace_id)), "{head}");
        }
        drop(agent);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_a_trace_of_its_own_that_names_the_first() {
    story(async |world: &World| {
        let collector = Collector::start().await?;
        let mut server = world.server("relay");
        for (name, value) in collector.env("relay") {
            server = server.env(name, &value);
        }
        // The agent has no collector: what it says of its time stands with the attempt.
        let straight = Straight::on(server, world, json!({}), json!({})).await?;
        straight.send_through(1).await?;
        straight.until_sent(1).await?;
        let first = collector.until("the attempt has ended", |spans| named(spans, "attempt").len() == 1).await?;
        until("the delivery is there to be sent again", async || {
            let replay = straight.api.call("POST", "/v1/replays", &json!({"bucket": "deploys"}), 201).await?;
            Ok(holds(replay["matched"] == 1))
        })
        .await?;
        straight.destination.receives(2).await?;
        let spans = collector.until("it was sent again", |spans| named(spans, "attempt").len() == 2).await?;

        let [replay] = named(&spans, "replay")[..] else { anyhow::bail!("one replay: {spans:#?}") };
        let [publish] = named(&first, "publish")[..] else { anyhow::bail!("one publication: {first:#?}") };
        assert_eq!(replay.span.links.iter().map(|link| &link.span_id).collect::<Vec<_>>(), [&publish.span.span_id]);
        assert_ne!(replay.span.trace_id, publish.span.trace_id);
        let attempts = named(&spans, "attempt");
        assert!(attempts.iter().any(|span| span.span.parent_span_id == replay.span.span_id), "{spans:#?}");
        assert!(attempts.iter().all(|span| span.attribute("relay.duration_ms").is_some()), "{spans:#?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_silent_harms_nothing() {
    story(async |world: &World| {
        // It takes connections, and never says a word.
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let away = tokio::net::TcpSocket::new_v4()?;
        away.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        for (name, address) in [("silent", silent.local_addr()?), ("away", away.local_addr()?)] {
            let mut server = world.server(name);
            for (name, value) in collector::env(address, "relay") {
                server = server.env(name, &value);
            }
            // Far more spans than have room.
            let server = server.env("OTEL_BSP_MAX_QUEUE_SIZE", "8").env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8");
            let mut straight = Straight::on(server, world, json!({}), json!({})).await?;
            let ledger = straight.send(1..=100).await?;
            straight.destination.receives_number(100).await?;
            straight.until_sent(100).await?;
            ledger.close(&straight.destination.arrivals()).assert_once();
            straight.server.process().terminate()?;
            assert!(straight.server.process_mut().exit().await?.success());
        }
        Ok(())
    })
    .await;
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name() == name).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
