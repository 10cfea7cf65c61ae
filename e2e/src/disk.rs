//! Disks of a test's own, for root: one that fills up, and one that loses its power.

use std::fs::{self, File};
use std::io::Write;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Stops an ext4 file system as a power cut does: what was not flushed is gone (`FS_IOC_SHUTDOWN`
/// with `NOLOGFLUSH`). An ioctl cannot be called from safe Rust.
const CUT: &str = "import fcntl, os, struct, sys\n\
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
/// How much is written at a time to fill a disk, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// A file system in memory, of a fixed size. It goes when this is dropped.
#[derive(Debug)]
pub struct Small {
    dir: PathBuf,
    _mount: Mount,
}

/// A disk in a file, with ext4 on it. It goes when this is dropped.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    dir: PathBuf,
    mount: Option<Mount>,
}

#[derive(Debug)]
struct Mount {
    dir: PathBuf,
}

impl Small {
    /// Mounts one over a directory, which is made.
    ///
    /// # Errors
    /// When it cannot be mounted, as by anyone but root.
    pub fn over(dir: &Path, bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(dir))?;
        Ok(Self { dir: dir.to_owned(), _mount: Mount { dir: dir.to_owned() } })
    }

    /// Takes all the room that is left.
    ///
    /// # Errors
    /// When the file that takes it cannot be made.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.ballast())?;
        while file.write_all(&[0; PIECE_BYTES]).is_ok() {}
        // The last piece did not fit; single bytes may.
        while file.write_all(&[0]).is_ok() {}
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("free a disk")
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }
}

impl Disk {
    /// Makes a disk in the file `image`, and mounts it at a directory, which is made too.
    ///
    /// # Errors
    /// When it cannot be made or mounted, as by anyone but root.
    pub fn make(image: PathBuf, dir: PathBuf, bytes: u64) -> anyhow::Result<Self> {
        File::create(&image)?.set_len(bytes)?;
        fs::create_dir_all(&dir)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
        let mut disk = Self { image, dir, mount: None };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major and minor number of the device that it is.
    ///
    /// # Errors
    /// When it is not mounted.
    pub fn device(&self) -> anyhow::Result<(u32, u32)> {
        let device = fs::metadata(&self.dir)?.st_dev();
        Ok((rustix::fs::major(device), rustix::fs::minor(device)))
    }

    /// Cuts its power: from now on every access fails, and what was not flushed is gone. Mount it
    /// again when nobody uses it any more.
    ///
    /// # Errors
    /// When Python is missing, or the kernel refuses.
    pub fn cut_power(&self) -> anyhow::Result<()> {
        run(Command::new("python3").args(["-c", CUT]).arg(&self.dir))
    }

    /// Mounts it after a power cut.
    ///
    /// # Errors
    /// When somebody still uses it.
    pub fn mount_again(&mut self) -> anyhow::Result<()> {
        self.mount = None;
        self.mount()
    }

    fn mount(&mut self) -> anyhow::Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.dir))?;
        self.mount = Some(Mount { dir: self.dir.clone() });
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whoever still uses it keeps it until then; there is nobody to tell.
        let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it is missing or fails; the message holds what it said.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {name}"))?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
