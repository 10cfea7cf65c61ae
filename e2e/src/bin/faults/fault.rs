//! What a fault is: a name, where it can happen, what it needs, and the harm that it does.
//!
//! Harm is done and taken back: who was killed is started again, who was frozen goes on. The rig
//! then waits until webhooks pass in every lane. Another fault is a line in [`all`], an arm in
//! [`Harm::befall`], and a file below.

mod away;
mod clock;
mod cut;
mod freeze;
mod full;
mod half_open;
mod keys;
mod kill;
mod orderly;
mod side;
mod slow_reader;
mod storm;
mod taken_away;

use std::fmt::Write;
use std::path::Path;
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
/// Well within the window of a bucket, which is 10 minutes; and almost all of it, and more.
const AWAY: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_secs(300), Duration::from_secs(590), Duration::from_secs(660)];
/// How many sessions a dispatcher has when it dies, without and with `--long`.
const SESSIONS: usize = 300;
const SESSIONS_LONG: usize = 3000;
/// How many webhooks each lane gets at least while something is as it should not be.
const WHILE: usize = 50;

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
    SlowReader,
    Away(Duration),
    RollingServices,
    Rolling(Kind),
    Previous,
    Clock(Kind),
    Quota,
    Full(&'static str),
    Revoke,
    Delete,
    Storm(usize),
    RotateMasterKey,
    RenewDataKeys,
}

/// Without which a fault cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Minutes of time.
    Long,
    /// To be root: it mounts file systems.
    Root,
    /// The library that gives a program another clock.
    Faketime,
    /// Programs of an earlier version.
    Previous,
}

/// Every fault.
#[rustfmt::skip] // One a line.
pub(crate) fn all() -> Vec<Fault> {
    use Harm::{
        Away, Clock, Cut, Delete, Freeze, Full, HalfOpen, Kill, KillLeader, Previous, Quota, RenewDataKeys, Revoke, Rolling, RollingServices,
        RotateMasterKey, SlowReader, Storm,
    };
    use Kind::{Agent, Api, Auth, Dispatcher, Ingress, Nats};
    const LONG: &[Need] = &[Need::Long];
    const FAKETIME: &[Need] = &[Need::Faketime];
    vec![
        Fault::new("kill-ingress", "one ingress is killed", Kill(Ingress)),
        Fault::new("kill-dispatcher", "one dispatcher is killed", Kill(Dispatcher)),
        Fault::new("kill-auth", "one auth is killed", Kill(Auth)),
        Fault::new("kill-api", "one api is killed", Kill(Api)),
        Fault::new("kill-agent", "one agent is killed", Kill(Agent)),
        Fault::new("kill-nats", "a nats-server is killed", Kill(Nats)),
        Fault::new("kill-nats-leader", "the nats-server with a lane's cursor is killed", KillLeader).on(&[Setting::Three]),
        Fault::new("freeze-ingress", "one ingress is frozen for 5 s", Freeze(Ingress, SHORT)),
        Fault::new("freeze-dispatcher", "one dispatcher is frozen for 5 s", Freeze(Dispatcher, SHORT)),
        Fault::new("freeze-auth", "one auth is frozen for 5 s", Freeze(Auth, SHORT)),
        Fault::new("freeze-api", "one api is frozen for 5 s", Freeze(Api, SHORT)),
        Fault::new("freeze-agent", "one agent is frozen for 5 s", Freeze(Agent, SHORT)),
        Fault::new("freeze-nats", "a nats-server is frozen for 5 s", Freeze(Nats, SHORT)),
        Fault::new("cut-leader", "the nats-server that leads every stream is cut off from the others for 15 s; clients reach it", Cut { leads: true }).on(&[Setting::Three]),
        Fault::new("cut-follower", "a nats-server that leads no stream is cut off from the others for 15 s; clients reach it", Cut { leads: false }).on(&[Setting::Three]),
        Fault::new("freeze-ingress-60", "one ingress is frozen for 60 s", Freeze(Ingress, MINUTE)).needs(LONG),
        Fault::new("freeze-dispatcher-60", "one dispatcher is frozen for 60 s", Freeze(Dispatcher, MINUTE)).needs(LONG),
        Fault::new("freeze-auth-60", "one auth is frozen for 60 s", Freeze(Auth, MINUTE)).needs(LONG),
        Fault::new("freeze-api-60", "one api is frozen for 60 s", Freeze(Api, MINUTE)).needs(LONG),
        Fault::new("freeze-agent-60", "one agent is frozen for 60 s", Freeze(Agent, MINUTE)).needs(LONG),
        Fault::new("freeze-nats-60", "a nats-server is frozen for 60 s", Freeze(Nats, MINUTE)).needs(LONG),
        Fault::new("rolling-services", "every service is stopped and started again, one at a time", RollingServices),
        Fault::new("rolling-agents", "every agent is stopped and started again, one at a time", Rolling(Agent)),
        Fault::new("rolling-nats", "every nats-server is stopped and started again, one at a time", Rolling(Nats)),
        Fault::new("previous", "one of every kind runs as an earlier version, beside one of this", Previous).needs(&[Need::Previous]),
        Fault::new("half-open", "nothing passes between an agent and its dispatcher, and nothing is closed", HalfOpen),
        Fault::new("slow-reader", "an agent does not read while large webhooks come for it", SlowReader),
        Fault::new("agent-away", "the only agent of a lane is away for 30 s", Away(AWAY[0])),
        Fault::new("agent-away-300", "the only agent of a lane is away for 5 minutes", Away(AWAY[1])).needs(LONG),
        Fault::new("agent-away-590", "the only agent of a lane is away for 9 minutes 50 s", Away(AWAY[2])).needs(LONG),
        Fault::new("agent-away-660", "the only agent of a lane is away for 11 minutes", Away(AWAY[3])).needs(LONG),
        Fault::new("storm", "a dispatcher with hundreds of sessions is killed", Storm(SESSIONS)),
        Fault::new("storm-thousands", "a dispatcher with thousands of sessions is killed", Storm(SESSIONS_LONG)).needs(LONG),
        Fault::new("quota", "`max_file_store` of the nats-server is reached, and raised by SIGHUP", Quota).on(&[Setting::One]),
        Fault::new("events-full", "the streams of events have no room for 5 s", Full("EVENT_")),
        Fault::new("facts-full", "the streams of facts have no room for 5 s", Full("FACT_")),
        Fault::new("clock-ingress", "the clock of one ingress is an hour ahead, then behind", Clock(Ingress)).needs(FAKETIME),
        Fault::new("clock-dispatcher", "the clock of one dispatcher is an hour ahead, then behind", Clock(Dispatcher)).needs(FAKETIME),
        Fault::new("clock-auth", "the clock of one auth is an hour ahead, then behind", Clock(Auth)).needs(FAKETIME),
        Fault::new("clock-api", "the clock of one api is an hour ahead, then behind", Clock(Api)).needs(FAKETIME),
        Fault::new("revoke-token", "a token is revoked while its agent delivers", Revoke),
        Fault::new("delete-bucket", "a bucket is deleted while its webhooks are under way", Delete),
        Fault::new("rotate-master-key", "the master key is rotated, which restarts every server three times", RotateMasterKey),
        Fault::new("renew-data-keys", "every bucket gets another data key", RenewDataKeys),
    ]
}

impl Harm {
    /// Does it, with the choices that the dice make, and takes it back.
    async fn befall(self, stage: &mut Stage, dice: &mut SmallRng, args: &Args) -> Result<()> {
        match self {
            Self::Kill(kind) => kill::any(stage, kind, dice).await,
            Self::KillLeader => kill::leader(stage, dice).await,
            Self::Freeze(kind, span) => freeze::any(stage, kind, span, dice).await,
            Self::HalfOpen => half_open::any(stage, dice).await,
            Self::Cut { leads } => cut::any(stage, leads, dice).await,
            Self::SlowReader => Box::pin(slow_reader::one(stage)).await,
            Self::Away(span) => away::agent(stage, span).await,
            Self::RollingServices => orderly::services(stage).await,
            Self::Rolling(kind) => orderly::all(stage, kind).await,
            Self::Previous => Box::pin(orderly::previous(stage, args)).await,
            Self::Clock(kind) => Box::pin(clock::jump(stage, kind, dice)).await,
            Self::Quota => full::quota(stage).await,
            Self::Full(prefix) => Box::pin(full::streams(stage, prefix)).await,
            Self::Revoke => Box::pin(taken_away::token(stage)).await,
            Self::Delete => Box::pin(taken_away::bucket(stage)).await,
            Self::Storm(sessions) => Box::pin(storm::dispatcher(stage, sessions, dice)).await,
            Self::RotateMasterKey => Box::pin(keys::rotate_master(stage)).await,
            Self::RenewDataKeys => keys::renew(stage).await,
        }
    }
}

impl Need {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Long => "--long",
            Self::Root => "root",
            Self::Faketime => "libfaketime",
            Self::Previous => "--previous",
        }
    }

    /// Why it is not met; none when it is.
    pub(crate) fn missing(self, args: &Args) -> Option<&'static str> {
        match self {
            Self::Root => (!rustix::process::geteuid().is_root()).then_some("it needs root"),
            Self::Long => (!args.long).then_some("it takes minutes; `--long` runs it"),
            Self::Faketime => (!Path::new(clock::FAKETIME).is_file()).then_some("libfaketime is not installed"),
            Self::Previous => {
                args.previous.is_none().then_some("no earlier version was given; `--previous REV` builds one")
            }
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
    pub(crate) async fn befall(&self, stage: &mut Stage, dice: &mut SmallRng, args: &Args) -> Result<()> {
        self.harm.befall(stage, dice, args).await
    }
}

/// The faults and what they need, one a line.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for fault in all() {
        let on: Vec<_> = fault.on.iter().map(|setting| setting.name()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<24} {} (on {}{})", fault.name, fault.what, on.join(", "), listed(fault.needs));
    }
    for trial in trial::all() {
        let _ = writeln!(text, "{:<24} {} (by itself{})", trial.name, trial.what, listed(trial.needs));
    }
    text
}

fn listed(needs: &[Need]) -> String {
    let needs: Vec<_> = needs.iter().map(|need| need.text()).collect();
    if needs.is_empty() { String::new() } else { format!("; needs {}", needs.join(", ")) }
}

/// Waits: the time itself is the fault.
async fn lasts(span: Duration) {
    tokio::time::sleep(span).await;
}
