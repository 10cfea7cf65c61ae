//! `cargo xtask up`: everything on this machine, and one webhook through it.
//!
//! Two processes: this one, in front, and the [`stage`], which holds relay-server, the destination
//! and the agent. The stage ends in order when its standard input does. The front holds the other
//! end of that pipe: so the stage also ends when the front is killed.

pub(crate) mod stage;

pub(crate) mod child;
mod demo;
mod destination;

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{say, steps, tools, workspace};

/// Name of the hidden subcommand.
pub(crate) const STAGE: &str = "stage";

/// What to start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End after the demonstration.
    #[arg(long)]
    once: bool,

    /// Where relay-server listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http_addr: SocketAddr,

    /// Where the destination listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9000")]
    destination_addr: SocketAddr,

    /// Where everything is kept, relative to the workspace.
    #[arg(long, default_value = ".relay")]
    data_dir: PathBuf,
}

/// Finds or fetches nats-server, builds the programs, and runs the stage until Ctrl-C.
///
/// # Errors
/// Where one of them fails, or the webhook did not arrive.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let nats_server = tools::nats_server::find_or_fetch()?;
    say::line("building relay-server and relay (minutes at the first time)")?;
    steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))?;
    present(args, &nats_server)
}

/// Runs the demonstration once in a fresh data directory, with the programs that were built.
///
/// # Errors
/// As [`run`].
pub(crate) fn smoke(nats_server: &Path) -> anyhow::Result<()> {
    let data_dir = workspace::target().join("smoke");
    if data_dir.exists() {
        fs::remove_dir_all(&data_dir).with_context(|| format!("remove {}", data_dir.display()))?;
    }
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    present(Args { once: true, http_addr: free, destination_addr: free, data_dir }, nats_server)
}

fn present(args: Args, nats_server: &Path) -> anyhow::Result<()> {
    let mut stage = Command::new(own_program()?);
    stage.arg(STAGE).arg("--nats-server").arg(nats_server);
    stage.arg("--data-dir").arg(workspace::root().join(args.data_dir));
    stage.arg("--http-addr").arg(free(args.http_addr).context("--http-addr")?.to_string());
    stage.arg("--destination-addr").arg(free(args.destination_addr).context("--destination-addr")?.to_string());
    if args.once {
        stage.arg("--once");
    }
    // A group of its own: Ctrl-C in a terminal is for us, and what the stage holds ends in order.
    let mut stage = stage.stdin(Stdio::piped()).process_group(0).spawn().context("start the stage")?;
    let lifeline = stage.stdin.take();
    let news = listen(stage)?;
    let status = match news.recv().context("wait for the stage")? {
        News::Ended(status) => status?,
        News::Asked => {
            drop(lifeline);
            ended(&news)?
        }
    };
    if !status.success() {
        bail!("it did not go as it should; the lines above say why");
    }
    Ok(())
}

/// Our own program, found even after a build of the workspace has replaced the file on disk.
fn own_program() -> anyhow::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    env::current_exe().context("find our own program")
}

/// What the front waits for.
enum News {
    /// The stage is gone.
    Ended(std::io::Result<ExitStatus>),
    /// Someone wants us to end.
    Asked,
}

fn listen(mut stage: std::process::Child) -> anyhow::Result<mpsc::Receiver<News>> {
    let (tx, rx) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listen for signals")?;
    let signalled = tx.clone();
    // Both threads end with the process, which waits for the stage alone.
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = signalled.send(News::Asked);
        }
    });
    thread::spawn(move || tx.send(News::Ended(stage.wait())));
    Ok(rx)
}

/// Waits for the end of the stage, whatever else is asked for.
fn ended(news: &mpsc::Receiver<News>) -> anyhow::Result<ExitStatus> {
    loop {
        if let News::Ended(status) = news.recv().context("wait for the stage")? {
            return status.context("wait for the stage");
        }
    }
}

/// The address, or with port 0 one that was free a moment ago.
///
/// # Errors
/// Where it is taken.
pub(crate) fn free(wanted: SocketAddr) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(wanted).with_context(|| {
        format!("{wanted} is taken: is `cargo xtask up` running already? Stop it, or give another address")
    })?;
    Ok(listener.local_addr()?)
}
