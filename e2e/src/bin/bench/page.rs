//! The page of figures.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use e2e::machine::Machine;
use e2e::nats::Durability;

use crate::accept::{self, Accept};
use crate::args::Args;
use crate::bodies::Bodies;
use crate::buckets::Buckets;
use crate::burst::Burst;
use crate::dead::Dead;
use crate::growth::Growth;
use crate::load::Latencies;
use crate::neighbours::Neighbours;
use crate::oracle::Oracle;
use crate::rates::{Point, Rates, Shapes, ms};
use crate::sessions::Sessions;
use crate::yardsticks::Yardstick;

/// Everything that was measured.
pub(crate) struct Page {
    machine: Machine,
    pub(crate) axum: Option<Yardstick>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) cluster: Option<(Yardstick, Accept)>,
    pub(crate) burst: Option<Burst>,
    pub(crate) bodies: Vec<Bodies>,
    pub(crate) buckets: Option<Buckets>,
    pub(crate) growth: Vec<Growth>,
    pub(crate) sessions: Option<Sessions>,
    pub(crate) dead: Option<Dead>,
    pub(crate) neighbours: Option<Neighbours>,
    pub(crate) oracle: Option<Oracle>,
}

/// What was measured with one durability setting.
pub(crate) struct Setting {
    pub(crate) durability: Durability,
    pub(crate) yardstick: Option<Yardstick>,
    pub(crate) accept: Option<Accept>,
    pub(crate) measured: Option<Rates>,
}

impl Page {
    /// A page with nothing on it but the machine.
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            axum: None,
            settings: Vec::new(),
            cluster: None,
            burst: None,
            bodies: Vec::new(),
            buckets: None,
            growth: Vec::new(),
            sessions: None,
            dead: None,
            neighbours: None,
            oracle: None,
        }
    }

    /// The page as Markdown.
    pub(crate) fn text(&self, args: &Args) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, args);
        text
    }

    fn write(&self, out: &mut String, args: &Args) -> std::fmt::Result {
        writeln!(out, "# Performance\n")?;
        writeln!(out, "Measured by the bench, which writes this page:\n\n    {}\n", command())?;
        self.write_machine(out)?;
        self.write_how(out, args)?;
        self.write_yardsticks(out)?;
        for setting in &self.settings {
            if let Some(rates) = &setting.measured {
                write_rates(out, setting.durability, rates)?;
            }
        }
        self.write_many(out)?;
        self.write_growth(out)?;
        self.write_costs(out)
    }

    fn write_machine(&self, out: &mut String) -> std::fmt::Result {
        let Machine { processor, cores, memory_gib, kernel, nats, flush } = &self.machine;
        writeln!(out, "Machine: {cores} cores ({processor}), {memory_gib} GiB of memory, Linux {kernel}, {nats}.")?;
        writeln!(
            out,
            "Its disk takes {:.2} ms (p99 {:.2} ms) for a write of 4 KiB with a flush.",
            millis(flush.0),
            millis(flush.1)
        )?;
        writeln!(out, "Day: {}.\n", today())
    }

    fn write_how(&self, out: &mut String, args: &Args) -> std::fmt::Result {
        writeln!(
            out,
            "Everything runs on this one machine: the sender, relay-server with all roles, its nats-server, one agent,\n\
             and the destination. Bodies have {} bytes. Webhooks are sent at fixed moments over {} connections, whatever\n\
             the answers do, for {} s at each rate; every latency counts from the moment a webhook was due, not from when\n\
             a connection was free. *Answered* ends with the caller's 200, *delivered* with the last byte at the\n\
             destination. Each run closes its ledger: webhooks that were accepted and did not arrive are lost. A rate is\n\
             *held* when at least 99 % of it was accepted, nothing failed or was lost, and the last delivery came within\n\
             1 s of the last answer, the *lag*; the highest held is found by halving the range. *As fast as answered*\n\
             keeps every connection busy, and deliveries may fall behind.\n",
            args.body_bytes,
            args.connections,
            args.span().as_secs()
        )
    }

    fn write_yardsticks(&self, out: &mut String) -> std::fmt::Result {
        let single = self.settings.iter().filter_map(|Setting { durability, yardstick, accept, .. }| {
            Some((durability.as_str().to_owned(), yardstick.as_ref()?, accept.as_ref()?))
        });
        let cluster = self.cluster.as_ref();
        let cluster = cluster.map(|(yardstick, accept)| ("always, three servers".to_owned(), yardstick, accept));
        let all: Vec<_> = single.chain(cluster).collect();
        if all.is_empty() {
            return Ok(());
        }
        writeln!(out, "## Beside the yardsticks\n")?;
        writeln!(
            out,
            "The same machine in the same run: JetStream alone over 16 streams, and the relay with {} buckets",
            accept::BUCKETS
        )?;
        writeln!(out, "that have no outputs, so that nothing is delivered.\n")?;
        writeln!(out, "| durability | JetStream | p50 at 1,000/s | p99 | accepted by the relay | share | lost |")?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        for (name, Yardstick { rate_max, at_rate }, accept) in all {
            writeln!(
                out,
                "| {name} | {rate_max:.0}/s | {:.2} ms | {:.2} ms | {:.0}/s | {:.2} | {} |",
                ms(at_rate, 0.5),
                ms(at_rate, 0.99),
                accept.rate,
                accept.rate / rate_max,
                accept.lost
            )?;
        }
        if let Some(Yardstick { rate_max, at_rate }) = &self.axum {
            let shares = self.settings.iter().filter_map(|Setting { durability, accept, .. }| {
                Some(format!("{:.2} with `{}`", accept.as_ref()?.rate / rate_max, durability.as_str()))
            });
            writeln!(
                out,
                "\nA bare axum handler that reads the body and answers takes {rate_max:.0}/s at most, and at 1,000/s p50 {:.2} ms,\n\
                 p99 {:.2} ms. The relay accepts {} of that.",
                ms(at_rate, 0.5),
                ms(at_rate, 0.99),
                shares.collect::<Vec<_>>().join(", ")
            )?;
        }
        writeln!(out)
    }

    fn write_many(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Many at once\n")?;
        if let Some(Burst { count, accepted_in, delivered_in, lost, duplicates, replayed_in }) = &self.burst {
            let rate = |time: &Duration| *count as f64 / time.as_secs_f64();
            writeln!(
                out,
                "- A burst of {count} into one bucket: accepted in {:.1} s ({:.0}/s), delivered in {:.1} s ({:.0}/s), lost {lost},\n  \
                 duplicates {duplicates}. A replay of all of it: {:.1} s ({:.0}/s).",
                accepted_in.as_secs_f64(),
                rate(accepted_in),
                delivered_in.as_secs_f64(),
                rate(delivered_in),
                replayed_in.as_secs_f64(),
                rate(replayed_in)
            )?;
        }
        for Bodies { bytes, count, accepted, delivered, lost } in &self.bodies {
            writeln!(
                out,
                "- Bodies of {} MiB: accepted {accepted:.0} MB/s, delivered {delivered:.0} MB/s ({count} webhooks, lost {lost}).",
                bytes >> 20
            )?;
        }
        if let Some(Buckets { count, one, all, lost, memory: (before, with), started_in }) = &self.buckets {
            writeln!(
                out,
                "- {count} buckets, each with an output, at 500/s over all of them: {};\n  lost {lost}. They took the server \
                 from {before} to {with} bytes resident ({:.1} KiB each). Started again with\n  them, it accepted after {:.1} s.",
                beside(all, one),
                with.saturating_sub(*before) as f64 / 1024.0 / *count as f64,
                started_in.as_secs_f64()
            )?;
        }
        if let Some(sessions) = &self.sessions {
            write_sessions(out, sessions)?;
        }
        writeln!(out)
    }

    fn write_growth(&self, out: &mut String) -> std::fmt::Result {
        let Some(first) = self.growth.first() else { return Ok(()) };
        writeln!(
            out,
            "## What a delivery costs\n\nProcessor time of each process for one delivery, durability always.\n"
        )?;
        let names: Vec<_> = first.costs.each.iter().map(|(name, _)| *name).collect();
        writeln!(out, "| | deliveries | {} | all | ratio | p50 | p99 | lost |", names.join(" | "))?;
        writeln!(out, "|---|---{}|---|---|---|---|---|", "|---".repeat(names.len()))?;
        for Growth { size, rate, costs } in &self.growth {
            let each: Vec<_> = costs.each.iter().map(|(_, time)| format!("{:.0} µs", micros(*time))).collect();
            writeln!(
                out,
                "| buckets {}, outputs {}, agents {} | {rate:.0}/s | {} | {:.0} µs | {:.2} | {:.2} ms | {:.2} ms | {} |",
                size.buckets,
                size.outputs,
                size.agents,
                each.join(" | "),
                micros(costs.sum()),
                costs.sum().as_secs_f64() / first.costs.sum().as_secs_f64(),
                ms(&costs.run.delivered, 0.5),
                ms(&costs.run.delivered, 0.99),
                costs.run.lost
            )?;
        }
        writeln!(out)
    }

    fn write_costs(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Costs and neighbours\n")?;
        for setting in &self.settings {
            if let Some(rates) = &setting.measured {
                writeln!(
                    out,
                    "- An event with its fact takes {} bytes on disk, {} of them its body (durability {}).",
                    rates.disk_bytes,
                    rates.body_bytes,
                    setting.durability.as_str()
                )?;
            }
        }
        if let Some(Dead { outputs, without, with, lost }) = &self.dead {
            writeln!(
                out,
                "- {outputs} outputs whose destination is down, each with a delivery that is tried again and again, beside\n  \
                 one that is up: {}; lost {lost}.",
                beside(with, without)
            )?;
        }
        if let Some(Neighbours { without, with, lost }) = &self.neighbours {
            writeln!(
                out,
                "- A dead, a slow (5 s) and a failing (500) output beside a healthy one, in one bucket, at\n  200/s: {}; lost {lost}.",
                beside(with, without)
            )?;
        }
        if let Some(Oracle { count, known, unknown, t, t_cut }) = &self.oracle {
            writeln!(
                out,
                "- {count} requests each to an input that exists and to one that does not, in pairs: the answers are the\n  \
                 same byte for byte but for the date; p50 {:.3} ms and {:.3} ms; Welch's |t| {:.2}, and {:.2} without\n  \
                 the slowest 5 %.",
                ms(known, 0.5),
                ms(unknown, 0.5),
                t.abs(),
                t_cut.abs()
            )?;
        }
        Ok(())
    }
}

fn write_sessions(out: &mut String, sessions: &Sessions) -> std::fmt::Result {
    let Sessions { count, before_bytes, after_bytes, idle_share, back_in, alone, beside: crowd, storm, lost } =
        sessions;
    writeln!(
        out,
        "- {count} idle sessions, each on a connection of its own, took their dispatcher from {before_bytes} to {after_bytes}\n  \
         bytes resident ({:.1} KiB each), and {:.1} % of a processor. It was killed and started again: all were back after {:.1} s. A live output\n  \
         on another dispatcher at 200/s: p50 {:.2} ms, p99 {:.2} ms without them, {:.2} and {:.2} ms beside them, {:.2} and\n  \
         {:.2} ms while they came back; lost {lost}. The other ends of all sessions took the same processors.",
        sessions.each() as f64 / 1024.0,
        idle_share * 100.0,
        back_in.as_secs_f64(),
        ms(alone, 0.5),
        ms(alone, 0.99),
        ms(crowd, 0.5),
        ms(crowd, 0.99),
        ms(storm, 0.5),
        ms(storm, 0.99)
    )
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// How webhooks fare with neighbours and without, and the ratios.
fn beside(with: &Latencies, without: &Latencies) -> String {
    let (p50, p99) = (ms(with, 0.5), ms(with, 0.99));
    let (p50_alone, p99_alone) = (ms(without, 0.5), ms(without, 0.99));
    format!(
        "its webhooks are delivered in p50 {p50:.2} ms, p99 {p99:.2} ms; without them in\n  p50 {p50_alone:.2} ms, \
         p99 {p99_alone:.2} ms (ratio {:.2} and {:.2})",
        p50 / p50_alone,
        p99 / p99_alone
    )
}

fn write_rates(out: &mut String, durability: Durability, rates: &Rates) -> std::fmt::Result {
    let meaning = match durability {
        Durability::Always => "a webhook is on disk before it is answered",
        Durability::Fast => "a webhook is on disk within two minutes; a power cut can lose it",
    };
    writeln!(out, "## Durability `{}`: {meaning}\n", durability.as_str())?;
    for shapes in [&rates.spread, &rates.single] {
        write_shapes(out, shapes)?;
    }
    Ok(())
}

fn write_shapes(out: &mut String, shapes: &Shapes) -> std::fmt::Result {
    let buckets = if shapes.buckets == 1 { "One bucket".to_owned() } else { format!("{} buckets", shapes.buckets) };
    writeln!(out, "{buckets}, one output each:\n")?;
    writeln!(
        out,
        "| offered | accepted | answered p50 | p99 | delivered p50 | p99 | lag | webhooks | failed | lost | duplicates |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|")?;
    for point in &shapes.at {
        let offered = point.offered.map_or_else(String::new, |rate| format!("{rate:.0}/s"));
        write_point(out, &offered, point)?;
    }
    if let Some(point) = &shapes.held_max {
        let offered = point.offered.map_or_else(String::new, |rate| format!("{rate:.0}/s: the highest held"));
        write_point(out, &offered, point)?;
    }
    write_point(out, "as fast as answered", &shapes.accepted_max)?;
    writeln!(out)
}

fn write_point(out: &mut String, offered: &str, point: &Point) -> std::fmt::Result {
    let (answered, delivered) = (&point.answered, &point.delivered);
    let delivered = match point.offered {
        Some(_) => format!("{:.2} ms | {:.2} ms", ms(delivered, 0.5), ms(delivered, 0.99)),
        // Deliveries queue up behind what is accepted; the lag says how far.
        None => "- | -".to_owned(),
    };
    writeln!(
        out,
        "| {offered} | {:.0}/s | {:.2} ms | {:.2} ms | {delivered} | {:.2} s | {} | {} | {} | {} |",
        point.accepted_rate,
        ms(answered, 0.5),
        ms(answered, 0.99),
        point.lag.as_secs_f64(),
        point.accepted,
        point.failed,
        point.lost,
        point.duplicates,
    )
}

/// The command that was run, as it is typed.
fn command() -> String {
    let args: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask bench {}", args.join(" ")).trim().to_owned()
}

/// The day in UTC, as `2026-01-31`.
fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut day = since.as_secs() / (24 * 3600);
    let mut year = 1970;
    while day >= days_of(year).iter().sum() {
        day -= days_of(year).iter().sum::<u64>();
        year += 1;
    }
    let mut month = 1;
    for days in days_of(year) {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}

/// The days of each month.
fn days_of(year: u64) -> [u64; 12] {
    let is_leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
