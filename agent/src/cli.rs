//! The command line: `relay …`.
//!
//! Every command is a file: its arguments, and what it does. [`Failure`] turns what went wrong
//! into one line and an exit code.

mod account;
mod api;
mod bucket;
mod events;
mod failure;
mod file;
mod filter;
mod forward;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod global;
mod help;
mod input;
mod inspect;
mod jq;
mod ledger;
mod login;
mod logs;
mod moment;
mod out;
mod output;
mod relayer;
mod replay;
mod run;
mod service;
mod shell;
mod status;
mod stored;
mod text;
mod token;
mod wait_for;
mod work;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use failure::Failure;

use telemetry::env;
use telemetry::trace::Traces;

use global::Global;
use out::Out;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something failed
  2  the command line or a file cannot be read
  3  the server refused the credentials, or there are none
  4  something that was named does not exist

Log lines go to standard error; RELAY_LOG (or LOG_LEVEL) says which, for example `debug` or `info,agent::worker=debug`.";

/// Brings webhooks to servers that the internet must not reach.
#[derive(Debug, Parser)]
#[command(name = "relay", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Store credentials on this machine, after checking them
    Login(login::Args),
    /// Forward webhooks to a destination; makes what is missing for it
    Forward(forward::Args),
    /// Run the agent from a file or from the environment
    Run(run::Args),
    /// Show whether the server can be reached, who you are, and your buckets
    Status,
    /// Manage buckets
    #[command(subcommand)]
    Bucket(bucket::Command),
    /// Manage inputs: the public endpoints of a bucket
    #[command(subcommand)]
    Input(input::Command),
    /// Manage outputs: where the webhooks of a bucket go
    #[command(subcommand)]
    Output(output::Command),
    /// Manage tokens: the credentials of agents and of the API
    #[command(subcommand)]
    Token(token::Command),
    /// Show what became of a bucket's events
    Logs(logs::Args),
    /// Take events by polling, each once
    Events(events::Args),
    /// Show one delivery: request, answer, attempts
    Inspect(inspect::Args),
    /// Bring events again: one delivery, or many by a filter
    Replay(replay::Args),
    /// Wait until a certain event has come
    WaitFor(wait_for::Args),
    /// Prove that nothing was lost
    Ledger(ledger::Args),
    /// Make any call to the REST API
    Api(api::Args),
    /// Have the agent run as a service of this machine
    #[command(subcommand)]
    Service(service::Command),
    /// Print the completions of a shell
    Completion(shell::CompletionArgs),
    /// Write the man pages
    Man(shell::ManArgs),
}

/// Reads the command line, does what it says, and returns the exit code of the process.
pub fn main() -> ExitCode {
    let matches = env::without_empty(help::grouped(Cli::command())).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|err| err.exit());
    let default_filter = match cli.command {
        // Somebody is watching: every attempt gets a line.
        Command::Forward(_) if std::io::stderr().is_terminal() => "info,agent::worker=debug",
        Command::Forward(_) | Command::Run(_) => "info",
        Command::Login(_)
        | Command::Status
        | Command::Bucket(_)
        | Command::Input(_)
        | Command::Output(_)
        | Command::Token(_)
        | Command::Logs(_)
        | Command::Events(_)
        | Command::Inspect(_)
        | Command::Replay(_)
        | Command::WaitFor(_)
        | Command::Ledger(_)
        | Command::Api(_)
        | Command::Service(_)
        | Command::Completion(_)
        | Command::Man(_) => "warn",
    };
    // Only a process that goes on is worth traces.
    let is_agent = matches!(cli.command, Command::Forward(_) | Command::Run(_));
    match start(cli, default_filter, is_agent) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit(),
    }
}

fn start(cli: Cli, default_filter: &str, is_agent: bool) -> Result<(), Failure> {
    let filter = env::var("RELAY_LOG").or_else(|| env::var("LOG_LEVEL")).unwrap_or_else(|| default_filter.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let traces = if is_agent { Traces::from_env("relay") } else { Ok(Traces::off()) };
        let traces = traces.map_err(|err| Failure::Usage(format!("{err:#}")))?;
        telemetry::log::start(cli.global.log_format.into(), &filter, &traces)
            .map_err(|err| Failure::Usage(format!("RELAY_LOG or LOG_LEVEL cannot be read: {err}")))?;
        let done = Box::pin(execute(cli)).await;
        traces.finish().await;
        done
    })
}

async fn execute(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let mut out = Out::new(global.json);
    match command {
        Command::Login(args) => login::run(&global, args, &mut out).await,
        Command::Forward(args) => forward::run(&global, args, &mut out).await,
        Command::Run(args) => run::run(&global, args).await,
        Command::Status => status::run(&global, &mut out).await,
        Command::Bucket(command) => bucket::run(&global, command, &mut out).await,
        Command::Input(command) => input::run(&global, command, &mut out).await,
        Command::Output(command) => output::run(&global, command, &mut out).await,
        Command::Token(command) => token::run(&global, command, &mut out).await,
        Command::Logs(args) => logs::run(&global, args, &mut out).await,
        Command::Events(args) => events::run(&global, args, &mut out).await,
        Command::Inspect(args) => inspect::run(&global, args, &mut out).await,
        Command::Replay(args) => replay::run(&global, args, &mut out).await,
        Command::WaitFor(args) => wait_for::run(&global, args, &mut out).await,
        Command::Ledger(args) => ledger::run(&global, args, &mut out).await,
        Command::Api(args) => api::run(&global, args).await,
        Command::Service(command) => service::run(command, &mut out),
        Command::Completion(args) => shell::completion(&args),
        Command::Man(args) => shell::man(&args, &mut out),
    }
}

#[cfg(test)]
mod tests;
