//! Figures that a test or the bench reports.

use std::io::Write;

/// Writes a line to standard error, past the test runner's capture: figures are to be seen.
pub fn say(text: &str) {
    // There is nobody to tell when standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}
