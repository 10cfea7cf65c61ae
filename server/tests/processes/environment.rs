//! What the environment says.

use std::ffi::OsStr;

use clap::{Arg, CommandFactory};
use server::cli::Cli;
use telemetry::env::RESTRICTING;

use super::{Running, data, relay_server};

#[test]
fn empty_variables_count_as_not_set() {
    let (data, command) = (data(), Cli::command());
    let mut program = relay_server();
    let named: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    assert!(named.len() > 20);
    // Where nats-server is, the test has to say.
    let restricts = |name: &OsStr| RESTRICTING.iter().any(|restricting| name == *restricting);
    for name in named.into_iter().filter(|name| *name != "RELAY_NATS_SERVER" && !restricts(name)) {
        program.env(name, "");
    }
    let mut server = Running::start_of(program, data.path()).ready(data.path());
    assert!(server.stop().success());
}

#[test]
fn empty_variables_open_nothing() {
    let (data, command) = (data(), Cli::command());
    let flags = [
        ("RELAY_ACME", "--acme"),
        ("RELAY_NATS_URL", "--nats-url"),
        ("RELAY_ROLES", "--roles"),
        ("RELAY_TLS_CERT", "--tls-cert"),
        ("RELAY_TLS_KEY", "--tls-key"),
    ];
    for (name, flag) in flags {
        assert!(RESTRICTING.contains(&name) && command.get_arguments().any(|arg| arg.get_env() == Some(name.as_ref())));
        let mut program = relay_server();
        // Where it is not refused, it ends soon all the same.
        program.env(name, "").env("RELAY_NATS_SERVER", data.path()).arg("--data-dir").arg(data.path());
        let output = program.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(flag), "{name}: {said}");
    }
}
