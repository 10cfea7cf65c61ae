//! Attempts that run a command instead of making a request.
//!
//! The event's body comes on standard input, what else is known of it in the environment; no shell
//! is involved. Exit code 0 counts as the answer 200, any other as 500. What the command prints goes
//! to the agent's standard error. A command that takes too long is killed with all it has started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use http_body_util::BodyExt as _;
use model::fact::Outcome;
use model::request::Request;
use outbound::Body;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::time::timeout;

use super::job::{Attempt, Delivery};
use super::request::timeout_of;

/// What begins the names of variables with headers of the event.
const HEADER_PREFIX: &str = "RELAY_EVENT_HEADER_";
/// The agent's own credentials, which no command is given.
const SECRETS: [&str; 5] = ["RELAY_KEY", "RELAY_SECRET", "RELAY_API_KEY", "KEY", "SECRET"];
/// The longest value of a variable, in bytes; Linux refuses to start a program with a longer one.
const VALUE_BYTES_MAX: usize = 128 * 1024 - 1024;

/// A command that is run for each event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The program, by path or as it is found in `PATH`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// How long it may take; without it as long as the output says.
    pub timeout: Option<Duration>,
}

/// A command under way. Dropped before its end, it is killed with all it has started.
struct Running {
    child: Box<dyn ChildWrapper>,
    is_over: bool,
}

impl Exec {
    /// Runs the command for an attempt and says how it ended.
    pub(super) async fn run(&self, delivery: Delivery, body: Body) -> Outcome {
        let Attempt { event, output, .. } = delivery.attempt;
        let limit = self.timeout.unwrap_or_else(|| timeout_of(delivery.destination.timeout_ms));
        let mut running = match self.start(&delivery) {
            Ok(running) => running,
            Err(err) => {
                tracing::warn!(%event, %output, error = %err, program = self.program, "the command cannot be started");
                return Outcome::NotConnected;
            }
        };
        match timeout(limit, running.finish(body)).await {
            Ok(Some(status)) => {
                tracing::debug!(%event, %output, %status, "the command has ended");
                Outcome::Answered(if status.success() { 200 } else { 500 })
            }
            Ok(None) => Outcome::Broken,
            Err(_) => Outcome::TimedOut,
        }
    }

    fn start(&self, delivery: &Delivery) -> std::io::Result<Running> {
        let mut command = CommandWrap::with_new(&self.program, |command| {
            command.args(&self.args).envs(variables(delivery));
            for secret in SECRETS {
                command.env_remove(secret);
            }
            command.stdin(Stdio::piped()).stdout(Stdio::from(std::io::stderr())).stderr(Stdio::inherit());
        });
        command.wrap(KillOnDrop);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        Ok(Running { child: command.spawn()?, is_over: false })
    }
}

impl Running {
    /// Gives the command its body and waits for its end; none when the body never came whole.
    async fn finish(&mut self, body: Body) -> Option<ExitStatus> {
        let stdin = self.child.stdin().take();
        let (ended, fed) = {
            let feeding = async { feed(stdin, body).await.then_some(()) };
            let waiting = self.child.wait();
            tokio::pin!(waiting, feeding);
            tokio::select! {
                // It may end without having read all of it.
                status = &mut waiting => (Some(status), Some(())),
                // It has all of it now.
                fed = &mut feeding => match fed {
                    Some(()) => (Some(waiting.await), Some(())),
                    None => (None, None),
                },
            }
        };
        fed?;
        let status = ended?.ok()?;
        self.is_over = true;
        Some(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            // It may have ended this moment.
            let _ = self.child.start_kill();
        }
    }
}

/// Writes the body. `false`: it never came whole. A command that does not read it is no failure.
async fn feed(stdin: Option<ChildStdin>, mut body: Body) -> bool {
    let mut stdin = stdin;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        if let (Some(open), Ok(data)) = (&mut stdin, frame.into_data())
            && open.write_all(&data).await.is_err()
        {
            stdin = None;
        }
    }
    true
}

/// What the command is told of the event. What cannot stand in an environment is left out.
fn variables(delivery: &Delivery) -> BTreeMap<String, OsString> {
    let Delivery { attempt, request, destination, .. } = delivery;
    let texts = [
        ("RELAY_EVENT_ID", attempt.event.to_string().into_bytes()),
        ("RELAY_EVENT_METHOD", request.method.clone().into_bytes()),
        ("RELAY_EVENT_PATH", request.extra_path.to_vec()),
        ("RELAY_EVENT_QUERY", request.query.as_deref().unwrap_or_default().to_vec()),
        ("RELAY_EVENT_PEER", request.peer.clone().into_bytes()),
        ("RELAY_OUTPUT_ID", attempt.output.to_string().into_bytes()),
        ("RELAY_DESTINATION", destination.url.clone().into_bytes()),
        ("RELAY_ATTEMPT", attempt.number.to_string().into_bytes()),
    ];
    let texts = texts.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(headers(request));
    let possible = texts.filter(|(_, value)| value.len() <= VALUE_BYTES_MAX && !value.contains(&0));
    possible.map(|(name, value)| (name, os_string(value))).collect()
}

/// `X-GitHub-Event` becomes `RELAY_EVENT_HEADER_X_GITHUB_EVENT`; several of a name are joined. Names
/// that are not letters, digits and `-` are left out: `X_A` must not pass for `X-A`.
fn headers(request: &Request) -> BTreeMap<String, Vec<u8>> {
    let mut headers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for line in &request.headers {
        if !line.name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            continue;
        }
        let name = String::from_utf8_lossy(&line.name).to_ascii_uppercase().replace('-', "_");
        let value = headers.entry(format!("{HEADER_PREFIX}{name}")).or_default();
        if !value.is_empty() {
            value.extend_from_slice(b", ");
        }
        value.extend_from_slice(&line.value);
    }
    headers
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(all(test, unix))]
mod tests;
