//! The embedded broker's configuration file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use crypto::Secret;

use crate::data_dir;
use crate::nats::Access;
use crate::options::Durability;

/// The store's directory, beside the file.
pub(super) const STORE: &str = "store";

/// The file.
pub(super) const FILE: &str = "nats.conf";

/// What the file says; the rest of it is fixed text.
#[derive(Debug)]
pub struct Config {
    /// Name in the greeting, by which the supervisor knows its own server.
    pub server_name: String,
    /// Loopback port.
    pub port: u16,
    /// The only user.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Whether every message is on disk before it is acknowledged.
    pub durability: Durability,
    /// Loopback port at which its health can be asked for, below [`Config::monitor_path`].
    pub monitor_port: u16,
    /// Nobody else on this machine shall read what else is served there.
    pub monitor_path: Secret,
    /// Directory of the file, the log and the store.
    pub dir: PathBuf,
}

impl Config {
    /// Where the broker listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Where its health can be asked for.
    pub fn monitor_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.monitor_port))
    }

    /// The configuration file.
    pub fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// The broker's log.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("nats.log")
    }

    /// Writes the file, mode 0600: the password is in it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written, or the directory's name cannot stand in it.
    pub fn write(&self) -> anyhow::Result<()> {
        let path = self.path();
        data_dir::write_private(&path, self.text()?.as_bytes()).with_context(|| format!("write {}", path.display()))
    }

    fn text(&self) -> anyhow::Result<String> {
        let sync_interval = match self.durability {
            Durability::Always => "always",
            Durability::Fast => "\"2m\"",
        };
        Ok(format!(
            r#"# Written by relay-server at every start; changes here are lost.
server_name: "{server_name}"
# Loopback alone: other machines have no business here.
listen: "127.0.0.1:{port}"
authorization {{
  user: "{user}"
  password: "{password}"
}}

# Whether its disk takes what it writes; below a secret path, since nothing else protects it.
http: "127.0.0.1:{monitor_port}"
http_base_path: "/{monitor_path}"

# Above the largest message that is published, a body of 1 MiB with its envelope.
max_payload: 2MB
# A client that cannot take this much of what was sent to it is cut off and connects again.
max_pending: 128MB
write_deadline: "10s"
# Finds a dead connection in under a minute.
ping_interval: "20s"

log_file: "{log_file}"
logfile_size_limit: 10MB
logfile_max_num: 3

jetstream {{
  store_dir: "{store_dir}"
  # always: acknowledged means on disk. 2m: a power cut loses up to two minutes.
  sync_interval: {sync_interval}
  # Memory holds ephemeral events and the state of cursors.
  max_memory_store: 1GB
}}
"#,
            server_name = self.server_name,
            port = self.port,
            user = self.user,
            password = self.password.expose(),
            monitor_port = self.monitor_port,
            monitor_path = self.monitor_path.expose(),
            log_file = quotable(&self.log_path())?,
            store_dir = quotable(&self.dir.join(STORE))?,
        ))
    }
}

/// Reads back how to connect; nothing for a text that [`Config::write`] did not write.
pub(super) fn access(text: &str) -> Option<Access> {
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(name));
        lines.filter_map(|rest| rest.strip_prefix(": \"")?.strip_suffix('"')).next()
    };
    Some(Access {
        address: value("listen")?.parse().ok()?,
        user: value("user")?.to_owned(),
        password: Secret::from(value("password")?.to_owned()),
    })
}

/// A path that stands between double quotes as it is. The configuration language gives a
/// meaning to backslashes, and none of the others can be escaped in every version.
fn quotable(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    ensure!(
        !text.contains(['"', '\\']) && !text.chars().any(char::is_control),
        "the data directory {text} has a quote, a backslash or a control character in its name, \
         which a nats-server configuration cannot hold"
    );
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
