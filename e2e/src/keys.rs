//! `relay-server keys …` beside servers that run.

use std::path::Path;

use tokio::process::Command;

use crate::nats::Access;
use crate::server::clean_environment;
use crate::{Server, programs};

/// Around a NATS that others run, with these master keys: its exit code, and what it says.
///
/// # Errors
/// When it cannot be started.
pub async fn around(access: &Access, masters: &str, args: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let mut command = command(Path::new("/"), args)?;
    command.args(["--nats-url", &access.urls(), "--nats-user", &access.user]);
    command.env("RELAY_NATS_PASSWORD", &access.password).env("RELAY_MASTER_KEY", masters);
    said(command).await
}

/// The same beside a server with a NATS of its own.
///
/// # Errors
/// When it cannot be started.
pub async fn beside(server: &Server, args: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let mut command = command(server.data_dir(), args)?;
    command.arg("--data-dir").arg(server.data_dir());
    said(command).await
}

fn command(home: &Path, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(programs::of_workspace("relay-server")?);
    clean_environment(&mut command, home);
    command.arg("keys").args(args);
    Ok(command)
}

async fn said(mut command: Command) -> anyhow::Result<(Option<i32>, String)> {
    let output = command.output().await?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(text)?))
}
