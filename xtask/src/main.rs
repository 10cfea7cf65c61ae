//! `cargo xtask`: what a newcomer, a developer and CI do with this workspace.

mod acme_test;
mod api_test;
mod bench;
mod ci;
mod compose_test;
#[cfg(test)]
mod documents;
mod faults;
mod http;
mod judged;
mod say;
mod slow_test;
mod steps;
mod test;
mod tls_test;
mod tools;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine, send a webhook through it, and stay up until Ctrl-C.
    Up(up::Args),
    /// Run all tests.
    Test(test::Args),
    /// Check the REST API against its description, with the programs as they are now.
    ApiTest,
    /// Try TLS with sslyze, with the programs as they are now.
    TlsTest,
    /// Be slow with thousands of connections. Needs `slowhttptest` on PATH.
    SlowTest(slow_test::Args),
    /// Order a certificate at Pebble, the authority of Let's Encrypt for tests. Needs `pebble` on PATH.
    AcmeTest,
    /// Do what CI does: format, lints, docs, dependencies, all tests, and a run of `up`.
    Ci,
    /// Measure a release build; the arguments go to the bench.
    Bench(bench::Args),
    /// Break processes, disks and clocks of a relay under load, and account for every webhook; the arguments go to the rig.
    Faults(faults::Args),
    /// Run the services of compose.yaml and send webhooks through them. Needs Docker.
    ComposeTest(compose_test::Args),
    /// The part of `up` that holds the processes. Ends when standard input does.
    #[command(name = up::STAGE, hide = true)]
    Stage(up::stage::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => up::run(args),
        Command::Test(args) => test::run(&args),
        Command::ApiTest => api_test::build_and_run(),
        Command::TlsTest => tls_test::build_and_run(),
        Command::SlowTest(args) => slow_test::run(&args),
        Command::AcmeTest => acme_test::run(),
        Command::Ci => ci::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::ComposeTest(args) => compose_test::run(&args),
        Command::Stage(args) => up::stage::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Cli::command().debug_assert();
    }
}
