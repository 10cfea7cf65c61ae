//! Steps in a row: each is announced, timed, and the first that fails ends the run.

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::say;

/// The steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Does a step.
    ///
    /// # Errors
    /// That of the step, with its name.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        say::line(format_args!("\n== {name}"))?;
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        let verdict = if result.is_ok() { "done" } else { "FAILED" };
        say::line(format_args!("== {name}: {verdict} after {:.1} s", took.as_secs_f64()))?;
        self.done.push((name, took));
        result.with_context(|| format!("step `{name}`"))
    }

    /// The steps with their seconds, one a line, and the sum.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let sum: Duration = self.done.iter().map(|(_, took)| took).sum();
        for (name, took) in self.done.iter().chain([&("all", sum)]) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:>8.1} s  {name}", took.as_secs_f64());
        }
        text
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Where it cannot be started or says that it failed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let text = text_of(command);
    let status = command.status().with_context(|| format!("start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` ended with {status}");
    }
    Ok(())
}

/// Runs a command to its end and returns what it wrote to standard output.
///
/// # Errors
/// Where it cannot be started or says that it failed: then with what it wrote to standard error.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let text = text_of(command);
    let output = command.output().with_context(|| format!("start `{text}`"))?;
    if !output.status.success() {
        bail!("`{text}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as it would be typed.
fn text_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
