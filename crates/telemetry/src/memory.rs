//! Keeps what is in memory, keys and webhooks, out of files.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has the system write no image of this process when it crashes, and lets no other process of the
/// same user read its memory. Programs that it starts can be debugged again, but leave no image
/// either.
///
/// Both are asked for: a limit of 0 does not hold where images are piped to a program, and only
/// Linux knows the other. What is refused leaves the process as it was.
pub fn keep_out_of_files() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn no_image_is_written_of_this_process() {
        keep_out_of_files();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
    }
}
