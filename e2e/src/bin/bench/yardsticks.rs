//! The same machine without the relay: JetStream alone, a bare axum handler alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context, message::PublishMessage};
use axum::Router;
use axum::body::Bytes;
use axum::routing::any;
use e2e::nats::cluster::SERVERS;
use e2e::nats::{Access, Durability};
use e2e::report::say;
use e2e::{Process, World};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::load::{self, Latencies, Schedule, Target, Until};
use crate::rates::ms;

/// The rate at which latency is measured.
const RATE: f64 = 1000.0;
/// Over how many streams messages are spread, as the relay does by default.
const STREAMS: u64 = 16;
/// What the relay adds to a body when it seals it with its head, in bytes, about.
const ENVELOPE_BYTES: usize = 600;

/// What one yardstick shows.
pub(crate) struct Yardstick {
    /// The most in a second.
    pub(crate) rate_max: f64,
    /// Latencies at 1,000 a second.
    pub(crate) at_rate: Latencies,
}

/// A handler that reads the body and answers 200.
pub(crate) async fn serve_bare_axum() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // The parent reads this line.
    let mut out = std::io::stdout().lock();
    std::io::Write::write_all(&mut out, format!("{}\n", listener.local_addr()?).as_bytes())?;
    drop(out);
    let app = Router::new().fallback(any(|body: Bytes| async move { drop(body) }));
    axum::serve(listener, app).await.context("serve")
}

/// The bare handler in a process of its own, from the same sender.
pub(crate) async fn axum(args: &Args) -> anyhow::Result<Yardstick> {
    let world = World::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--bare-axum");
    let mut process = Process::start("bare-axum", command, &world.logs())?;
    let address = process.says("").await?.parse()?;
    let body = "x".repeat(args.body_bytes);
    let request = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let make = move |_| request.clone().into_bytes();
    let target = Target { address, connections: args.connections, make: Arc::new(make) };
    let most = load::closed_loop(&target, 0, Until::Over(args.span())).await?;
    let at_rate = load::open_loop(&target, Schedule::new(0, RATE, args.span())).await?;
    Ok(told("bare axum", Yardstick { rate_max: most.rate(), at_rate: at_rate.answered }))
}

/// JetStream with the same durability, streams and concurrency, from the same client library.
pub(crate) async fn jetstream(args: &Args, durability: Durability) -> anyhow::Result<Yardstick> {
    let world = World::new()?;
    let nats = world.nats_with(durability).await?;
    let yardstick = publish(args, nats.access(), 1).await?;
    Ok(told(&format!("JetStream alone, {}", durability.as_str()), yardstick))
}

/// The same with three servers that keep everything three times, each write on disk.
pub(crate) async fn cluster(args: &Args) -> anyhow::Result<Yardstick> {
    let world = World::new()?;
    let nats = world.cluster().await?;
    let yardstick = publish(args, nats.as_ref(), SERVERS).await?;
    Ok(told("three JetStream servers, always", yardstick))
}

async fn publish(args: &Args, access: &Access, replicas: usize) -> anyhow::Result<Yardstick> {
    let context = jetstream::new(access.connect().await?);
    for stream in 0..STREAMS {
        let config = Config {
            name: format!("EVENT_{stream}"),
            subjects: vec![format!("event.{stream}.*")],
            storage: StorageType::File,
            num_replicas: replicas,
            ..Config::default()
        };
        context.create_stream(config).await?;
    }
    let publisher = Publisher { context, payload: vec![0x5a; args.body_bytes + ENVELOPE_BYTES].into() };
    let rate_max = publisher.most(args.connections, args.span()).await?;
    let at_rate = publisher.at(RATE, args.span()).await?;
    Ok(Yardstick { rate_max, at_rate })
}

#[derive(Clone)]
struct Publisher {
    context: Context,
    payload: Bytes,
}

impl Publisher {
    async fn publish(&self, number: u64) -> anyhow::Result<()> {
        let subject = format!("event.{}.bucket", number % STREAMS);
        let message =
            PublishMessage::build().payload(self.payload.clone()).message_id(uuid::Uuid::new_v4().to_string());
        self.context.send_publish(subject, message).await?.await?;
        Ok(())
    }

    /// As fast as acknowledgements come.
    async fn most(&self, concurrency: usize, span: Duration) -> anyhow::Result<f64> {
        let (start, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut publishers = JoinSet::new();
        for _ in 0..concurrency {
            let (publisher, next) = (self.clone(), next.clone());
            publishers.spawn(async move {
                let mut count = 0_u64;
                while start.elapsed() < span {
                    publisher.publish(next.fetch_add(1, Ordering::Relaxed)).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(published) = publishers.join_next().await {
            count += published??;
        }
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    /// At a rate, counted from each message's moment.
    async fn at(&self, rate: f64, span: Duration) -> anyhow::Result<Latencies> {
        const UNDER_WAY_MAX: usize = 1024;
        let schedule = Schedule::new(0, rate, span);
        let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let mut published = JoinSet::new();
        let mut paced = load::paced(schedule);
        while let Some(number) = paced.recv().await {
            let due = schedule.due(number);
            let (publisher, place) = (self.clone(), places.clone().acquire_owned().await?);
            published.spawn(async move {
                publisher.publish(number).await?;
                drop(place);
                anyhow::Ok(due.elapsed())
            });
        }
        let mut latencies = load::latencies()?;
        while let Some(latency) = published.join_next().await {
            load::record(&mut latencies, latency??);
        }
        Ok(latencies)
    }
}

fn told(name: &str, yardstick: Yardstick) -> Yardstick {
    let at = &yardstick.at_rate;
    say(&format!(
        "yardstick {name}: {:.0}/s at most; at {RATE:.0}/s p50 {:.2} ms p99 {:.2} ms",
        yardstick.rate_max,
        ms(at, 0.5),
        ms(at, 0.99)
    ));
    yardstick
}
