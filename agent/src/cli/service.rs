//! `relay service`: the agent as a service of this machine.
//!
//! systemd, launchd and the like are spoken to by `service-manager`; the unit of systemd is ours.

mod unit;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use service_manager::{
    RestartPolicy, ServiceInstallCtx, ServiceLabel, ServiceLevel, ServiceManager as _, ServiceStartCtx, ServiceStatus,
    ServiceStatusCtx, ServiceStopCtx, ServiceUninstallCtx, TypedServiceManager,
};

use super::failure::Failure;
use super::file::File;
use super::out::Out;

/// What the service is called, unless somebody says otherwise.
const NAME_DEFAULT: &str = "relay-agent";
/// How long the service manager waits before it starts an agent again that has ended, in seconds.
const RESTART_SECONDS: u32 = 5;

const EXAMPLES: &str = "\
Examples:
  relay service install -c ~/relay.yml && relay service start
  sudo relay service install --system -c /etc/relay/relay.yml
  relay service status
  relay service install -c relay.yml --print      show the unit and install nothing

Without --system the service belongs to this user; on Linux it then runs while the user is logged
in, or always after `loginctl enable-linger`.";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Install a service that runs `relay run -c FILE`, from the next start of the machine on
    Install {
        /// The file, usually relay.yml; key and secret must be in it
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Print what would be installed, and install nothing
        #[arg(long)]
        print: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Start it now
    Start {
        #[command(flatten)]
        which: Which,
    },
    /// Stop it until the next start
    Stop {
        #[command(flatten)]
        which: Which,
    },
    /// Say whether it runs
    Status {
        #[command(flatten)]
        which: Which,
    },
    /// Stop it and take it away
    Uninstall {
        #[command(flatten)]
        which: Which,
    },
}

/// Which service.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(super) struct Which {
    /// A service of the machine, not of this user; wants the rights for that
    #[arg(long)]
    system: bool,
    /// Its name, for machines with several
    #[arg(long, value_name = "NAME", default_value = NAME_DEFAULT, value_parser = name)]
    name: String,
}

pub(super) fn run(command: Command, out: &mut Out) -> Result<(), Failure> {
    match command {
        Command::Install { config, print, which } => install(&config, print, &which, out),
        Command::Start { which } => {
            let label = which.label();
            which.manager()?.start(ServiceStartCtx { label }).with_context(|| which.failed("start"))?;
            which.done(out, "started")
        }
        Command::Stop { which } => {
            let label = which.label();
            which.manager()?.stop(ServiceStopCtx { label }).with_context(|| which.failed("stop"))?;
            which.done(out, "stopped")
        }
        Command::Status { which } => status(&which, out),
        Command::Uninstall { which } => {
            let manager = which.manager()?;
            // It may be stopped already.
            if let Err(err) = manager.stop(ServiceStopCtx { label: which.label() }) {
                tracing::debug!(error = %err, "the service was not stopped");
            }
            let gone = manager.uninstall(ServiceUninstallCtx { label: which.label() });
            gone.with_context(|| which.failed("uninstall"))?;
            which.done(out, "uninstalled")
        }
    }
}

fn install(config: &std::path::Path, print: bool, which: &Which, out: &mut Out) -> Result<(), Failure> {
    // What is wrong with the file is said now, and not by a service that never comes up.
    File::read(config)?;
    let config = std::path::absolute(config)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let args: Vec<OsString> = vec!["run".into(), "--config".into(), config.clone().into_os_string()];
    let contents = unit::render(&program, &args, which.system)?;
    if print {
        return Ok(out.line(contents.trim_end())?);
    }
    let manager = which.manager()?;
    let context = ServiceInstallCtx {
        label: which.label(),
        program,
        args,
        contents: matches!(manager, TypedServiceManager::Systemd(_)).then_some(contents),
        username: None,
        working_directory: None,
        environment: None,
        autostart: true,
        restart_policy: RestartPolicy::Always { delay_secs: Some(RESTART_SECONDS) },
    };
    manager.install(context).with_context(|| which.failed("install"))?;
    let flag = if which.system { " --system" } else { "" };
    let done = json!({ "name": which.name, "system": which.system, "config": config, "status": "installed" });
    Ok(out.thing(&done, format_args!("{} is installed. Start it: relay service start{flag}", which.name))?)
}

/// Exit code 1 when it does not run.
fn status(which: &Which, out: &mut Out) -> Result<(), Failure> {
    let status = which.manager()?.status(ServiceStatusCtx { label: which.label() });
    let word = match status.with_context(|| which.failed("look at"))? {
        ServiceStatus::Running => "running",
        ServiceStatus::Stopped(_) => "stopped",
        ServiceStatus::NotInstalled => "not installed",
    };
    out.thing(&json!({ "name": which.name, "status": word }), format_args!("{}: {word}", which.name))?;
    match word {
        "running" => Ok(()),
        word => Err(anyhow::anyhow!("{} is {word}", which.name).into()),
    }
}

impl Which {
    fn label(&self) -> ServiceLabel {
        ServiceLabel { qualifier: None, organization: None, application: self.name.clone() }
    }

    fn manager(&self) -> Result<TypedServiceManager, Failure> {
        let none = "this machine has no service manager that relay knows (systemd, launchd, OpenRC, rc.d, WinSW); \
                    have `relay run -c FILE` started by whatever starts services here";
        let mut manager = TypedServiceManager::native().map_err(|_| anyhow::anyhow!(none))?;
        if !manager.available().unwrap_or(false) {
            return Err(anyhow::anyhow!(none).into());
        }
        if matches!(manager, TypedServiceManager::Sc(_)) {
            let text = "Windows starts only programs that speak its service protocol: put WinSW.exe into PATH, which \
                        does it for relay";
            return Err(anyhow::anyhow!(text).into());
        }
        let level = if self.system { ServiceLevel::System } else { ServiceLevel::User };
        let set = manager.set_level(level);
        set.context("the service manager of this machine has no services of users; say --system")?;
        Ok(manager)
    }

    fn failed(&self, what: &str) -> String {
        format!("cannot {what} the service {}", self.name)
    }

    fn done(&self, out: &mut Out, how: &str) -> Result<(), Failure> {
        Ok(out.thing(&json!({ "name": self.name, "status": how }), format_args!("{} {how}", self.name))?)
    }
}

/// A name that can stand in file names and labels.
fn name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.chars().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("a name has letters, digits, - and _".to_owned()),
    }
}
