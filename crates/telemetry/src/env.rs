//! What the environment says. A variable that is empty counts as not set, whatever reads it: who writes
//! a unit or a compose file often can say no more than that.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::Command;
use clap::builder::Resettable;

/// The value of a variable, if it is set and is text.
pub fn var(name: &str) -> Option<String> {
    var_os(name)?.into_string().ok()
}

/// The value of a variable, if it is set.
pub fn var_os(name: impl AsRef<OsStr>) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The command, of which no argument takes the value of a variable that is empty.
pub fn without_empty(command: Command) -> Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(without_empty)
}
