//! `cargo xtask slow-test`: slowhttptest holds thousands of connections while webhooks go on.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::judged::Judged;
use crate::{http, say, steps, tools, up, workspace};

/// The folder of a run, and the program.
const NAME: &str = "slow-test";
const PROGRAM: &str = "slowhttptest";
/// How long webhooks are timed alone.
const ALONE: Duration = Duration::from_secs(10);
/// When slowhttptest gives up, in seconds: all of its connections must be closed before.
const SECONDS_MAX: &str = "120";
/// How many connections it opens in a second.
const PER_SECOND: &str = "1000";
/// What it says when all of its connections were closed.
const ALL_CLOSED: &str = "No open connections left";
/// What is read slowly: the largest answer that anybody may ask for.
const LARGE: &str = "/v1/openapi.json";

/// How slow to be.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many connections.
    #[arg(long, default_value_t = 5000)]
    connections: u32,
}

/// Starts a server and is slow in each of three ways, while webhooks are sent to it.
///
/// # Errors
/// Where a webhook is not taken, or a slow connection is not closed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let program = in_path()?;
    let nats_server = tools::nats_server::find_or_fetch()?;
    steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))?;
    let address = up::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut judged = Judged::start(NAME, &nats_server, address, false)?;
    judged.relay(&["bucket", "create", "slow"])?;
    let inputs = judged.relay(&["input", "ls", "--bucket", "slow"])?;
    let path = format!("/v1/webhooks/{}", inputs[0]["id"].as_str().context("the bucket has no input")?);

    let alone = timed(address, &path, || thread::sleep(ALONE)).map(|(times, ())| times)?;
    report("alone", &alone, None)?;
    let ways: [(&str, &str, &[&str]); 3] = [
        ("slow heads", &path, &["-H", "-i", "5"]),
        ("slow bodies", &path, &["-B", "-i", "5", "-s", "100000"]),
        ("slow readers", LARGE, &["-X", "-w", "1", "-y", "1", "-n", "5", "-z", "1"]),
    ];
    for (name, path_of_slow, flags) in ways {
        let url = format!("http://{address}{path_of_slow}");
        let mut slow = Command::new(&program);
        slow.args(flags).args(["-c", &args.connections.to_string(), "-r", PER_SECOND, "-l", SECONDS_MAX, "-u", &url]);
        let (times, output) = timed(address, &path, || slow.output())?;
        judged.check()?;
        report(name, &times, Some(&alone))?;
        check(name, &output?)?;
    }
    Ok(())
}

/// Sends webhooks, each on a connection of its own, while `work` is done. How long they took.
fn timed<T>(address: SocketAddr, path: &str, work: impl FnOnce() -> T) -> anyhow::Result<(Vec<Duration>, T)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                let answer = http::post(address, path, &[], "{}")?;
                ensure!(answer.status == 200, "a webhook was answered {}", answer.status);
                times.push(started.elapsed());
            }
            times.sort();
            Ok(times)
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let times = sending.join().map_err(|_| anyhow::anyhow!("the sender of webhooks panicked"))??;
        ensure!(!times.is_empty(), "no webhook was sent");
        Ok((times, worked))
    })
}

fn report(name: &str, times: &[Duration], alone: Option<&[Duration]>) -> anyhow::Result<()> {
    let (half, most) = (at(times, 50), at(times, 99));
    let ratio =
        alone.map(|alone| format!(", {:.2} times that of alone", most.as_secs_f64() / at(alone, 99).as_secs_f64()));
    let (half, most) = (half.as_secs_f64() * 1e3, most.as_secs_f64() * 1e3);
    let ratio = ratio.unwrap_or_default();
    say::line(format_args!("{name}: {} webhooks taken, p50 {half:.1} ms, p99 {most:.1} ms{ratio}", times.len()))
}

/// The time within which so many of a hundred were answered.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len() - 1)).copied().unwrap_or_default()
}

/// Whether all connections were closed, and when.
fn check(name: &str, output: &Output) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&output.stdout);
    let last: Vec<&str> =
        text.lines().filter(|line| line.contains("Exit status") || line.contains("ended on")).collect();
    if !text.contains(ALL_CLOSED) {
        bail!("{name} were not cut off: {last:?} {}", String::from_utf8_lossy(&output.stderr));
    }
    say::line(format_args!("{name}: all of them were closed; {}", last.join(", ")))
}

fn in_path() -> anyhow::Result<PathBuf> {
    let folders = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.map(|folder| folder.join(PROGRAM)).find(|candidate| candidate.is_file());
    found.with_context(|| format!("this needs {PROGRAM} on PATH (Debian: apt-get install {PROGRAM})"))
}
