//! `cargo xtask compose-test`: the services of compose.yaml, scaled, with webhooks through them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::steps::{self, Steps};
use crate::{http, say, workspace};

/// The project's name, so that a stack that someone runs here is another one.
const PROJECT: &str = "relay-compose-test";
/// The bucket that the agent of compose.yaml makes.
const BUCKET: &str = "demo";
/// Where the edge listens for webhooks.
const EDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How long a webhook that was told to come again does so.
const SEND_WAIT: Duration = Duration::from_secs(30);
/// How long the last webhook may take to arrive.
const ARRIVAL_WAIT: Duration = Duration::from_secs(60);
/// The NATS server that is killed.
const VICTIM: &str = "nats-2";
/// Pause between two tries.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// What to send.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many webhooks are sent.
    #[arg(long, default_value_t = 200)]
    webhooks: usize,
    /// Use the image that is there instead of building it.
    #[arg(long)]
    no_build: bool,
    /// Leave the services running.
    #[arg(long)]
    keep: bool,
    /// With three NATS servers (compose.ha.yaml), of which one is killed half-way.
    #[arg(long)]
    ha: bool,
}

/// Starts the services with two ingresses and two dispatchers, sends webhooks through the edge,
/// checks that all arrive, and takes everything down again.
///
/// # Errors
/// Where Docker is missing, a service does not become healthy, or a webhook does not arrive.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    steps::read(Command::new("docker").args(["compose", "version"]))
        .context("this needs Docker with Compose (https://docs.docker.com/compose/install/)")?;
    let ha = args.ha;
    let mut steps = Steps::default();
    let tested = test(&mut steps, args);
    if tested.is_err() {
        steps::run(compose(ha).args(["logs", "--tail", "20"]))?;
    }
    if !args.keep {
        steps.step("down", || steps::run(compose(ha).args(["down", "--volumes", "--timeout", "60"])))?;
    }
    say::line(format_args!("\n{}", steps.table()))?;
    tested
}

fn test(steps: &mut Steps, args: &Args) -> anyhow::Result<()> {
    let ha = args.ha;
    steps.step("up", || {
        let scale = ["--scale", "ingress=2", "--scale", "dispatcher=2"];
        let build = if args.no_build { "--no-build" } else { "--build" };
        steps::run(compose(ha).args(["up", build, "--detach", "--wait"]).args(if ha { &[][..] } else { &scale }))?;
        steps::run(compose(ha).arg("ps"))
    })?;
    let path = steps.step("find the input", || input_path(ha))?;
    // Names this run, so that what an earlier one sent is not counted.
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().to_string();
    let half = args.webhooks / 2;
    steps.step("send", || send(&path, &run, 0..half))?;
    if ha {
        steps.step("kill", || steps::run(compose(ha).args(["kill", VICTIM])))?;
    }
    steps.step("send on", || send(&path, &run, half..args.webhooks))?;
    steps.step("arrive", || arrive(ha, &run, args.webhooks))
}

/// The path of the input of the agent's bucket, as the agent's own program says it.
fn input_path(ha: bool) -> anyhow::Result<String> {
    let relay = ["exec", "-T", "agent", "relay", "input", "ls", "--bucket", BUCKET, "--json"];
    let inputs: Value = serde_json::from_str(&steps::read(compose(ha).args(relay))?).context("read the inputs")?;
    let id = inputs[0]["id"].as_str().with_context(|| format!("the bucket {BUCKET} has no input"))?;
    Ok(format!("/v1/webhooks/{id}"))
}

fn send(path: &str, run: &str, numbers: Range<usize>) -> anyhow::Result<()> {
    let (count, mut again) = (numbers.len(), 0);
    for number in numbers {
        let target = format!("{path}/{run}/{number}");
        let deadline = Instant::now() + SEND_WAIT;
        loop {
            let answer = http::post(EDGE, &target, &[("Content-Type", "text/plain")], "hello")?;
            match answer.status {
                200 => break,
                503 if Instant::now() < deadline => {
                    again += 1;
                    thread::sleep(TRY_EVERY);
                }
                status => bail!("webhook {number} was answered {status} {}", answer.body.trim()),
            }
        }
    }
    say::line(format_args!("{count} webhooks were answered 200; {again} times one was told to come again"))
}

fn arrive(ha: bool, run: &str, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + ARRIVAL_WAIT;
    let arrived = loop {
        let log = steps::read(compose(ha).args(["logs", "--no-log-prefix", "echo"]))?;
        let arrived = arrivals(&log, run);
        if arrived.len() >= count || Instant::now() > deadline {
            break arrived;
        }
        thread::sleep(TRY_EVERY);
    };
    let duplicates: usize = arrived.values().map(|times| times - 1).sum();
    say::line(format_args!("{} of {count} webhooks arrived, {duplicates} duplicates", arrived.len()))?;
    ensure!(arrived.len() == count, "{} webhooks did not arrive", count - arrived.len());
    Ok(())
}

/// How often each webhook of the run stands in the destination's log.
fn arrivals(log: &str, run: &str) -> HashMap<String, usize> {
    let start = format!("POST /{run}/");
    let mut arrived = HashMap::new();
    // Some versions of Compose begin each line with the terminal's order to clear it.
    let lines = log.lines().map(|line| line.trim_start_matches("\u{1b}[2K").trim_end());
    for number in lines.filter_map(|line| line.strip_prefix(&start)) {
        *arrived.entry(number.to_owned()).or_default() += 1;
    }
    arrived
}

fn compose(ha: bool) -> Command {
    let mut docker = Command::new("docker");
    docker.current_dir(workspace::root()).args(["compose", "--project-name", PROJECT]);
    if ha {
        docker.args(["-f", "compose.yaml", "-f", "compose.ha.yaml"]);
    }
    docker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_counted_for_one_run() {
        let log = "\u{1b}[2KPOST /7/0\n  Host: echo\n\n  hello\nPOST /7/1\r\nPOST /6/1\nPOST /7/1\n";
        assert_eq!(arrivals(log, "7"), HashMap::from([("0".to_owned(), 1), ("1".to_owned(), 2)]));
    }
}
