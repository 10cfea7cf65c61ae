//! The machine that figures belong to.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::programs;

/// How often a block is written and flushed to see what the disk takes.
const FLUSHES: usize = 200;

/// What figures depend on.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The name of its processor.
    pub processor: String,
    /// How many of its cores we may use.
    pub cores: usize,
    /// Its memory, in GiB.
    pub memory_gib: u64,
    /// The release of Linux.
    pub kernel: String,
    /// What nats-server says of itself.
    pub nats: String,
    /// How long a write of 4 KiB with a flush takes: median and 99th percentile.
    pub flush: (Duration, Duration),
}

/// Looks at this machine.
///
/// # Errors
/// When it is no Linux, or there is no nats-server.
pub fn describe() -> anyhow::Result<Machine> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).context("no MemTotal")?;
    let version = Command::new(programs::nats_server()?).arg("--version").output()?;
    Ok(Machine {
        processor: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        memory_gib: kib.trim().trim_end_matches(" kB").parse::<u64>()? / 1024 / 1024,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        nats: String::from_utf8_lossy(&version.stdout).trim().to_owned(),
        flush: flush()?,
    })
}

fn flush() -> anyhow::Result<(Duration, Duration)> {
    let dir = tempfile::tempdir()?;
    let mut file = File::create(dir.path().join("flush"))?;
    let mut took = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let start = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    took.sort();
    Ok((took[FLUSHES / 2], took[FLUSHES * 99 / 100]))
}
