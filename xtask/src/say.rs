//! What the commands say: progress on standard output, what went wrong on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Context;

/// Writes one line and flushes it.
///
/// # Errors
/// Where standard output is closed.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("write to standard output")
}

/// Writes an error with all its causes.
pub(crate) fn error(error: &anyhow::Error) {
    // Nobody is left to be told where standard error is closed.
    let _ = writeln!(io::stderr().lock(), "error: {error:#}");
}
