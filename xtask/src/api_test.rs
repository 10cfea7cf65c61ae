//! The REST API against its own description: schemathesis asks a running server whatever the
//! description allows and much that it does not, and checks what is answered.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::up::stage::{start_server, until_ready};
use crate::{http, steps, tools, up, workspace};

/// The name by which this step is asked for.
pub(crate) const NAME: &str = "schemathesis";
/// What must hold of every answer: it is no 5xx, its status and type are described, and what it says
/// is as described. That what is described is also taken is no check of its own: the API refuses
/// more than a schema can say.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// How many cases of one operation are made up besides the examples and those at the edges.
const CASES: &str = "10";
/// Operations that would break the run itself: the stream does not end, and the run would end or
/// change the token that it asks with.
const LEFT_OUT: [&str; 2] = ["/v1/logs/stream", "/v1/tokens/{id}"];
/// How long an answer may take, in seconds.
const ANSWER_SECONDS: &str = "20";
/// The bucket that the examples in the description name.
const BUCKET: &str = "orders";

/// Finds what is needed, builds the programs, and checks.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_and_run() -> anyhow::Result<()> {
    let nats_server = tools::nats_server::find_or_fetch()?;
    let schemathesis = tools::schemathesis::find_or_install()?;
    steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))?;
    run(&schemathesis, &nats_server)
}

/// Starts a server on a fresh data directory and has it asked.
///
/// # Errors
/// Where an answer is not as described; the lines above say how to ask the same again.
pub(crate) fn run(program: &Path, nats_server: &Path) -> anyhow::Result<()> {
    let data_dir = workspace::target().join(NAME);
    if data_dir.exists() {
        fs::remove_dir_all(&data_dir).with_context(|| format!("remove {}", data_dir.display()))?;
    }
    let logs = data_dir.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
    let address = up::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let (tx, news) = channel();
    let mut server = start_server(nats_server, &data_dir, address, &logs, tx)?;
    until_ready(address, &mut server, &news)?;
    let admin = admin(&data_dir)?;
    receive_one(address, &admin)?;
    let asked = steps::run(&mut schemathesis(program, address, &admin, &data_dir));
    server.check()?;
    asked.with_context(|| server.log_tail())
}

/// The key and the secret of the first token.
pub(crate) fn admin(data_dir: &Path) -> anyhow::Result<[String; 2]> {
    let text = fs::read_to_string(data_dir.join("admin.json")).context("read the credentials")?;
    let admin: Value = serde_json::from_str(&text).context("read the credentials")?;
    let field =
        |name: &str| admin[name].as_str().map(str::to_owned).with_context(|| format!("the credentials have no {name}"));
    Ok([field("key")?, field("secret")?])
}

/// Makes the bucket of the examples and sends it a webhook, so that there is a log to look at.
fn receive_one(address: SocketAddr, [key, secret]: &[String; 2]) -> anyhow::Result<()> {
    let relay = |args: &[&str]| {
        let mut relay = workspace::program(&workspace::dev_program("relay"));
        relay.env("RELAY_API_ADDRESS", format!("http://{address}")).env("RELAY_KEY", key).env("RELAY_SECRET", secret);
        let text = steps::read(relay.args(args).arg("--json"))?;
        serde_json::from_str::<Value>(&text).with_context(|| format!("read what `relay {}` says", args.join(" ")))
    };
    relay(&["bucket", "create", BUCKET])?;
    relay(&["output", "create", "app", "--bucket", BUCKET, "--destination", "http://localhost:9/"])?;
    let inputs = relay(&["input", "ls", "--bucket", BUCKET])?;
    let input = inputs[0]["id"].as_str().context("the bucket has no input")?;
    let answer = http::post(address, &format!("/v1/webhooks/{input}"), &[], "{}")?;
    ensure!(answer.status == 200, "the webhook was answered {}", answer.status);
    Ok(())
}

fn schemathesis(program: &Path, address: SocketAddr, admin: &[String; 2], data_dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(data_dir).arg("run").arg(format!("http://{address}/v1/openapi.json"));
    command.args(["--checks", CHECKS, "--max-examples", CASES, "--request-timeout", ANSWER_SECONDS]);
    for path in LEFT_OUT {
        command.args(["--exclude-path", path]);
    }
    // The same cases in every run: a run that fails by chance says nothing of the change it is for.
    command.args(["--generation-deterministic", "--continue-on-failure"]);
    // It tells of what nothing leads to; that is no failure.
    command.args(["--warnings", "off", "--no-color", "--auth", &admin.join(":")]);
    command
}
