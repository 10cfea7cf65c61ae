//! What the environment says. A variable that is empty counts as not set, whatever reads it: who writes
//! a unit or a compose file often can say no more than that. Where that would open what the variable
//! restricts, it is refused instead.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::Command;
use clap::builder::Resettable;

/// Variables that restrict, by being set, what a program serves or calls, where it keeps things, or who
/// can read along. Empty they are refused by the argument that reads them: a value that did not come
/// through must open nothing.
pub const RESTRICTING: [&str; 7] =
    ["BUCKETS", "RELAY_ACME", "RELAY_ALLOW", "RELAY_NATS_URL", "RELAY_ROLES", "RELAY_TLS_CERT", "RELAY_TLS_KEY"];

/// The value of a variable, if it is set and is text.
pub fn var(name: &str) -> Option<String> {
    var_os(name)?.into_string().ok()
}

/// The value of a variable, if it is set.
pub fn var_os(name: impl AsRef<OsStr>) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The command, of which no argument takes the value of a variable that is empty, unless it is one of
/// [`RESTRICTING`].
pub fn without_empty(command: Command) -> Command {
    let restricts = |name: &OsStr| RESTRICTING.iter().any(|restricting| name == *restricting);
    let is_empty = |name: &OsStr| !restricts(name) && env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(without_empty)
}
