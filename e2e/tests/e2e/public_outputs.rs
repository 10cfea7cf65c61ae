//! Public outputs: the relay calls their destinations itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use e2e::log::Line;
use e2e::{Arrival, Bucket, Destination, Log, Reply, Server, World, story};
use model::fact::{Ending, Fact, Outcome};
use model::reason::Reason;
use model::{GroupId, OutputId};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::straight::send;

/// Where the destinations of tests are.
pub(crate) const ALLOW_LOOPBACK: [&str; 2] = ["--allow-private-outputs", "127.0.0.0/8"];

/// A relay without an agent that calls one destination.
pub(crate) struct Public {
    pub(crate) destination: Destination,
    pub(crate) server: Server,
    log: Log,
    pub(crate) bucket: Bucket,
    pub(crate) output: OutputId,
}

impl Public {
    pub(crate) async fn new(world: &World, output: Value) -> Result<Self> {
        Self::with(world, [], output).await
    }

    /// With these further arguments of the server.
    pub(crate) async fn with<'a>(
        world: &World,
        args: impl IntoIterator<Item = &'a str>,
        output: Value,
    ) -> Result<Self> {
        let server = world.server("relay").args(ALLOW_LOOPBACK).args(args).start().await?;
        let api = server.api()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_public_output(&bucket, &destination.url("/hook?own=1"), output).await?;
        Ok(Self { destination, log: server.log().await?, server, bucket, output })
    }

    async fn until_ended(&self, as_: Ending, count: usize) -> Result<()> {
        self.log.until_ended(self.bucket.id, self.output, as_, count).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_byte_for_byte_what_was_sent() {
    story(async |world: &World| {
        let public = Public::new(world, json!({"headers": {"X-Own": "a"}})).await?;
        let address = public.server.address();
        let request = format!(
            "PuRGE /v1/webhooks/{}/a%2Fb/?q=%20&q HTTP/1.1\r\nHost: {address}\r\nX-b: 1\r\nx-A: 2\r\nX-B: 3\r\nx-b:\r\n\
             Connection: x-gone\r\nX-Gone: 4\r\nContent-LENGTH: 4\r\n\r\n\0\r\n\u{7f}",
            public.bucket.input
        );
        assert_eq!(public.server.caller().send("PURGE", request.as_bytes()).await?.status, 200);
        let arrival = public.destination.receives(1).await?.remove(0);
        let event = arrival.event().map(|event| event.to_string()).unwrap_or_default();
        let expected = format!(
            "PuRGE /hook/a%2Fb/?own=1&q=%20&q HTTP/1.1\r\nHost: {}\r\nX-b: 1\r\nx-A: 2\r\nX-B: 3\r\nx-b: \r\n\
             Content-LENGTH: 4\r\nX-Own: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: {address}\r\n\
             X-Forwarded-Proto: http\r\nRelay-Event-Id: {event}\r\nRelay-Attempt: 1\r\n\r\n",
            public.destination.address()
        );
        assert_eq!(String::from_utf8_lossy(&arrival.head), expected);
        assert_eq!(arrival.body, b"\0\r\n\x7f");
        public.until_ended(Ending::Sent, 1).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_arrive_whole_and_small_ones_in_order() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let mut caller = public.server.caller();
        let sizes: [usize; 6] = [0, 9_000_000, 10, 1 << 20, (1 << 20) + 1, 100];
        let body = |number: usize, size: usize| [format!("{number} ").as_bytes(), &vec![b'x'; size]].concat();
        for (number, size) in sizes.into_iter().enumerate() {
            assert_eq!(caller.post(public.bucket.input, &body(number, size)).await?.status, 200);
        }
        let arrivals = public.destination.receives(sizes.len()).await?;
        for (number, size) in sizes.into_iter().enumerate() {
            assert!(arrivals.iter().any(|arrival| arrival.body == body(number, size)), "number {number}");
        }
        public.until_ended(Ending::Sent, sizes.len()).await?;
        public.destination.take();
        let ledger = send(&public.server, &public.bucket, 0..400).await?;
        public.destination.receives(400).await?;
        ledger.close(&public.destination.arrivals()).assert_once_and_in_order();
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_and_what_is_final_is_not() {
    story(async |world: &World| {
        let public = Public::new(world, json!({"timeout": 1, "retries": 5})).await?;
        let attempts = Arc::new(AtomicUsize::new(0));
        let replies = [Reply::Close, Reply::Status(500), Reply::Silence, Reply::Status(204), Reply::Status(404)];
        public.destination.replies(move |_| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst);
            replies.get(attempt).cloned().unwrap_or(Reply::Status(200))
        });
        send(&public.server, &public.bucket, [1]).await?;
        public.until_ended(Ending::Sent, 1).await?;
        send(&public.server, &public.bucket, [2]).await?;
        public.until_ended(Ending::Failed, 1).await?;
        let outcomes: Vec<_> = attempts_of(&public.log, &public.bucket, public.output).await?;
        let expected = [
            Outcome::Broken,
            Outcome::Answered(500),
            Outcome::TimedOut,
            Outcome::Answered(204),
            Outcome::Answered(404),
        ];
        assert_eq!(outcomes, expected.map(|outcome| (outcome, None)));
        let numbers: Vec<_> = public.destination.arrivals().iter().filter_map(Arrival::attempt).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 1]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified_unless_the_output_says_otherwise() {
    story(async |world: &World| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let roots = world.dir().join("roots.pem");
        std::fs::write(&roots, made.cert.pem())?;
        let destination = Destination::start()?;
        let tls = TlsFront::start(&made, &destination).await?;
        let url = format!("https://localhost:{}/", tls.port);

        let stranger = world.server("stranger").args(ALLOW_LOOPBACK).start().await?;
        let (bucket, output) = tls_output(&stranger, &url, json!({"retries": -1})).await?;
        let trusting = json!({"name": "trusting", "tls_verification": false});
        let trusting = stranger.api()?.make_public_output(&bucket, &url, trusting).await?;
        send(&stranger, &bucket, [1]).await?;
        let log = stranger.log().await?;
        log.until_ended(bucket.id, output, Ending::Failed, 1).await?;
        assert_eq!(attempts_of(&log, &bucket, output).await?, [(Outcome::NotConnected, Some(Reason::Tls))]);
        log.until_ended(bucket.id, trusting, Ending::Sent, 1).await?;

        let roots = roots.to_string_lossy();
        let acquainted = world.server("acquainted").args(ALLOW_LOOPBACK).env("SSL_CERT_FILE", &roots).start().await?;
        let (bucket, output) = tls_output(&acquainted, &url, json!({})).await?;
        send(&acquainted, &bucket, [2]).await?;
        acquainted.log().await?.until_ended(bucket.id, output, Ending::Sent, 1).await?;
        assert_eq!(destination.arrivals().iter().filter_map(Arrival::number).collect::<Vec<_>>(), [1, 2]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_that_do_not_answer_hold_up_nobody_else() {
    const EVENTS: u64 = 200;
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let api = public.server.api()?;
        let (silent, refusing, failing) = (Destination::start()?, Destination::refusing()?, Destination::start()?);
        silent.replies(|_| Reply::Silence);
        failing.replies(|_| Reply::Status(500));
        for (name, dead) in [("silent", &silent), ("refusing", &refusing), ("failing", &failing)] {
            api.make_public_output(&public.bucket, &dead.url("/"), json!({"name": name})).await?;
        }
        let ledger = send(&public.server, &public.bucket, 1..=EVENTS).await?;
        public.destination.receives_number(EVENTS).await?;
        public.until_ended(Ending::Sent, 200).await?;
        ledger.close(&public.destination.arrivals()).assert_once_and_in_order();
        silent.receives(1).await?;
        failing.receives(1).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_becomes_internal_or_disabled_is_not_called_any_more() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let api = public.server.api()?;
        let beside = Destination::start()?;
        api.make_public_output(&public.bucket, &beside.url("/"), json!({"name": "beside"})).await?;
        send(&public.server, &public.bucket, [1]).await?;
        public.destination.receives_number(1).await?;
        api.change_output(&public.bucket, public.output, json!({"disabled": true})).await?;
        send(&public.server, &public.bucket, [2]).await?;
        beside.receives_number(2).await?;
        api.change_output(&public.bucket, public.output, json!({"disabled": false})).await?;
        send(&public.server, &public.bucket, [3]).await?;
        public.destination.receives_number(3).await?;
        api.change_output(&public.bucket, public.output, json!({"internal": true})).await?;
        send(&public.server, &public.bucket, [4]).await?;
        beside.receives_number(4).await?;
        let numbers: Vec<_> = public.destination.arrivals().iter().filter_map(Arrival::number).collect();
        assert_eq!(numbers, [1, 3]);
        Ok(())
    })
    .await;
}

/// A bucket with one public output.
async fn tls_output(server: &Server, url: &str, more: Value) -> Result<(Bucket, OutputId)> {
    let api = server.api()?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    let output = api.make_public_output(&bucket, url, more).await?;
    Ok((bucket, output))
}

/// Speaks TLS before a destination that does not.
struct TlsFront {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl TlsFront {
    async fn start(made: &rcgen::CertifiedKey<rcgen::KeyPair>, destination: &Destination) -> Result<Self> {
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, to) = (listener.local_addr()?.port(), destination.address());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await?;
                    let mut inside = TcpStream::connect(to).await?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Ok(Self { port, task })
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The outcomes of an output's attempts, in order, with their reasons.
pub(crate) async fn attempts_of(
    log: &Log,
    bucket: &Bucket,
    output: OutputId,
) -> Result<Vec<(Outcome, Option<Reason>)>> {
    let facts = log.facts(bucket.id).await?;
    let of_output = facts.iter().filter(|line| line.output == output);
    Ok(of_output
        .filter_map(|Line { fact, group, .. }| match fact {
            Fact::AttemptFinished { outcome, reason, .. } if *group == GroupId::PUBLIC => Some((*outcome, *reason)),
            Fact::AttemptFinished { .. } | Fact::DeliveryEnded { .. } | Fact::Reported { .. } => None,
        })
        .collect())
}
