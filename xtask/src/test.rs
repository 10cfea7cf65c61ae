//! `cargo xtask test`: the unit tests of every crate, the end-to-end tests with real processes, and
//! TLS and the API as programs of others judge them.

use std::path::Path;

use crate::steps::{self, Steps};
use crate::tools::pypi::{SCHEMATHESIS, SSLYZE};
use crate::{api_test, say, tls_test, tools, workspace};

/// How many end-to-end tests run at a time; each has a server, a nats-server and agents of its own.
const E2E_THREADS: &str = "--test-threads=2";

/// What to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only tests whose name contains this.
    filter: Option<String>,
}

/// Runs all tests.
///
/// # Errors
/// Where one fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let nats_server = steps.step("nats-server", tools::nats_server::find_or_fetch)?;
    all(&mut steps, &nats_server, args.filter.as_deref())?;
    say::line(format_args!("\n{}", steps.table()))
}

/// The steps that test everything.
///
/// # Errors
/// Where one fails.
pub(crate) fn all(steps: &mut Steps, nats_server: &Path, filter: Option<&str>) -> anyhow::Result<()> {
    steps.step("build", || {
        // The programs and the tests in one call: cargo then picks one set of features for all,
        // and compiles each dependency once.
        steps::run(workspace::cargo().args(["build", "--workspace", "--all-targets"]))
    })?;
    // Each call names the whole workspace, for the same reason; they differ in targets alone.
    let test = |targets: &[&str], last: &[&str]| {
        let mut test = workspace::cargo();
        test.args(["test", "--workspace"]).args(targets).args(filter).args(last);
        steps::run(test.env(workspace::NATS_SERVER, nats_server))
    };
    steps.step("unit tests", || test(&["--lib", "--bins"], &[]))?;
    steps.step("examples in the documentation", || test(&["--doc"], &[]))?;
    steps.step("end-to-end tests", || test(&["--test", "*"], &["--", E2E_THREADS]))?;
    let is_asked_for = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    if is_asked_for(tls_test::NAME) {
        let sslyze = steps.step("sslyze", || SSLYZE.find_or_install())?;
        steps.step("TLS as others see it", || tls_test::run(&sslyze, nats_server))?;
    }
    if is_asked_for(api_test::NAME) {
        let schemathesis = steps.step("schemathesis", || SCHEMATHESIS.find_or_install())?;
        steps.step("the API against its description", || api_test::run(&schemathesis, nats_server))?;
    }
    Ok(())
}
