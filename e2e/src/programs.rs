//! Where the programs under test are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A program of this workspace, built with the same profile as the running test or bench.
///
/// # Errors
/// When it was not built; the message says how to.
pub fn of_workspace(name: &str) -> anyhow::Result<PathBuf> {
    let dir = profile_dir()?;
    let path = dir.join(name);
    if !path.is_file() {
        let flag = if dir.ends_with("release") { " --release" } else { "" };
        bail!("{} is missing; build it: cargo build{flag} -p server -p agent", path.display());
    }
    Ok(path)
}

/// The `nats-server` program: `RELAY_NATS_SERVER`, else the first in `PATH`.
///
/// # Errors
/// When there is none.
pub fn nats_server() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("RELAY_NATS_SERVER") {
        let path = PathBuf::from(path);
        return path.canonicalize().with_context(|| format!("RELAY_NATS_SERVER is {}", path.display()));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join("nats-server")).find(|file| file.is_file());
    found.context("no nats-server in RELAY_NATS_SERVER or PATH; `cargo xtask test` fetches one")
}

/// `target/<profile>`, seen from a test (`…/deps/e2e-…`) or from the bench (`…/bench`).
fn profile_dir() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("find our own program")?;
    let dir = own.parent().context("our own program lies in no directory")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(Path::new(".")) } else { dir }.to_owned())
}
