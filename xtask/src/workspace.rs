//! Where things are in the workspace, and how cargo is called for it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable by which relay-server and the tests are told where nats-server is.
pub(crate) const NATS_SERVER: &str = "RELAY_NATS_SERVER";

/// The folder with the workspace's manifest.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The folder of what is built and fetched.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The path as a person in the workspace's root would type it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// A program of the workspace in the dev profile.
pub(crate) fn dev_program(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// The cargo that called us, to run in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// A program that reads none of the `RELAY_…` variables that happen to be set where we were called.
pub(crate) fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"RELAY_") {
            command.env_remove(name);
        }
    }
    command
}
