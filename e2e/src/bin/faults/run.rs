//! A run: each setting is set up, harmed for its time, and its account closed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::report::say;
use e2e::wait::{holds, until_within};
use e2e::{Log, machine};
use model::fact::Ending;

use crate::account::{self, Figures, Happened};
use crate::args::Args;
use crate::fault::{self, Fault};
use crate::lane::{Lane, Told};
use crate::page;
use crate::schedule::Schedule;
use crate::setting::Setting;
use crate::stage::Stage;
use crate::trial;

/// How many webhooks each lane gets at least from one fault to the next.
const BETWEEN: usize = 20;
/// How long what is under way may take to arrive and to be in the log, at the end.
const SETTLE_MAX: Duration = Duration::from_secs(180);

/// What came of one setting.
pub(crate) struct Outcome {
    pub(crate) setting: Setting,
    /// How long the load went on.
    pub(crate) lasted: Duration,
    /// In their order, with the figures until the next.
    pub(crate) happened: Vec<(Happened, Figures)>,
    /// Faults that did not happen, and why.
    pub(crate) not_run: Vec<(&'static str, String)>,
    /// One for each lane.
    pub(crate) ledgers: Vec<Ledger>,
    /// Faults after which something was not as it must be.
    pub(crate) failures: Vec<String>,
}

/// The account of one lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) lane: String,
    /// Webhooks that were answered 200.
    pub(crate) accepted: usize,
    /// Tries that were sent and not answered 200: each may be in the log or not.
    pub(crate) not_accepted: usize,
    /// Events in the log.
    pub(crate) events: usize,
    /// Those of them that ended so.
    pub(crate) sent: usize,
    pub(crate) failed: usize,
    pub(crate) rejected: usize,
    pub(crate) expired: usize,
    /// Accepted webhooks that did not arrive.
    pub(crate) missing: usize,
    /// Arrivals of an event that had arrived before.
    pub(crate) duplicates: usize,
    /// First arrivals of a number after a higher one of the same sender.
    pub(crate) inversions: usize,
}

impl Ledger {
    /// Events of which the log does not say how they ended.
    pub(crate) fn pending(&self) -> usize {
        self.events.saturating_sub(self.sent + self.ended_otherwise())
    }

    /// Accepted webhooks that neither arrived nor visibly ended otherwise.
    pub(crate) fn lost(&self) -> usize {
        self.missing.saturating_sub(self.ended_otherwise())
    }

    fn ended_otherwise(&self) -> usize {
        self.failed + self.rejected + self.expired
    }

    /// Whether callers and log agree, and every event has ended; none has that is not in the log.
    pub(crate) fn closes(&self) -> bool {
        let could_be = self.accepted..=self.accepted + self.not_accepted;
        could_be.contains(&self.events) && self.events == self.sent + self.ended_otherwise()
    }
}

/// Runs everything, reports, and fails when a webhook was lost.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let known: Vec<_> = fault::all();
    for name in &args.only {
        let is_known =
            known.iter().any(|fault| fault.name == name) || trial::all().iter().any(|trial| trial.name == name);
        ensure!(is_known, "no fault is called {name}; --list shows them");
    }
    let wanted = |setting: &Setting| {
        args.on.is_none_or(|on| on == *setting) && known.iter().any(|fault| is_wanted(fault, *setting, args))
    };
    let settings: Vec<_> = Setting::ALL.into_iter().filter(wanted).collect();
    let machine = machine::describe()?;
    let mut outcomes = Vec::new();
    for setting in &settings {
        say(&format!("== {}", setting.title()));
        outcomes.push(Box::pin(one(*setting, &known, args, settings.len())).await?);
    }
    let mut tried = Vec::new();
    let is_wanted = |trial: &trial::Trial| args.only.is_empty() || args.only.iter().any(|name| name == trial.name);
    for trial in trial::all().into_iter().filter(|trial| args.on.is_none() && is_wanted(trial)) {
        tried.push(trial.run(args).await);
    }
    let text = page::text(args, &machine, &outcomes, &tried);
    say(&text);
    if let Some(path) = &args.write {
        page::write(path, &text)?;
    }
    ensure!(!tried.iter().any(|tried| tried.failed), "a trial failed");
    verdict(&outcomes)
}

fn is_wanted(fault: &Fault, setting: Setting, args: &Args) -> bool {
    fault.on.contains(&setting) && (args.only.is_empty() || args.only.iter().any(|name| name == fault.name))
}

async fn one(setting: Setting, known: &[Fault], args: &Args, settings: usize) -> Result<Outcome> {
    let (hindered, possible): (Vec<_>, Vec<_>) =
        known.iter().filter(|fault| is_wanted(fault, setting, args)).partition(|fault| fault.hindrance(args).is_some());
    let why = |fault: &&Fault| (fault.name, fault.hindrance(args).unwrap_or_default().to_owned());
    let mut not_run: Vec<_> = hindered.iter().map(why).collect();

    let mut stage = Stage::set(setting).await?;
    let began = Instant::now();
    let mut happened = Vec::new();
    let mut failures = Vec::new();
    for (fault, mut dice) in Schedule::new(possible.clone(), args.seed) {
        if began.elapsed() > args.span(settings) {
            break;
        }
        stage.broker.until_current().await?;
        stage.goes_on(BETWEEN).await?;
        let fault_began = Instant::now();
        let harmed = fault.befall(&mut stage, &mut dice, args).await;
        if let Err(error) = &harmed {
            failures.push(format!("`{}`: {error:#}", fault.name));
            stage.mend().await?;
        }
        let passing = stage.until_passing().await;
        let recovery = *passing.as_ref().unwrap_or(&fault_began.elapsed());
        let mut remarks = stage.take_remarks();
        remarks.extend(harmed.err().map(|error| format!("FAILED: {error:#}")));
        say(&format!("{:<24} works again after {:.1} s {}", fault.name, recovery.as_secs_f32(), remarks.join("; ")));
        happened.push(Happened { name: fault.name, began: fault_began, recovery, remarks });
        if let Err(error) = passing {
            failures.push(format!("after `{}`: {error:#}", fault.name));
            break;
        }
    }
    let rest = possible.iter().filter(|fault| !happened.iter().any(|one| one.name == fault.name));
    not_run.extend(rest.map(|fault| (fault.name, "no time was left for it".to_owned())));

    stage.end_load().await?;
    let lasted = began.elapsed();
    let ledgers = close(&stage).await?;
    if let Some(dir) = &args.logs {
        let dir = dir.join(setting.name());
        copy_logs(&stage.world.logs(), &dir)?;
        std::fs::write(dir.join("late.txt"), account::late(&stage.lanes, began))?;
    }
    let marks: Vec<_> = happened.iter().map(|one| one.began).collect();
    let figures = account::figures(&stage.lanes, &marks, began + lasted);
    Ok(Outcome { setting, lasted, happened: happened.into_iter().zip(figures).collect(), not_run, ledgers, failures })
}

/// Waits until everything has arrived and the log says how it ended, and adds up.
async fn close(stage: &Stage) -> Result<Vec<Ledger>> {
    let mut ledgers = Vec::new();
    for lane in &stage.lanes {
        let mut ledger = Ledger::default();
        let settled = until_within(SETTLE_MAX, "the ledger closes", async || {
            // While a server comes back, a question about its streams may fail.
            let Ok(log) = stage.log().await else { return Ok(None) };
            let Ok(read) = read(&log, lane).await else { return Ok(None) };
            ledger = read;
            Ok(holds(ledger.closes() && ledger.lost() == 0))
        });
        // What has not settled shows in the ledger.
        let _ = settled.await;
        ledgers.push(ledger);
    }
    Ok(ledgers)
}

async fn read(log: &Log, lane: &Lane) -> Result<Ledger> {
    let events = log.events(lane.bucket.id).await?;
    let endings = log.endings(lane.bucket.id, lane.output).await?;
    let ended = |how: Ending| endings.values().filter(|ending| **ending == how).count();
    let told = |told: &[Told]| lane.notes().answers.iter().filter(|answer| told.contains(&answer.told)).count();
    let now = Instant::now();
    let figures: Figures = account::of_lane(lane, &[now], now).into_iter().next().unwrap_or_default();
    Ok(Ledger {
        lane: lane.bucket.name.clone(),
        accepted: told(&[Told::Accepted]),
        not_accepted: told(&[Told::Refused, Told::Unknown]),
        events,
        sent: ended(Ending::Sent),
        failed: ended(Ending::Failed),
        rejected: ended(Ending::Rejected),
        expired: ended(Ending::Expired),
        missing: figures.missing,
        duplicates: figures.duplicates,
        inversions: figures.inversions,
    })
}

fn copy_logs(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name())).context("copy a log")?;
    }
    Ok(())
}

/// Fails when anything was lost, came where it must not, or is not accounted for.
fn verdict(outcomes: &[Outcome]) -> Result<()> {
    for outcome in outcomes {
        let title = outcome.setting.title();
        ensure!(outcome.failures.is_empty(), "{title}: {}", outcome.failures.join("; "));
        let foreign: usize = outcome.happened.iter().map(|(_, figures)| figures.foreign).sum();
        ensure!(foreign == 0, "{title}: {foreign} webhooks came where they must not");
        for ledger in &outcome.ledgers {
            ensure!(ledger.lost() == 0, "{title}: {} webhooks of lane {} were lost", ledger.lost(), ledger.lane);
            ensure!(ledger.closes(), "{title}: the ledger of lane {} does not close: {ledger:?}", ledger.lane);
        }
    }
    Ok(())
}
