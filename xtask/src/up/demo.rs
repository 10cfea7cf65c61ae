//! The demonstration: a bucket with an input and an output, made by `relay`, and a webhook to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{http, steps, workspace};

/// The bucket's name.
pub(crate) const BUCKET: &str = "demo";
/// What the webhook of the demonstration has in its query.
pub(crate) const MARK: &str = "from=xtask";
/// The output's name.
const OUTPUT: &str = "destination";
/// The webhook's body.
const BODY: &str = r#"{"order": 4711, "paid": true}"#;

/// A bucket that is set up, and how to use it.
#[derive(Debug)]
pub(crate) struct Demo {
    server: SocketAddr,
    destination: String,
    admin_file: PathBuf,
    key: String,
    secret: String,
    input: String,
}

impl Demo {
    /// Makes what is missing of the bucket, its input and its output.
    ///
    /// # Errors
    /// Where the credentials cannot be read or `relay` fails.
    pub(crate) fn set_up(server: SocketAddr, destination: SocketAddr, data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("admin.json");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let admin: Value = serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        let mut demo = Self {
            server,
            destination: format!("http://{destination}/"),
            key: field(&admin, "key")?,
            secret: field(&admin, "secret")?,
            input: String::new(),
            admin_file: path,
        };
        demo.ensure_bucket()?;
        demo.ensure_output()?;
        demo.input = demo.input_of_bucket()?;
        Ok(demo)
    }

    /// `relay` with the demonstration's server and credentials.
    pub(crate) fn agent(&self) -> Command {
        let mut relay = workspace::program(&workspace::dev_program("relay"));
        relay.env("RELAY_API_ADDRESS", format!("http://{}", self.server));
        relay.env("RELAY_KEY", &self.key).env("RELAY_SECRET", &self.secret);
        relay
    }

    /// Sends the webhook and returns the status of the answer.
    ///
    /// # Errors
    /// Where it is not answered with 200.
    pub(crate) fn send(&self) -> anyhow::Result<u16> {
        let headers = [("Content-Type", "application/json"), ("X-Shop-Event", "order.paid")];
        let answer = http::post(self.server, &self.target(), &headers, BODY)?;
        ensure!(answer.status == 200, "the webhook was answered {} {}", answer.status, answer.body);
        Ok(answer.status)
    }

    /// The path and query that the webhook is sent to.
    pub(crate) fn target(&self) -> String {
        format!("{}/orders?{MARK}", self.input_path())
    }

    /// The path of the input.
    pub(crate) fn input_path(&self) -> String {
        format!("/v1/webhooks/{}", self.input)
    }

    /// The URL of the destination.
    pub(crate) fn destination(&self) -> &str {
        &self.destination
    }

    /// What a person may type now.
    pub(crate) fn what_next(&self) -> String {
        let (relay, admin) = (workspace::shown(&workspace::dev_program("relay")), workspace::shown(&self.admin_file));
        let (server, input) = (self.server, self.input_path());
        format!(
            "Next, in another terminal:\n\n  \
             curl -d hello http://{server}{input}/any/path     # arrives here\n  \
             {relay} login --admin-file {admin}\n  \
             {relay} forward http://localhost:3000 --bucket mine    # your own program as the destination\n  \
             {relay} status\n\n\
             Ctrl-C stops everything.\n"
        )
    }

    fn ensure_bucket(&self) -> anyhow::Result<()> {
        if named(&self.relay(&["bucket", "ls"])?, BUCKET).is_none() {
            self.relay(&["bucket", "create", BUCKET])?;
        }
        Ok(())
    }

    fn ensure_output(&self) -> anyhow::Result<()> {
        let outputs = self.relay(&["output", "ls", "--bucket", BUCKET])?;
        let command = match named(&outputs, OUTPUT) {
            Some(output) if output["destination"] == *self.destination => return Ok(()),
            Some(_) => "update",
            None => "create",
        };
        self.relay(&["output", command, OUTPUT, "--bucket", BUCKET, "--destination", &self.destination])?;
        Ok(())
    }

    fn input_of_bucket(&self) -> anyhow::Result<String> {
        let inputs = self.relay(&["input", "ls", "--bucket", BUCKET])?;
        let first = inputs.get(0).context("the bucket has no input")?;
        field(first, "id")
    }

    /// What a command of `relay` says with `--json`.
    fn relay(&self, args: &[&str]) -> anyhow::Result<Value> {
        let text = steps::read(self.agent().args(args).arg("--json"))?;
        serde_json::from_str(&text).with_context(|| format!("read what `relay {}` says", args.join(" ")))
    }
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| item["name"] == name)
}

fn field(value: &Value, name: &str) -> anyhow::Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("there is no {name} in {value}"))
}
