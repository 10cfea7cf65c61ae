//! The REST API against its own description: schemathesis asks a running server whatever the
//! description allows and much that it does not, and checks what is answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::judged::{self, Judged};
use crate::tools::pypi::SCHEMATHESIS;
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
    let schemathesis = SCHEMATHESIS.find_or_install()?;
    steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))?;
    run(&schemathesis, &nats_server)
}

/// Starts a server on a fresh data directory and has it asked.
///
/// # Errors
/// Where an answer is not as described; the lines above say how to ask the same again.
pub(crate) fn run(program: &Path, nats_server: &Path) -> anyhow::Result<()> {
    let address = up::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut judged = Judged::start(NAME, nats_server, address, false)?;
    receive_one(address, &judged)?;
    let asked = steps::run(&mut schemathesis(program, address, &judged::admin(judged.dir())?, judged.dir()));
    judged.check()?;
    asked.with_context(|| judged.log_tail())
}

/// Makes the bucket of the examples and sends it a webhook, so that there is a log to look at.
fn receive_one(address: SocketAddr, judged: &Judged) -> anyhow::Result<()> {
    judged.relay(&["bucket", "create", BUCKET])?;
    judged.relay(&["output", "create", "app", "--bucket", BUCKET, "--destination", "http://localhost:9/"])?;
    let inputs = judged.relay(&["input", "ls", "--bucket", BUCKET])?;
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
