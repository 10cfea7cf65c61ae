//! Limits on processes by a control group, for root: on their memory, or on how fast they write to a
//! disk. Both versions of cgroups are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Where all control groups are.
const ROOT: &str = "/sys/fs/cgroup";

/// How long processes that were killed may take to end.
const END_WAIT: Duration = Duration::from_secs(5);

/// A group of processes under a limit. It goes when this is dropped; whatever ends them comes before.
#[derive(Debug)]
pub struct Group {
    dir: PathBuf,
    is_v2: bool,
}

impl Group {
    /// One whose processes may together take so much memory.
    ///
    /// # Errors
    /// When it cannot be made, as by anyone but root.
    pub fn with_memory(bytes: u64) -> anyhow::Result<Self> {
        let group = Self::make("memory", "memory")?;
        group.write(group.either("memory.limit_in_bytes", "memory.max"), &bytes.to_string())?;
        Ok(group)
    }

    /// One whose processes may write to a block device so often in a second; the device is said by
    /// its major and minor number.
    ///
    /// # Errors
    /// As [`Group::with_memory`].
    pub fn with_writes(device: (u32, u32), a_second: u32) -> anyhow::Result<Self> {
        let group = Self::make("blkio", "io")?;
        group.limit_writes(device, a_second)?;
        Ok(group)
    }

    /// Changes how often they may write.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn limit_writes(&self, (major, minor): (u32, u32), a_second: u32) -> anyhow::Result<()> {
        let limit = if self.is_v2 {
            format!("{major}:{minor} wiops={a_second}")
        } else {
            format!("{major}:{minor} {a_second}")
        };
        self.write(self.either("blkio.throttle.write_iops_device", "io.max"), &limit)
    }

    /// Puts a process in it; what it takes from then on counts.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn add(&self, process: u32) -> anyhow::Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// The most memory that its processes took together, in bytes.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn peak_bytes(&self) -> anyhow::Result<u64> {
        Ok(self.read(self.either("memory.max_usage_in_bytes", "memory.peak"))?.trim().parse()?)
    }

    /// How many of its processes were killed because they took too much memory.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn kills(&self) -> anyhow::Result<u64> {
        let text = self.read(self.either("memory.oom_control", "memory.events"))?;
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(kills.context("the kernel does not count kills")?.trim().parse()?)
    }

    /// A group below the controller of that name, which version 2 may call otherwise.
    fn make(v1: &str, v2: &str) -> anyhow::Result<Self> {
        let root = Path::new(ROOT);
        let is_v2 = root.join("cgroup.controllers").exists();
        if is_v2 {
            // Fails where it is so already and others forbid it.
            let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{v2}"));
        }
        let parent = if is_v2 { root.to_owned() } else { root.join(v1) };
        let dir = parent.join(format!("relay-e2e-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&dir).context("make a control group")?;
        Ok(Self { dir, is_v2 })
    }

    fn either<'a>(&self, v1: &'a str, v2: &'a str) -> &'a str {
        if self.is_v2 { v2 } else { v1 }
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.dir.join(file), text).with_context(|| format!("write {file} of a control group"))
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        fs::read_to_string(self.dir.join(file)).with_context(|| format!("read {file} of a control group"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let end = Instant::now() + END_WAIT;
        // Processes that were killed are in it until they have ended.
        while fs::remove_dir(&self.dir).is_err() && Instant::now() < end {
            std::thread::yield_now();
        }
    }
}
