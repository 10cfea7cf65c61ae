//! `relay-server keys`: an operator's look at the data keys, and their rotation, while servers run.

use std::process::ExitCode;

use anyhow::Context;
use crypto::key::MasterKeys;
use store::keyring::custody::{Custody, Status};

use crate::cli::{KeysAt, KeysCommand, Renew};
use crate::options::{self, MasterKeySource};
use crate::{master_key, out, server};

/// How many keys are named that something is wrong with.
const NAMED_MAX: usize = 20;

/// Does what the command says, and prints what came of it.
///
/// # Errors
/// Where NATS cannot be reached, or a master key cannot be read.
pub async fn run(command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Status(at) => {
            let (custody, masters) = open(at).await?;
            let status = custody.status().await.context("look at the data keys")?;
            print(&status, &masters)
        }
        KeysCommand::Rotate(at) => {
            let (custody, masters) = open(at).await?;
            let done = custody.rewrap().await.context("wrap the data keys anew")?;
            out::line(format!("{} wrapped anew under master key {}", counted(done.count), masters.active_id()))?;
            for (name, why) in done.left.iter().take(NAMED_MAX) {
                out::line(format!("left: {name}: {why}"))?;
            }
            print(&custody.status().await.context("look at the data keys")?, &masters)
        }
        KeysCommand::Renew(Renew { at, bucket }) => {
            let (custody, _) = open(at).await?;
            let made = custody.renew(bucket).await.context("renew data keys")?;
            for name in &made {
                out::line(format!("{name}"))?;
            }
            out::line(format!("{} made", counted(made.len())))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn open(at: KeysAt) -> anyhow::Result<(Custody, MasterKeys)> {
    let nats = options::nats(at.nats)?;
    let masters = match options::master_key(&at.master, matches!(nats, options::Nats::Embedded { .. }))? {
        MasterKeySource::Given(keys) => keys,
        MasterKeySource::DataDir => master_key::find(&at.data_dir)?,
    };
    let to_store = server::reach(&nats, &at.data_dir)?;
    let custody = Custody::open(&to_store, masters.clone()).await.with_context(|| match nats {
        options::Nats::Embedded { .. } => {
            format!("open the keyring; does the server of {} run?", at.data_dir.display())
        }
        options::Nats::External { .. } => "open the keyring".to_owned(),
    })?;
    Ok((custody, masters))
}

/// Success only when every key opens and the first master key wraps them all.
fn print(status: &Status, masters: &MasterKeys) -> anyhow::Result<ExitCode> {
    let given: Vec<String> = masters.ids().map(|id| id.to_string()).collect();
    let active = masters.active_id().to_string();
    let mut is_done = status.damaged.is_empty();
    out::line(format!("{:<16}  {:<10}  data keys", "master key", ""))?;
    for (id, count) in &status.wrapped {
        let role = match id {
            id if *id == active => "wraps",
            id if given.contains(id) => "only opens",
            _ => "NOT GIVEN",
        };
        is_done &= role == "wraps" || *count == 0;
        out::line(format!("{id:<16}  {role:<10}  {count:>9}"))?;
    }
    for name in status.damaged.iter().take(NAMED_MAX) {
        out::line(format!("damaged: {name}"))?;
    }
    out::line(match is_done {
        true => format!("no master key but {active} is needed"),
        false => format!("NOT every data key opens under {active}"),
    })?;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn counted(keys: usize) -> String {
    if keys == 1 { "1 data key".to_owned() } else { format!("{keys} data keys") }
}
