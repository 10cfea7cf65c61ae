//! The master keys in the data directory: one is made, others are an operator's.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};
use crypto::Secret;
use crypto::key::{MasterKey, MasterKeys};

use crate::data_dir::write_private;

/// The file, mode 0600, in the data directory: a key on each line, of which the first wraps.
pub const FILE: &str = "master.key";

/// Reads the keys, or makes one for an empty store.
///
/// # Errors
/// Where the file cannot be read or written or holds no key; and where it is missing beside a
/// store that already holds something: a new key could open nothing of it.
pub fn open(data_dir: &Path, store: &Path) -> anyhow::Result<MasterKeys> {
    let path = data_dir.join(FILE);
    if let Some(keys) = read(&path)? {
        return Ok(keys);
    }
    ensure!(
        !store.exists(),
        "{} is missing, and without it nothing in {} can be read: bring it back from a backup, or remove both to \
         begin anew",
        path.display(),
        store.display()
    );
    let key = MasterKey::generate().context("make a master key")?;
    let text = format!("{}\n", key.to_base64().expose());
    write_private(&path, text.as_bytes()).with_context(|| format!("write {}", path.display()))?;
    Ok(MasterKeys::new(key, Vec::new()))
}

/// Reads the keys in the data directory of a server that was started before.
///
/// # Errors
/// Where the file is missing, or as [`open`].
pub fn find(data_dir: &Path) -> anyhow::Result<MasterKeys> {
    let path = data_dir.join(FILE);
    read(&path)?.with_context(|| format!("{} is missing; is --data-dir that of a server?", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Option<MasterKeys>> {
    match fs::read_to_string(path).map(Secret::from) {
        Ok(text) => {
            let keys = text.expose().parse();
            keys.map(Some).with_context(|| format!("read the master key in {}", path.display()))
        }
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("read {}", path.display())),
    }
}

#[cfg(test)]
mod tests;
