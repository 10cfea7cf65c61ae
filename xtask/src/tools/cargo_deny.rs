//! cargo-deny, which checks `deny.toml`: from `PATH`, or built once into `target/tools`.

use std::ffi::OsString;

use crate::tools::{dir, version_of};
use crate::{say, steps, workspace};

/// Name of the program.
const NAME: &str = "cargo-deny";
/// The version that is built, and the oldest that is used.
const VERSION: [u32; 3] = [0, 20, 2];

/// Finds cargo-deny, or builds it.
///
/// # Errors
/// Where it cannot be built.
pub(crate) fn find_or_build() -> anyhow::Result<OsString> {
    let built = dir().join("bin").join(NAME).into_os_string();
    for candidate in [OsString::from(NAME), built.clone()] {
        if version_of(&candidate, NAME).is_some_and(|version| version.as_slice() >= VERSION.as_slice()) {
            return Ok(candidate);
        }
    }
    let version = super::dotted(&VERSION);
    say::line(format_args!("building {NAME} {version} into {}", dir().display()))?;
    let mut install = workspace::cargo();
    // Checking bans, licences and sources takes a second also without optimization, which would
    // double the time to build it.
    install.args(["install", NAME, "--version", &version, "--locked", "--no-default-features", "--debug"]);
    steps::run(install.arg("--root").arg(dir()))?;
    Ok(built)
}
