//! The files in which a `nats-server` keeps events, to be damaged while it does not run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use model::BucketId;

/// One such file, with events of a bucket in it.
#[derive(Debug)]
pub struct Block {
    path: PathBuf,
    number: u64,
    events: usize,
}

impl Block {
    /// How many events of the bucket are in it.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Flips the bit in its middle.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn flip(&self) -> anyhow::Result<()> {
        let mut bytes = fs::read(&self.path)?;
        let middle = bytes.len() / 2;
        let byte = bytes.get_mut(middle).context("the block is empty")?;
        *byte ^= 1;
        fs::write(&self.path, bytes).context("flip a bit")
    }

    /// Takes away the index of all blocks, which a clean stop leaves and a kill may not.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn lose_index(&self) -> anyhow::Result<()> {
        let index = self.path.with_file_name("index.db");
        match index.exists() {
            true => fs::remove_file(index).context("remove the index"),
            false => Ok(()),
        }
    }
}

/// The blocks with events of this bucket in the store of a server, oldest first.
///
/// # Errors
/// When there is none.
pub fn of_bucket(store: &Path, bucket: BucketId) -> anyhow::Result<Vec<Block>> {
    let streams = fs::read_dir(store.join("jetstream/$G/streams"))?.flatten();
    let streams = streams.filter(|dir| dir.file_name().to_string_lossy().starts_with("EVENT_"));
    let mut blocks = Vec::new();
    for file in streams.flat_map(|stream| fs::read_dir(stream.path().join("msgs")).into_iter().flatten().flatten()) {
        let path = file.path();
        if path.extension().is_none_or(|ending| ending != "blk") {
            continue;
        }
        let events = count(&fs::read(&path)?, bucket);
        if events > 0 {
            let name = path.file_stem().context("a block has no name")?.to_string_lossy().into_owned();
            blocks.push(Block { number: name.parse()?, path, events });
        }
    }
    ensure!(!blocks.is_empty(), "there is no block with events of bucket {bucket}");
    blocks.sort_by_key(|block| block.number);
    Ok(blocks)
}

/// How often the end of the bucket's subject, `event.<shard>.<bucket>`, is in a block: once for each event.
fn count(bytes: &[u8], bucket: BucketId) -> usize {
    let ending = format!(".{}", bucket.0.simple());
    bytes.windows(ending.len()).filter(|part| *part == ending.as_bytes()).count()
}
