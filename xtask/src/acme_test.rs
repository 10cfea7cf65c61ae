//! `cargo xtask acme-test`: a certificate for a domain, ordered at Pebble, the authority that Let's
//! Encrypt has for tests. It checks what the authority in the test harness checks, and was written by
//! others.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::steps::{self, Steps};
use crate::up::child::Running;
use crate::{judged, say, tools, up, workspace};

/// The folder of a run.
const NAME: &str = "acme-test";
/// The authority.
const PEBBLE: &str = "pebble";
/// The name server that comes with it: every name is this machine.
const NAME_SERVER: &str = "pebble-challtestsrv";
/// What a certificate is ordered for.
const DOMAIN: &str = "hooks.example.com";
/// How long a start, or an order, may take.
const WAIT: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What runs. What is dropped first stands first.
struct Cast {
    server: Running,
    pebble: Running,
    _names: Running,
    /// Where Pebble listens.
    authority: SocketAddr,
}

/// Starts Pebble and a server, registers a domain, and waits for its certificate.
///
/// # Errors
/// Where Pebble is missing, or no certificate is issued.
pub(crate) fn run() -> anyhow::Result<()> {
    let (pebble, names) = (in_path(PEBBLE)?, in_path(NAME_SERVER)?);
    let mut steps = Steps::default();
    let nats_server = steps.step("nats-server", tools::nats_server::find_or_fetch)?;
    steps.step("build", || {
        steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))
    })?;
    let dir = workspace::target().join(NAME);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    fs::create_dir_all(dir.join("logs")).with_context(|| format!("make {}", dir.display()))?;
    let address = up::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut cast = steps.step("start", || start(&dir, address, &pebble, &names, &nats_server))?;
    steps.step("order", || order(&mut cast, &dir, address))?;
    say::line(format_args!("\n{}", steps.table()))
}

fn start(dir: &Path, address: SocketAddr, pebble: &Path, names: &Path, nats_server: &Path) -> anyhow::Result<Cast> {
    let relay_server = workspace::dev_program("relay-server");
    let certs = ["make-certs", "--dir", "certs", "--name", "pebble=localhost"];
    steps::run(workspace::program(&relay_server).args(certs).current_dir(dir))?;
    let free = || up::free((Ipv4Addr::LOCALHOST, 0).into());
    let (listens, managed, resolves) = (free()?, free()?, free()?);
    let config = json!({"pebble": {
        "listenAddress": listens, "managementListenAddress": managed,
        "certificate": "certs/pebble.pem", "privateKey": "certs/pebble.key",
        "httpPort": address.port(), "tlsPort": address.port(), "ocspResponderURL": "",
    }});
    fs::write(dir.join("pebble.json"), config.to_string()).context("write pebble.json")?;
    let logs = dir.join("logs");

    let mut command = Command::new(names);
    command.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
    command.args(["-dns01", &resolves.to_string(), "-management", &free()?.to_string()]);
    let names = Running::start(NAME_SERVER, &mut command, &logs, false)?;
    let mut command = Command::new(pebble);
    command.args(["-config", "pebble.json", "-strict=true", "-dnsserver", &resolves.to_string()]);
    let pebble = Running::start(PEBBLE, command.current_dir(dir).env("PEBBLE_VA_NOSLEEP", "1"), &logs, false)?;
    let mut command = workspace::program(&relay_server);
    command.args(["--http-addr", &address.to_string(), "--data-dir", "data", "--tls-local-ca"]);
    command.args(["--acme", &format!("https://localhost:{}/dir", listens.port()), "--acme-ca-file", "certs/ca.pem"]);
    command.env(workspace::NATS_SERVER, nats_server).current_dir(dir);
    // It says the first secret on standard output, which therefore goes into no log; nobody reads it.
    let server = Running::start("relay-server", &mut command, &logs, true)?;
    Ok(Cast { server, pebble, _names: names, authority: listens })
}

fn order(cast: &mut Cast, dir: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let (data_dir, authority) = (dir.join("data"), cast.authority);
    until(cast, "the authority listens", || Ok(TcpStream::connect(authority).ok()))?;
    until(cast, "the server is ready", || Ok(call(&data_dir, address, &[]).ok()))?;
    call(&data_dir, address, &["-f", &format!("domain={DOMAIN}")])?;
    until(cast, "the certificate is issued", || {
        let domains = call(&data_dir, address, &[])?;
        let certificate = &domains[0]["certificate"];
        match certificate["status"].as_str() {
            Some("issued") => say::line(format_args!("{DOMAIN}: {certificate}")).map(Some),
            Some(_) => bail!("no certificate was issued: {certificate}"),
            None => Ok(None),
        }
    })
}

/// Calls `/v1/domains` as the owner of the first token.
fn call(data_dir: &Path, address: SocketAddr, more: &[&str]) -> anyhow::Result<Value> {
    let [key, secret] = judged::admin(data_dir)?;
    let mut relay = workspace::program(&workspace::dev_program("relay"));
    relay.env("RELAY_API_ADDRESS", format!("https://{address}")).env("RELAY_CA_FILE", data_dir.join("ca/ca.pem"));
    relay.env("RELAY_KEY", key).env("RELAY_SECRET", secret);
    let text = steps::read(relay.args(["api", "/v1/domains"]).args(more))?;
    serde_json::from_str(&text).context("read the domains")
}

fn until<T>(cast: &mut Cast, what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = Instant::now() + WAIT;
    loop {
        cast.server.check()?;
        cast.pebble.check()?;
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain until {what}; {}", WAIT.as_secs(), cast.server.log_tail());
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn in_path(program: &str) -> anyhow::Result<PathBuf> {
    let folders = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.map(|folder| folder.join(program)).find(|candidate| candidate.is_file());
    found.with_context(|| format!("this needs {program} on PATH (Debian: apt-get install pebble)"))
}
