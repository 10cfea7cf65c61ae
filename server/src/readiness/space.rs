//! Whether the disk that our own NATS writes to has room.

use std::path::Path;

use rustix::fs::statvfs;

use super::Check;

/// From this share on the disk is nearly full, in percent.
const NEARLY_FULL_PERCENT: u64 = 90;

/// The check `space`, of the file system on which the directory lies.
pub(super) fn check(dir: &Path) -> Check {
    let why = match statvfs(dir) {
        Ok(disk) => nearly_full(disk.f_blocks, disk.f_bavail),
        Err(err) => Some(format!("it cannot be asked: {err}")),
    };
    Check { name: "space", ok: why.is_none(), why, warning: true }
}

/// Blocks that only the administrator may use count as used.
fn nearly_full(all: u64, free: u64) -> Option<String> {
    let percent = u128::from(all.saturating_sub(free)) * 100 / u128::from(all.max(1));
    (percent >= u128::from(NEARLY_FULL_PERCENT)).then(|| format!("{percent} % of it is used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_from_ninety_percent_on() {
        assert_eq!(nearly_full(100, 11), None);
        assert_eq!(nearly_full(100, 10).as_deref(), Some("90 % of it is used"));
        assert_eq!(nearly_full(100, 0).as_deref(), Some("100 % of it is used"));
        // A file system that says nothing of itself.
        assert_eq!(nearly_full(0, 0), None);
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let check = check(Path::new("/no/such/directory"));
        assert!(!check.ok && check.warning, "{check:?}");
    }
}
