//! `cargo xtask slow-test`: slowhttptest holds thousands of connections while webhooks go on.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

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
/// How many files more than at the start a server may hold that has closed all of them.
const FILES_BESIDES: usize = 16;
/// Pause between two looks at what the server holds.
const LOOK_EVERY: Duration = Duration::from_millis(250);
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
        let (times, held) = timed(address, &path, || held_by(&mut slow, &judged))?;
        judged.check()?;
        report(name, &times, Some(&alone))?;
        let Held { most, none_after } = held?;
        let none_after = none_after.with_context(|| format!("{name} were not cut off; {}", judged.log_tail()))?;
        say::line(format_args!(
            "{name}: at most {most} at a time, all closed after {:.0} s",
            none_after.as_secs_f64()
        ))?;
    }
    Ok(())
}

/// What the server held of those who were slow.
struct Held {
    most: usize,
    /// Since the start.
    none_after: Option<Duration>,
}

/// Runs slowhttptest, and looks at what the server holds. A caller who reads slowly does not learn of
/// the end before it has read what the kernel holds for it: the server knows better.
fn held_by(slow: &mut Command, judged: &Judged) -> anyhow::Result<Held> {
    let before = judged.files()?;
    let started = Instant::now();
    let mut running = slow.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = running.stdout.take().context("its output is read")?;
    // It writes a page every few seconds, and waits when nobody reads.
    let said = thread::spawn(move || std::io::read_to_string(output));
    let mut held = Held { most: 0, none_after: None };
    while running.try_wait()?.is_none() {
        let more = judged.files()?.saturating_sub(before);
        held.most = held.most.max(more);
        if more > FILES_BESIDES {
            held.none_after = None;
        } else if held.most > FILES_BESIDES {
            held.none_after.get_or_insert_with(|| started.elapsed());
        }
        thread::sleep(LOOK_EVERY);
    }
    let said = said.join().map_err(|_| anyhow::anyhow!("the reader of {PROGRAM} panicked"))??;
    if said.contains(ALL_CLOSED) {
        held.none_after.get_or_insert_with(|| started.elapsed());
    }
    Ok(held)
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

fn in_path() -> anyhow::Result<PathBuf> {
    let folders = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.map(|folder| folder.join(PROGRAM)).find(|candidate| candidate.is_file());
    found.with_context(|| format!("this needs {PROGRAM} on PATH (Debian: apt-get install {PROGRAM})"))
}
