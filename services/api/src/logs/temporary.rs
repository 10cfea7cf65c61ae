//! A folder for logs that are not to outlive their process.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;
use tracing::{info, warn};

/// What the names of these folders begin with.
const PREFIX: &str = "relay-logs-";
/// The file in it that is locked for as long as its process lives.
const LOCK: &str = "lock";

/// A folder that goes with the process. One that is killed leaves it to the next to remove.
pub(super) struct Temporary {
    dir: TempDir,
    _lock: File,
}

impl Temporary {
    /// A new one in this folder; those that dead processes have left there are removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn within(folder: &Path) -> io::Result<Self> {
        remove_left(folder);
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder)?;
        // By the name that others look for it is locked from the start.
        let early = dir.path().join("early");
        let lock = File::create(&early)?;
        lock.lock()?;
        fs::rename(early, dir.path().join(LOCK))?;
        Ok(Self { dir, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn remove_left(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)));
    for left in ours.map(|entry| entry.path()).filter(|path| is_left(path)) {
        match fs::remove_dir_all(&left) {
            Ok(()) => info!("logs that a killed process had left were removed"),
            Err(error) => warn!(%error, "logs that a killed process has left cannot be removed"),
        }
    }
}

/// Whether no process has it locked. What others have put there is none of ours.
fn is_left(dir: &Path) -> bool {
    let lock = dir.join(LOCK);
    let is_file = fs::symlink_metadata(&lock).is_ok_and(|file| file.is_file());
    is_file && File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_live_one_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let live = Temporary::within(folder.path()).unwrap();
        let (left, other) = (folder.path().join("relay-logs-left"), folder.path().join("relay-logs-other"));
        fs::create_dir_all(&left).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("logs.sqlite"), "x").unwrap();
        let next = Temporary::within(folder.path()).unwrap();
        assert_eq!((left.exists(), other.exists()), (false, true));
        assert!(live.path().exists() && next.path().exists());
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
