//! The `relay` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if telemetry::env::var_os("RELAY_DEBUGGABLE").is_none() {
        telemetry::memory::keep_out_of_files();
    }
    agent::cli::main()
}
