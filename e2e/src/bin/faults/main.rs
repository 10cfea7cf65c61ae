//! The fault rig: a relay under load, faults in a row that a seed decides, and a ledger that must close.
//!
//! The cast:
//!
//! - `setting` is the NATS that a relay stands on: one server, or three.
//! - `stage` is the relay with two of every service, its agents, and the links that they dial.
//! - `lane` is a bucket with its senders and its destination; `load` sends, whatever happens.
//! - `fault` says what a fault is; the files below it do the harm.
//! - `trial` is for what needs a machine prepared for it: a disk that fills up, a power cut.
//! - `schedule` decides which fault comes next, by the seed.
//! - `account` adds up, for each fault and at the end.
//! - `page` writes it down.

mod account;
mod args;
mod fault;
mod lane;
mod load;
mod page;
mod run;
mod schedule;
mod setting;
mod stage;
mod trial;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use e2e::report::say;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        say(&fault::list());
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("start the runtime").and_then(|runtime| runtime.block_on(run::run(&args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("faults: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
