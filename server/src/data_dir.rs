//! The data directory: one server at a time, and files that only its owner reads.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Name of the file whose lock says that a server uses the directory.
const LOCK_FILE: &str = "lock";

/// A directory that this process alone uses, until the value is dropped or the process ends.
///
/// The lock is the operating system's, on an open file: it cannot be left behind by a killed
/// process.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the lock; never read.
    _lock: File,
}

impl DataDir {
    /// Makes `path` where it is missing (mode 0700) and takes its lock.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be made or opened, or another process holds it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        make_private_dir(path).with_context(|| format!("make the data directory {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("find the data directory {}", path.display()))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data directory {} is in use by another relay-server; stop it, or choose \
                 another with --data-dir",
                path.display()
            ),
            Err(TryLockError::Error(err)) => Err(err).with_context(|| format!("lock {}", lock_path.display())),
        }
    }

    /// The absolute path, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory and those above it, mode 0700; one that exists is left as it is.
///
/// # Errors
///
/// Those of the file system.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file of mode 0600 so that a reader sees the old contents or the new, never a part,
/// also after a power cut.
///
/// # Errors
///
/// Those of the file system; the old file is then untouched.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_with_mode(path, contents, 0o600)
}

/// As [`write_private`], for a file that is no secret (a certificate): mode 0644.
///
/// # Errors
///
/// Those of the file system; the old file is then untouched.
pub fn write_public(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_with_mode(path, contents, 0o644)
}

fn write_with_mode(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(mode)).tempfile_in(dir)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|err| err.error)?;
    // The new name lasts only once the directory itself is on disk.
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
