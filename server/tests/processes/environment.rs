//! What the environment says.

use clap::{Arg, CommandFactory};
use server::cli::Cli;

use super::{Running, data, relay_server};

#[test]
fn empty_variables_count_as_not_set() {
    let (data, command) = (data(), Cli::command());
    let mut program = relay_server();
    let named: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    assert!(named.len() > 20);
    // Where nats-server is, the test has to say.
    for name in named.into_iter().filter(|name| *name != "RELAY_NATS_SERVER") {
        program.env(name, "");
    }
    let mut server = Running::start_of(program, data.path()).ready(data.path());
    assert!(server.stop().success());
}
