//! The master key in the data directory, made once.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};
use crypto::key::MasterKey;

use crate::data_dir::write_private;

/// The file, mode 0600, in the data directory.
pub const FILE: &str = "master.key";

/// Reads the key, or makes one for an empty store.
///
/// # Errors
/// Where the file cannot be read or written or holds no key; and where it is missing beside a
/// store that already holds something: a new key could open nothing of it.
pub fn open(data_dir: &Path, store: &Path) -> anyhow::Result<MasterKey> {
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => return text.parse().with_context(|| format!("read the master key in {}", path.display())),
        Err(err) if err.kind() == ErrorKind::NotFound => {}
        Err(err) => return Err(err).with_context(|| format!("read {}", path.display())),
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
    Ok(key)
}

#[cfg(test)]
mod tests;
