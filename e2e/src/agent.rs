//! `relay` as a test runs it: an agent in the private network, or a command.

use std::path::PathBuf;

use tokio::process::Command;

use crate::api::Token;
use crate::netns::Namespace;
use crate::process::Process;
use crate::programs;
use crate::server::{Server, clean_environment};

/// How an agent is to be started.
#[derive(Clone, Debug)]
pub struct Plan {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    home: PathBuf,
    logs: PathBuf,
    /// Another program than that of this workspace.
    program: Option<PathBuf>,
}

/// A running agent.
pub struct Agent {
    plan: Plan,
    process: Process,
}

impl Plan {
    /// An agent of that name, with nothing said yet.
    pub(crate) fn new(name: &str, home: PathBuf, logs: PathBuf) -> Self {
        Self { name: name.to_owned(), args: Vec::new(), env: Vec::new(), home, logs, program: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As this program: one of another version.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// With this token.
    #[must_use]
    pub fn token(self, token: &Token) -> Self {
        self.env("RELAY_KEY", &token.key).env("RELAY_SECRET", &token.secret)
    }

    /// Dials this server, for sessions and for the REST API.
    #[must_use]
    pub fn server(self, server: &Server) -> Self {
        self.servers(server, server)
    }

    /// Dials one server for sessions and another for the REST API.
    #[must_use]
    pub fn servers(self, dispatcher: &Server, api: &Server) -> Self {
        let plan = self.env("RELAY_API_ADDRESS", &api.url()).env("RELAY_GRPC_API_ADDRESS", &dispatcher.url());
        match dispatcher.ca_file() {
            Some(file) => plan.env("RELAY_CA_FILE", &file.to_string_lossy()),
            None => plan,
        }
    }

    /// Runs the agent for one bucket.
    #[must_use]
    pub fn serves(self, bucket: &str) -> Self {
        self.args(["run", "--bucket", bucket])
    }

    /// Runs the agent for every bucket within the token's scope.
    #[must_use]
    pub fn serves_all(self) -> Self {
        self.args(["run"])
    }

    /// In this group.
    #[must_use]
    pub fn group(self, group: &str) -> Self {
        self.args(["--group", group])
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(self) -> anyhow::Result<Agent> {
        let process = self.spawn()?;
        Ok(Agent { plan: self, process })
    }

    /// Starts it inside a namespace.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_in(self, namespace: &Namespace) -> anyhow::Result<Agent> {
        let process = self.run(namespace.command(&self.path()?))?;
        Ok(Agent { plan: self, process })
    }

    fn spawn(&self) -> anyhow::Result<Process> {
        self.run(Command::new(self.path()?))
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        self.program.clone().map_or_else(|| programs::of_workspace("relay"), Ok)
    }

    fn run(&self, mut command: Command) -> anyhow::Result<Process> {
        std::fs::create_dir_all(&self.home)?;
        clean_environment(&mut command, &self.home);
        // Some tests look at which agent holds a connection, which only root sees otherwise.
        command.env("RELAY_DEBUGGABLE", "1");
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value))).current_dir(&self.home);
        Process::start(&self.name, command, &self.logs)
    }
}

impl Agent {
    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Starts it again as it was, as a supervisor would.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = self.plan.spawn()?;
        Ok(())
    }

    /// How it is started.
    pub fn plan(&self) -> Plan {
        self.plan.clone()
    }

    /// Starts it in this way from the next time on.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to be stopped or waited for.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
