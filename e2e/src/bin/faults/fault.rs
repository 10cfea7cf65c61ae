//! What a fault is: a name, where it can happen, what it needs, and the harm that it does.
//!
//! Harm is done and taken back: who was killed is started again, who was frozen goes on. The rig
//! then waits until webhooks pass in every lane. Another fault is a line in [`all`], an arm in
//! [`Harm::befall`], and a file below.

mod cut;
mod freeze;
mod half_open;
mod kill;

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::SmallRng;

use crate::args::Args;
use crate::setting::Setting;
use crate::stage::{Kind, Stage};
use crate::trial;

/// Longer than the patience of callers and of NATS with one request.
const SHORT: Duration = Duration::from_secs(5);
/// Longer than any heartbeat waits.
const MINUTE: Duration = Duration::from_secs(60);

/// Something that goes wrong.
pub(crate) struct Fault {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What happens, in a line of the report.
    pub(crate) what: &'static str,
    /// Where it can happen.
    pub(crate) on: &'static [Setting],
    needs: &'static [Need],
    harm: Harm,
}

/// What is done, by the files below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Kill(Kind),
    KillLeader,
    Freeze(Kind, Duration),
    HalfOpen,
    Cut {
        /// Around the leader of everything.
        leads: bool,
    },
}

/// Without which a fault cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Minutes of time.
    Long,
    /// To be root: it mounts file systems.
    Root,
}

/// Every fault.
pub(crate) fn all() -> Vec<Fault> {
    use Harm::{Cut, Freeze, HalfOpen, Kill, KillLeader};
    use Kind::{Agent, Api, Auth, Dispatcher, Ingress, Nats};
    vec![
        Fault::new("kill-ingress", "one ingress is killed", Kill(Ingress)),
        Fault::new("kill-dispatcher", "one dispatcher is killed", Kill(Dispatcher)),
        Fault::new("kill-auth", "one auth is killed", Kill(Auth)),
        Fault::new("kill-api", "one api is killed", Kill(Api)),
        Fault::new("kill-agent", "one agent is killed", Kill(Agent)),
        Fault::new("kill-nats", "a nats-server is killed", Kill(Nats)),
        Fault::new("kill-nats-leader", "the nats-server with a lane's cursor is killed", KillLeader)
            .on(&[Setting::Three]),
        Fault::new("freeze-ingress", "one ingress is frozen for 5 s", Freeze(Ingress, SHORT)),
        Fault::new("freeze-dispatcher", "one dispatcher is frozen for 5 s", Freeze(Dispatcher, SHORT)),
        Fault::new("freeze-auth", "one auth is frozen for 5 s", Freeze(Auth, SHORT)),
        Fault::new("freeze-api", "one api is frozen for 5 s", Freeze(Api, SHORT)),
        Fault::new("freeze-agent", "one agent is frozen for 5 s", Freeze(Agent, SHORT)),
        Fault::new("freeze-nats", "a nats-server is frozen for 5 s", Freeze(Nats, SHORT)),
        Fault::new("half-open", "nothing passes between one agent and its dispatcher, and nothing is closed", HalfOpen),
        Fault::new(
            "cut-leader",
            "the nats-server that leads every stream is cut off from the others for 15 s; clients reach it",
            Cut { leads: true },
        )
        .on(&[Setting::Three]),
        Fault::new(
            "cut-follower",
            "a nats-server that leads no stream is cut off from the others for 15 s; clients reach it",
            Cut { leads: false },
        )
        .on(&[Setting::Three]),
        Fault::new("freeze-ingress-60", "one ingress is frozen for 60 s", Freeze(Ingress, MINUTE)).needs(&[Need::Long]),
        Fault::new("freeze-dispatcher-60", "one dispatcher is frozen for 60 s", Freeze(Dispatcher, MINUTE))
            .needs(&[Need::Long]),
        Fault::new("freeze-auth-60", "one auth is frozen for 60 s", Freeze(Auth, MINUTE)).needs(&[Need::Long]),
        Fault::new("freeze-api-60", "one api is frozen for 60 s", Freeze(Api, MINUTE)).needs(&[Need::Long]),
        Fault::new("freeze-agent-60", "one agent is frozen for 60 s", Freeze(Agent, MINUTE)).needs(&[Need::Long]),
        Fault::new("freeze-nats-60", "a nats-server is frozen for 60 s", Freeze(Nats, MINUTE)).needs(&[Need::Long]),
    ]
}

impl Harm {
    /// Does it, with the choices that the dice make, and takes it back.
    async fn befall(self, stage: &mut Stage, dice: &mut SmallRng) -> Result<()> {
        match self {
            Self::Kill(kind) => kill::any(stage, kind, dice).await,
            Self::KillLeader => kill::leader(stage, dice).await,
            Self::Freeze(kind, span) => freeze::any(stage, kind, span, dice).await,
            Self::HalfOpen => half_open::any(stage, dice).await,
            Self::Cut { leads } => cut::any(stage, leads, dice).await,
        }
    }
}

impl Need {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Long => "--long",
            Self::Root => "root",
        }
    }

    /// Why it is not met; none when it is.
    pub(crate) fn missing(self, args: &Args) -> Option<&'static str> {
        match self {
            Self::Root => (!rustix::process::geteuid().is_root()).then_some("it needs root"),
            Self::Long => (!args.long).then_some("it takes minutes; `--long` runs it"),
        }
    }
}

impl Fault {
    /// One that needs nothing and can happen everywhere.
    const fn new(name: &'static str, what: &'static str, harm: Harm) -> Self {
        Self { name, what, on: &Setting::ALL, needs: &[], harm }
    }

    const fn on(mut self, settings: &'static [Setting]) -> Self {
        self.on = settings;
        self
    }

    const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Why it cannot be made here; none when it can.
    pub(crate) fn hindrance(&self, args: &Args) -> Option<&'static str> {
        self.needs.iter().find_map(|need| need.missing(args))
    }

    /// Does the harm and takes it back.
    pub(crate) async fn befall(&self, stage: &mut Stage, dice: &mut SmallRng) -> Result<()> {
        self.harm.befall(stage, dice).await
    }
}

/// The faults and what they need, one a line.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for fault in all() {
        let on: Vec<_> = fault.on.iter().map(|setting| setting.name()).collect();
        let needs: Vec<_> = fault.needs.iter().map(|need| need.text()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!("; needs {}", needs.join(", ")) };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<24} {} (on {}{needs})", fault.name, fault.what, on.join(", "));
    }
    for trial in trial::all() {
        let _ = writeln!(text, "{:<24} {} (by itself; needs {})", trial.name, trial.what, trial.needs());
    }
    text
}

/// Waits: the time itself is the fault.
async fn lasts(span: Duration) {
    tokio::time::sleep(span).await;
}
