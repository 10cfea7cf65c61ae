//! `relay forward`: from nothing to webhooks on localhost in one command.

use model::destination::Destination;
use model::name::NAME_BYTES_MAX;
use serde_json::{Value, json};

use super::account::{Account, Keys};
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::input;
use super::out::{Out, plain};
use super::output::Kind;
use super::work::Work;
use crate::rest::{Bucket, Client, Input, Output, find_bucket};
use crate::worker::Exec;

/// The destination of outputs that exist for a command: no name of this kind resolves (RFC 2606).
const COMMAND_DESTINATION: &str = "http://command.invalid/";

const EXAMPLES: &str = "\
Examples:
  relay forward 3000
  relay forward http://localhost:3000/hook -b github
  relay forward https://crm.example/in -b orders --type public
  relay forward -b deploys --relayer exec --command 'bash update.sh'
  relay forward                            serve every output that is configured";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The URL to forward to; without it every configured output is served
    destination: Option<String>,
    /// The bucket, by name; made when it is missing [default: the destination's host]
    #[arg(short, long)]
    bucket: Option<String>,
    /// Who calls the destination: this agent, or the server
    #[arg(long = "type", default_value = "internal")]
    kind: Kind,
    /// Configure only; start no agent
    #[arg(long)]
    no_agent: bool,
    /// Ask nothing; this command never does
    #[arg(long, hide = true)]
    no_interactive: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    work: Work,
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let Args { destination, bucket, kind, no_agent, keys, work, .. } = args;
    // What is wrong with the command line is said before anything is made.
    super::work::allow(&work.allow)?;
    let exec = work.relayer.exec(None)?;
    if exec.is_some() && destination.is_some() {
        return Err(Failure::Usage("a command is run instead of calling a destination: say one of them".to_owned()));
    }
    let account = Account::find(global, keys)?;
    let rest = account.rest();
    let buckets = match (&destination, &exec) {
        (Some(destination), _) => vec![prepare(&rest, destination, bucket, kind, out).await?],
        (None, Some(exec)) => vec![prepare_command(&rest, bucket, exec, out).await?],
        (None, None) => show(&rest, bucket.as_deref(), out).await?,
    };
    if no_agent || (kind == Kind::Public && destination.is_some()) {
        return Ok(());
    }
    if !out.is_json() {
        out.line("Starting webhook relay agent...")?;
    }
    Box::pin(work.run(global, &account, buckets, exec)).await
}

/// Makes what is missing between a public endpoint and the destination; returns the bucket's id.
async fn prepare(
    rest: &Client,
    destination: &str,
    bucket: Option<String>,
    kind: Kind,
    out: &mut Out,
) -> Result<String, Failure> {
    let destination = with_scheme(destination);
    let parsed = Destination::parse(&destination).map_err(|err| Failure::Usage(err.to_string()))?;
    let name = bucket.unwrap_or_else(|| bucket_name(&parsed.host));
    let (bucket, input) = endpoint(rest, &name).await?;
    let path = format!("/v1/buckets/{}", bucket.id);
    let wanted = |output: &&Output| output.destination == destination && output.internal == kind.is_internal();
    if !bucket.outputs.iter().any(|output| wanted(&output)) {
        let name = output_name(&destination, &bucket.outputs);
        let output = json!({ "name": name, "destination": destination, "internal": kind.is_internal() });
        let _: Value = rest.post(&format!("{path}/outputs"), &output).await?;
    }
    let url = input::url(rest, &input);
    let made = json!({ "bucket": bucket.name, "input": url, "destination": destination });
    out.thing(&made, format_args!("Forwarding: \n{url} -> {destination}"))?;
    Ok(bucket.id)
}

/// Makes what is missing between a public endpoint and a command; returns the bucket's id. Events
/// come to agents by an internal output; its destination is one that nothing can call.
async fn prepare_command(rest: &Client, bucket: Option<String>, exec: &Exec, out: &mut Out) -> Result<String, Failure> {
    let name = bucket.ok_or_else(|| Failure::Usage("say which bucket: --bucket NAME".to_owned()))?;
    let (bucket, input) = endpoint(rest, &name).await?;
    if !bucket.outputs.iter().any(|output| output.internal && !output.disabled) {
        let name = output_name("exec", &bucket.outputs);
        let output = json!({ "name": name, "destination": COMMAND_DESTINATION, "internal": true });
        let _: Value = rest.post(&format!("/v1/buckets/{}/outputs", bucket.id), &output).await?;
    }
    let url = input::url(rest, &input);
    let made = json!({ "bucket": bucket.name, "input": url, "command": exec.program });
    out.thing(&made, format_args!("Forwarding: \n{url} -> {}", plain(&exec.program)))?;
    Ok(bucket.id)
}

/// The bucket of that name, and its first input; made where they are missing.
async fn endpoint(rest: &Client, name: &str) -> Result<(Bucket, Input), Failure> {
    let bucket: Bucket = match find_bucket(&all(rest).await?, name) {
        Ok(bucket) => bucket.clone(),
        Err(_) => rest.post("/v1/buckets", &json!({ "name": name })).await?,
    };
    let input = match bucket.inputs.first() {
        Some(input) => input.clone(),
        None => {
            let path = format!("/v1/buckets/{}/inputs", bucket.id);
            rest.post(&path, &json!({ "name": "Default public endpoint" })).await?
        }
    };
    Ok((bucket, input))
}

/// Shows what is configured; returns the ids of the buckets to serve, none meaning all.
async fn show(rest: &Client, bucket: Option<&str>, out: &mut Out) -> Result<Vec<String>, Failure> {
    let buckets = all(rest).await?;
    let wanted = bucket.map(|bucket| find_bucket(&buckets, bucket)).transpose()?;
    let within = buckets.iter().filter(|bucket| wanted.is_none_or(|wanted| wanted.id == bucket.id));
    let mut forwarding = Vec::new();
    for bucket in within {
        for output in bucket.outputs.iter().filter(|output| output.internal && !output.disabled) {
            forwarding.extend(bucket.inputs.iter().map(|input| (bucket, input::url(rest, input), &output.destination)));
        }
    }
    if out.is_json() {
        let shown = forwarding.iter().map(
            |(bucket, url, destination)| json!({ "bucket": bucket.name, "input": url, "destination": destination }),
        );
        out.json(&shown.collect::<Vec<_>>())?;
    } else {
        out.line("Forwarding: ")?;
        for (_, url, destination) in &forwarding {
            out.line(format_args!("{} -> {}", plain(url), plain(destination)))?;
        }
    }
    Ok(wanted.map(|bucket| bucket.id.clone()).into_iter().collect())
}

/// `localhost:3000` and `3000` mean plain HTTP, there and here.
fn with_scheme(destination: &str) -> String {
    match destination {
        port if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => format!("http://localhost:{port}"),
        whole if whole.contains("://") => whole.to_owned(),
        bare => format!("http://{bare}"),
    }
}

/// A bucket's name made of a host: what cannot stand in a name becomes `-`.
fn bucket_name(host: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "~_.-".contains(c);
    let name: String = host.chars().map(|c| if allowed(c) { c } else { '-' }).take(NAME_BYTES_MAX).collect();
    match name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()) {
        "" => "default".to_owned(),
        short if short.len() < 2 => format!("{short}-bucket"),
        name => name.to_owned(),
    }
}

/// An output's name made of its destination, with a number where the name is taken.
fn output_name(destination: &str, taken: &[Output]) -> String {
    let numbered = |n: usize| match n {
        1 => destination.chars().take(NAME_BYTES_MAX).collect(),
        n => {
            let short: String = destination.chars().take(NAME_BYTES_MAX - 8).collect();
            format!("{short} ({n})")
        }
    };
    let is_free = |name: &String| !taken.iter().any(|output| output.name == *name);
    (1..=taken.len() + 1).map(numbered).find(is_free).unwrap_or_else(|| numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_the_destination() {
        assert_eq!(with_scheme("3000"), "http://localhost:3000");
        assert_eq!(with_scheme("app:1/x"), "http://app:1/x");
        assert_eq!(with_scheme("https://app"), "https://app");
        for (host, name) in [
            ("localhost", "localhost"),
            ("::1", "1-bucket"),
            ("fd00::1", "fd00--1"),
            ("a", "a-bucket"),
            ("_", "default"),
        ] {
            assert_eq!(bucket_name(host), name);
            assert!(bucket_name(host).parse::<model::name::Name>().is_ok(), "{host}");
        }
        let taken: Vec<Output> =
            serde_json::from_value(json!([{ "id": "1", "name": "http://a" }, { "id": "2", "name": "http://a (2)" }]))
                .unwrap();
        assert_eq!(output_name("http://a", &taken), "http://a (3)");
        assert_eq!(output_name("http://b", &taken), "http://b");
        assert_eq!(output_name(&"x".repeat(500), &taken).len(), NAME_BYTES_MAX);
    }
}
