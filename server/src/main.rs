//! The program `relay-server`: reads the command line and runs what it asks for.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches};
use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::cli::{self, Cli, Command};
use server::listener::{Limits, Listener};
use server::options::{LogFormat, Options};
use server::panics::Panics;
use server::{Server, ask, certs, echo, nats, out};
use telemetry::trace::Traces;
use telemetry::{Stop, env, log};
use tokio::net::TcpListener;
use tokio::runtime;

/// File descriptors besides those of connections: NATS, files, the runtime.
const FILES_BESIDES_CONNECTIONS: u64 = 256;

fn main() -> ExitCode {
    if env::var_os("RELAY_DEBUGGABLE").is_none() {
        telemetry::memory::keep_out_of_files();
    }
    let matches = env::without_empty(Cli::command()).get_matches();
    match run(Cli::from_arg_matches(&matches).unwrap_or_else(|err| err.exit())) {
        Ok(code) => code,
        Err(err) => {
            // Where standard error is closed there is no one left to tell.
            let _ = writeln!(io::stderr().lock(), "relay-server: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => serve(cli.serve),
        Some(Command::MakeCerts(args)) => make_certs(&args),
        Some(Command::Health(args)) => {
            current_thread()?.block_on(ask::run(&args))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Keys(args)) => {
            log::start(log::Format::Text, "warn", &Traces::off())?;
            current_thread()?.block_on(server::keys::run(args.command))
        }
        Some(Command::Echo(args)) => {
            log::start(log::Format::Text, "info", &Traces::off())?;
            many_threads()?.block_on(run_echo(args))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::NatsGuard(args)) => {
            let status = current_thread()?.block_on(nats::guard::run(&args.binary, &args.config))?;
            Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn serve(args: cli::Serve) -> anyhow::Result<ExitCode> {
    let format = match args.log_format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    let runtime = many_threads()?;
    let traces = runtime.block_on(async { Traces::from_env("relay-server") })?;
    log::start(format, &args.log, &traces).context("--log")?;
    let panics = Panics::watch();
    let options = Options::from_cli(args)?;
    allow_files(&options.limits);
    let outcome = runtime.block_on(async {
        let stop = Stop::new();
        let server = Server::new(options, panics).run(stop.clone());
        let mut server = std::pin::pin!(server);
        tokio::select! {
            // It could not start, or a part of it ended.
            outcome = server.as_mut() => return outcome,
            // Asked to end by the operating system.
            asked = telemetry::stop::requested() => asked.context("listen for signals")?,
        }
        tracing::info!("stopping");
        stop.give();
        tokio::select! {
            // What was under way is done.
            outcome = server => outcome,
            // Asked again: now.
            _ = telemetry::stop::requested() => Ok(()),
        }
    });
    runtime.block_on(traces.finish());
    outcome?;
    // A blocking call that still runs (a bcrypt hash) does not hold up the end.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

fn make_certs(args: &cli::MakeCerts) -> anyhow::Result<ExitCode> {
    let written = certs::make(&args.dir, &args.names, SystemTime::now())?;
    for wanted in &args.names {
        let what = if written.contains(&wanted.file) { "made" } else { "kept" };
        out::line(format!("{what} {}.pem for {}", args.dir.join(&wanted.file).display(), wanted.names.join(", ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_echo(args: cli::Echo) -> anyhow::Result<()> {
    let socket = TcpListener::bind(args.addr).await.with_context(|| format!("listen on {}", args.addr))?;
    tracing::info!(address = %socket.local_addr()?, "echo listens");
    let echo = echo::Echo { status: StatusCode::from_u16(args.status)?, json: args.json };
    let stop = Stop::new();
    let listener = Listener::new(echo, None, Limits::default()).run(socket, stop.clone());
    let mut listener = std::pin::pin!(listener);
    tokio::select! {
        // It ends only when told to.
        _ = listener.as_mut() => return Ok(()),
        // Asked to end by the operating system.
        asked = telemetry::stop::requested() => asked.context("listen for signals")?,
    }
    stop.give();
    listener.await;
    Ok(())
}

/// Every connection is a file descriptor, and the usual soft limit of 1,024 is less than what we
/// promise to hold.
fn allow_files(limits: &Limits) {
    let wanted = u64::try_from(limits.connections_max).unwrap_or(u64::MAX).saturating_add(FILES_BESIDES_CONNECTIONS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum }) {
        Ok(()) if allowed < wanted => tracing::warn!(
            allowed,
            wanted,
            "fewer file descriptors are allowed than --connections-max may need; raise the hard limit (ulimit -Hn)"
        ),
        Ok(()) => {}
        Err(err) => tracing::warn!(error = %err, "the limit of file descriptors cannot be raised"),
    }
}

fn many_threads() -> anyhow::Result<runtime::Runtime> {
    runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}

fn current_thread() -> anyhow::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")
}
