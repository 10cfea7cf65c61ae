//! What the program says on standard output, as opposed to its log.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line and flushes it, so that a reader at the other end of a pipe has it at once.
///
/// # Errors
/// Where standard output is closed.
pub fn line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
