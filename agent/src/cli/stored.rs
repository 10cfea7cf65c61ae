//! What `relay login` keeps on this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use telemetry::env;

use super::failure::Failure;
use crate::secret::Secret;

/// Server and credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Stored {
    pub(super) url: String,
    pub(super) key: String,
    pub(super) secret: Secret,
    #[serde(default)]
    pub(super) ca_file: Option<PathBuf>,
}

/// The same with the secret in the open, as it is written.
#[derive(Serialize)]
struct Written<'a> {
    url: &'a str,
    key: &'a str,
    secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<&'a Path>,
}

impl Stored {
    /// What the file at `path` holds: written by [`Stored::write`], or an `admin.json` of the server.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let cannot = |err: &dyn std::fmt::Display| Failure::Usage(format!("cannot read {}: {err}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|err| cannot(&err))?;
        // The error names a place, never the content.
        serde_json::from_str(&text).map_err(|err| cannot(&err))
    }

    /// What was stored by an earlier login, if anything was.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(super) fn find() -> Result<Option<Self>, Failure> {
        match path() {
            Some(path) if path.exists() => Self::read(&path).map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Writes to `path`, whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let Self { url, key, secret, ca_file } = self;
        let written = Written { url, key, secret: secret.reveal(), ca_file: ca_file.as_deref() };
        let folder = path.parent().context("the configuration has no folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let beside = path.with_extension(format!("json.{}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || {
            let mut file = options.open(&beside)?;
            file.write_all(serde_json::to_string_pretty(&written)?.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        };
        write()
            .inspect_err(|_| drop(std::fs::remove_file(&beside)))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Where it is kept: `relay/config.json` below the user's configuration folder.
pub(super) fn path() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from);
    let configuration = folder("XDG_CONFIG_HOME").or_else(|| match cfg!(windows) {
        true => folder("APPDATA"),
        false => folder("HOME").map(|home| home.join(".config")),
    })?;
    Some(configuration.join("relay").join("config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("config.json");
        for secret in ["one", "two"] {
            let stored = Stored { url: "u".into(), key: "k".into(), secret: secret.to_owned().into(), ca_file: None };
            stored.write(&path).unwrap();
            assert_eq!(Stored::read(&path).unwrap(), stored);
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_unreadable_file_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let err = Stored::read(&path).unwrap_err();
        assert!(err.code() == 2 && err.to_string().starts_with("cannot read "), "{err}");
        std::fs::write(&path, r#"{"url": "u", "key": "k", "secret": 123456}"#).unwrap();
        let err = Stored::read(&path).unwrap_err();
        assert_eq!(err.code(), 2);
        assert!(err.to_string().contains("line 1"), "{err}");
    }
}
