//! The report, as a page in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::machine::Machine;

use crate::account::Figures;
use crate::args::Args;
use crate::fault;
use crate::run::{Ledger, Outcome};
use crate::trial::Tried;

/// Between these lines of a page stands the report; the rest of it is written by hand.
const BEGIN: &str = "<!-- The report of `cargo xtask faults` begins. -->\n";
const END: &str = "<!-- The report ends. -->\n";

/// All that happened to one kind of fault.
#[derive(Default)]
struct Row {
    times: usize,
    sum: Figures,
    recovery: Duration,
    remarks: Vec<String>,
}

/// Writes the report between the marks of a page, or as a page of its own.
pub(crate) fn write(path: &Path, report: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).unwrap_or_else(|_| format!("{BEGIN}{END}"));
    let parts = page.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.with_context(|| format!("{} has no marks for a report", path.display()))?;
    std::fs::write(path, format!("{head}{BEGIN}\n{report}\n{END}{tail}"))
        .with_context(|| format!("write {}", path.display()))
}

/// The report.
pub(crate) fn text(args: &Args, machine: &Machine, outcomes: &[Outcome], tried: &[Tried]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, args, machine, outcomes, tried);
    out
}

fn write_all(
    out: &mut String,
    args: &Args,
    machine: &Machine,
    outcomes: &[Outcome],
    tried: &[Tried],
) -> std::fmt::Result {
    let Machine { processor, cores, memory_gib, kernel, nats, .. } = machine;
    let (seed, minutes) = (args.seed, args.minutes());
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    writeln!(out, "    {}\n", args.command())?;
    writeln!(
        out,
        "Seed {seed}, {minutes} minutes, {build} build. {cores} cores ({processor}), {memory_gib} GiB of memory, \
         Linux {kernel}, {nats}; everything on this one machine.\n"
    )?;
    for outcome in outcomes {
        write_outcome(out, outcome)?;
    }
    write_tried(out, tried)
}

fn write_tried(out: &mut String, tried: &[Tried]) -> std::fmt::Result {
    if tried.is_empty() {
        return Ok(());
    }
    writeln!(out, "### A relay of its own each\n\n| fault | what happens | what came of it |\n|---|---|---|")?;
    for Tried { trial, result, .. } in tried {
        let (Ok(text) | Err(text)) = result;
        writeln!(out, "| `{}` | {} | {text} |", trial.name, trial.what)?;
    }
    writeln!(out)
}

fn write_outcome(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let minutes = outcome.lasted.as_secs_f32() / 60.0;
    writeln!(out, "### {}\n", outcome.setting.title())?;
    writeln!(out, "{} faults in {minutes:.1} minutes.\n", outcome.happened.len())?;
    for failure in &outcome.failures {
        writeln!(out, "**Not as it must be:** {failure}.\n")?;
    }
    writeln!(
        out,
        "| fault | times | accepted | refused | unreachable | unknown | missing | duplicates | inversions | foreign | \
         longest without an accept | longest without a delivery | longest delay | works again after, at most |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut sum = Row::default();
    for (one, figures) in &outcome.happened {
        for row in [rows.entry(one.name).or_default(), &mut sum] {
            row.times += 1;
            row.sum += *figures;
            row.recovery = row.recovery.max(one.recovery);
            row.remarks.extend_from_slice(&one.remarks);
        }
    }
    let known = fault::all();
    for (name, row) in known.iter().filter_map(|fault| rows.get_key_value(fault.name)) {
        write_row(out, &format!("`{name}`"), row)?;
    }
    write_row(out, "**all**", &sum)?;
    writeln!(out)?;
    for (name, row) in rows.iter().filter(|(_, row)| !row.remarks.is_empty()) {
        writeln!(out, "- `{name}`: {}.", counted(&row.remarks))?;
    }
    let mut not_run: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, why) in &outcome.not_run {
        not_run.entry(why).or_default().push(format!("`{name}`"));
    }
    for (why, names) in not_run {
        writeln!(out, "- **Not run**, {why}: {}.", names.join(", "))?;
    }
    write_ledgers(out, &outcome.ledgers)
}

fn write_row(out: &mut String, name: &str, row: &Row) -> std::fmt::Result {
    let Row { times, sum, recovery, .. } = row;
    writeln!(
        out,
        "| {name} | {times} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        sum.accepted,
        sum.refused,
        sum.unreachable,
        sum.unknown,
        sum.missing,
        sum.duplicates,
        sum.inversions,
        sum.foreign,
        seconds(sum.accept_gap),
        seconds(sum.arrival_gap),
        seconds(sum.delay),
        seconds(*recovery),
    )
}

fn write_ledgers(out: &mut String, ledgers: &[Ledger]) -> std::fmt::Result {
    writeln!(
        out,
        "\n| lane | accepted | tried, not accepted | events in the log | sent | failed | rejected | expired | pending | lost | duplicates | inversions | closes |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for ledger in ledgers {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            ledger.lane,
            ledger.accepted,
            ledger.not_accepted,
            ledger.events,
            ledger.sent,
            ledger.failed,
            ledger.rejected,
            ledger.expired,
            ledger.pending(),
            ledger.lost(),
            ledger.duplicates,
            ledger.inversions,
            if ledger.closes() { "yes" } else { "**no**" },
        )?;
    }
    writeln!(out)
}

/// Each remark once, in the order in which they came, and how often if more than once.
fn counted(remarks: &[String]) -> String {
    let mut times: Vec<(&str, usize)> = Vec::new();
    for remark in remarks {
        match times.iter_mut().find(|(known, _)| known == remark) {
            Some((_, times)) => *times += 1,
            None => times.push((remark, 1)),
        }
    }
    let text = |(remark, times): &(&str, usize)| match times {
        1 => (*remark).to_owned(),
        _ => format!("{remark} ({times} times)"),
    };
    times.iter().map(text).collect::<Vec<_>>().join("; ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remarked_again_is_counted() {
        let remarks = ["full", "empty", "full"].map(ToOwned::to_owned);
        assert_eq!(counted(&remarks), "full (2 times); empty");
    }
}
