//! Log lines on standard error, as text for people or as JSON for machines.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::trace::{TARGET, Traces};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object each; control characters in values are escaped.
    Json,
}

/// Starts logging to standard error, and bringing spans to where `traces` go.
///
/// Lines of libraries that would show what passes through them are not written, whatever `filter`
/// says.
///
/// `filter` follows the syntax of `tracing_subscriber::EnvFilter`, for example
/// `info,dispatcher=debug`; it decides about log lines alone.
///
/// # Errors
/// When the filter cannot be read, or logging was started before in this process.
pub fn start(format: Format, filter: &str, traces: &Traces) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let filter = filter_fn(|of| of.target() != TARGET && !shows_payloads(of)).and(filter);
    let ansi = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi);
    let layer = match format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).with(traces.layer()).try_init()?;
    Ok(())
}

/// Whether a library writes whole messages here: in those of NATS there are secrets on their way to
/// `auth`.
fn shows_payloads(of: &Metadata<'_>) -> bool {
    *of.level() == Level::TRACE && of.target().starts_with("async_nats")
}
