//! The processes of `cargo xtask up`: started in order, shown at work, and ended in order.

use std::fs::DirBuilder;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::up::child::Running;
use crate::up::demo::{self, Demo};
use crate::up::destination::{self, Arrival};
use crate::{http, say, workspace};

/// How long a start may take: a large store is read again first.
const START_WAIT: Duration = Duration::from_secs(60);
/// How long the webhook may take from its caller to its destination; the agent connects meanwhile.
const ARRIVAL_WAIT: Duration = Duration::from_secs(30);
/// Pause between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What relay-server says once it takes requests and the first credentials are there.
const LISTENS: &str = " listens at ";

/// What to start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    nats_server: PathBuf,
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long)]
    http_addr: SocketAddr,
    #[arg(long)]
    destination_addr: SocketAddr,
    #[arg(long)]
    once: bool,
}

/// What the stage waits for.
pub(crate) enum News {
    /// Standard input has ended: the front wants us to end, or is gone.
    Asked,
    /// relay-server has said that it listens; by then the first credentials are there.
    Listening,
    /// A request reached the destination.
    Arrived(Arrival),
}

/// The processes, in the order in which they end.
struct Cast {
    agent: Running,
    server: Running,
    destination: Running,
}

/// Starts everything, sends a webhook, and stays until asked to end.
///
/// # Errors
/// Where something did not start, ended early, or the webhook did not arrive.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (tx, news) = channel();
    watch_standard_input(tx.clone());
    let logs = args.data_dir.join("logs");
    // For its owner alone, like everything that relay-server puts into it.
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(&logs).with_context(|| format!("make {}", logs.display()))?;

    let started = Instant::now();
    let mut server = start_server(&args.nats_server, &args.data_dir, args.http_addr, &[], &logs, tx.clone())?;
    until_ready(args.http_addr, &mut server, &news)?;
    let seconds = started.elapsed().as_secs_f64();
    say::line(format_args!("relay-server answers at http://{} after {seconds:.1} s", args.http_addr))?;

    let demo = Demo::set_up(args.http_addr, args.destination_addr, &args.data_dir)?;
    say::line(format_args!("bucket `{}`: {} -> {}", demo::BUCKET, demo.input_path(), demo.destination()))?;

    let destination = start_destination(args, &logs, tx)?;
    let health = super::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut relay = demo.agent();
    relay.args(["forward", "--bucket", demo::BUCKET, "--health-addr", &health.to_string()]);
    let agent = Running::start("relay", &mut relay, &logs, false)?;
    let mut cast = Cast { agent, server, destination };
    until_connected(health, &mut cast, &news)?;
    say::line(format_args!(
        "the agent has a session, the destination listens; logs are in {}\n",
        workspace::shown(&logs)
    ))?;

    show(&demo, &mut cast, &news)?;
    if !args.once {
        say::line(demo.what_next())?;
        stay(&mut cast, &news)?;
    }
    say::line("stopping: agent, relay-server with its nats-server, destination")?;
    drop(cast);
    say::line("stopped; the data directory keeps what there was")
}

/// Sends a webhook and waits until it has arrived.
fn show(demo: &Demo, cast: &mut Cast, news: &Receiver<News>) -> anyhow::Result<()> {
    let sent = Instant::now();
    let status = demo.send()?;
    let answered = sent.elapsed();
    let arrival = arrival(cast, news).with_context(|| format!("wait for the webhook; {}", cast.agent.log_tail()))?;
    say::line(format_args!(
        "sent     POST {}\nanswered {status} after {:.1} ms: the event is on disk\n\
         arrived  at {}, {:.1} ms after it was sent, byte for byte:\n\n{arrival}",
        demo.target(),
        answered.as_secs_f64() * 1e3,
        demo.destination(),
        sent.elapsed().as_secs_f64() * 1e3,
    ))
}

fn arrival(cast: &mut Cast, news: &Receiver<News>) -> anyhow::Result<Arrival> {
    let deadline = Instant::now() + ARRIVAL_WAIT;
    while Instant::now() < deadline {
        if let Some(arrival) = next_arrival(cast, news)?.filter(|arrival| arrival.target.contains(demo::MARK)) {
            return Ok(arrival);
        }
    }
    bail!("it did not arrive within {} s", ARRIVAL_WAIT.as_secs())
}

/// Shows what arrives until asked to end.
fn stay(cast: &mut Cast, news: &Receiver<News>) -> anyhow::Result<()> {
    loop {
        match news.recv_timeout(LOOK_EVERY) {
            Ok(News::Asked) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(News::Arrived(arrival)) => say::line(format_args!("arrived:\n{arrival}"))?,
            Ok(News::Listening) => {}
            Err(RecvTimeoutError::Timeout) => cast.check()?,
        }
    }
}

fn next_arrival(cast: &mut Cast, news: &Receiver<News>) -> anyhow::Result<Option<Arrival>> {
    match news.recv_timeout(LOOK_EVERY) {
        Ok(News::Asked) | Err(RecvTimeoutError::Disconnected) => bail!("asked to end"),
        Ok(News::Arrived(arrival)) => Ok(Some(arrival)),
        Ok(News::Listening) => Ok(None),
        Err(RecvTimeoutError::Timeout) => cast.check().map(|()| None),
    }
}

impl Cast {
    fn check(&mut self) -> anyhow::Result<()> {
        self.agent.check()?;
        self.server.check()?;
        self.destination.check()
    }
}

/// Starts relay-server on a data directory of its own, with these further arguments.
///
/// # Errors
/// Where it cannot be started.
pub(crate) fn start_server(
    nats_server: &Path,
    data_dir: &Path,
    http_addr: SocketAddr,
    more: &[&str],
    logs: &Path,
    news: Sender<News>,
) -> anyhow::Result<Running> {
    let mut command = workspace::program(&workspace::dev_program("relay-server"));
    command.arg("--data-dir").arg(data_dir).arg("--http-addr").arg(http_addr.to_string()).args(more);
    command.env(workspace::NATS_SERVER, nats_server);
    // It says the first secret on standard output, which therefore goes into no log.
    let mut running = Running::start("relay-server", &mut command, logs, true)?;
    let output = running.output().context("read what relay-server says")?;
    // It ends with the process whose output it reads.
    thread::spawn(move || {
        for _ in BufReader::new(output).lines().map_while(Result::ok).filter(|line| line.contains(LISTENS)) {
            let _ = news.send(News::Listening);
        }
    });
    Ok(running)
}

fn start_destination(args: &Args, logs: &Path, arrivals: Sender<News>) -> anyhow::Result<Running> {
    let mut command = workspace::program(&workspace::dev_program("relay-server"));
    command.args(["echo", "--json", "--addr"]).arg(args.destination_addr.to_string());
    let mut running = Running::start("destination", &mut command, logs, true)?;
    let output = running.output().context("read what the destination says")?;
    // It ends with the process whose output it reads.
    thread::spawn(move || destination::read(output, |arrival| arrivals.send(News::Arrived(arrival)).is_ok()));
    Ok(running)
}

/// Waits until it says that it takes requests.
///
/// # Errors
/// Where it ends, or does not say so in time.
pub(crate) fn until_listening(server: &mut Running, news: &Receiver<News>) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_WAIT;
    while Instant::now() < deadline {
        server.check()?;
        match news.recv_timeout(LOOK_EVERY) {
            Ok(News::Listening) => return Ok(()),
            Ok(News::Arrived(_)) | Err(RecvTimeoutError::Timeout) => {}
            Ok(News::Asked) | Err(RecvTimeoutError::Disconnected) => bail!("asked to end"),
        }
    }
    bail!("relay-server has not said that it listens after {} s; {}", START_WAIT.as_secs(), server.log_tail())
}

/// Waits until it takes requests and is ready.
///
/// # Errors
/// Where it ends, or is not ready in time.
pub(crate) fn until_ready(address: SocketAddr, server: &mut Running, news: &Receiver<News>) -> anyhow::Result<()> {
    until_listening(server, news)?;
    let deadline = Instant::now() + START_WAIT;
    loop {
        server.check()?;
        let last = match http::get(address, "/readyz") {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => format!("{} {}", answer.status, answer.body.trim()),
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() > deadline {
            bail!("relay-server is not ready after {} s: {last}; {}", START_WAIT.as_secs(), server.log_tail());
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn until_connected(health: SocketAddr, cast: &mut Cast, news: &Receiver<News>) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_WAIT;
    while !http::get(health, "/healthz").is_ok_and(|answer| answer.status == 200) {
        next_arrival(cast, news)?;
        if Instant::now() > deadline {
            bail!("the agent has no session after {} s; {}", START_WAIT.as_secs(), cast.agent.log_tail());
        }
    }
    Ok(())
}

fn watch_standard_input(tx: Sender<News>) {
    // It ends with the process.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = tx.send(News::Asked);
    });
}
