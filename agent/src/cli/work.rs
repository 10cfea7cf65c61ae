//! The agent as `relay forward` and `relay run` start it.

use std::net::SocketAddr;

use clap::ArgAction;
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use telemetry::{Stop, stop};

use super::account::Account;
use super::failure::Failure;
use super::global::Global;
use super::relayer;
use crate::agent::{self, GRACE, Options};
use crate::allow::{Allow, Rule};
use crate::session::{Choice, Subscription};
use crate::worker::Exec;

/// How many attempts are made at once unless the owner says otherwise.
const CONCURRENCY_DEFAULT: u32 = 512;
/// The same for commands: what deploys or restarts something should not run beside itself.
const COMMANDS_DEFAULT: u32 = 1;
/// The most that servers grant.
const CONCURRENCY_MAX: i64 = 4096;

/// What the owner says about the agent.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(super) struct Work {
    /// Agents of one group share the work; each group gets every event [default: the token's own]
    #[arg(long, env = "RELAY_GROUP", value_name = "NAME")]
    pub(super) group: Option<String>,
    /// A destination that may be called, whatever the server says: host, host:port, network or
    /// URL prefix; may be repeated [default: all but cloud metadata addresses]
    #[arg(
        long,
        env = "RELAY_ALLOW",
        value_name = "DESTINATION",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(super) allow: Vec<String>,
    /// How many attempts are made at once [default: 512, or 1 for commands]
    #[arg(
        long,
        env = "RELAY_CONCURRENCY",
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=CONCURRENCY_MAX)
    )]
    pub(super) concurrency: Option<u32>,
    /// Answer GET /healthz here: 200 while a session is open, 503 otherwise
    #[arg(long, env = "RELAY_HEALTH_ADDR", value_name = "ADDRESS")]
    pub(super) health_addr: Option<SocketAddr>,
    /// The server of the sessions, if it is another one
    #[arg(long, env = "RELAY_GRPC_API_ADDRESS", value_name = "URL")]
    pub(super) grpc_url: Option<String>,
    /// Open sessions over a WebSocket at once, not only where gRPC is blocked
    #[arg(long, env = "WEBSOCKET_TRANSPORT", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) ws: bool,
    #[command(flatten)]
    pub(super) relayer: relayer::Args,
}

impl Work {
    /// Runs the agent until the process is asked to end.
    ///
    /// # Errors
    /// When an argument cannot be used, or the server refuses.
    pub(super) async fn run(
        self,
        global: &Global,
        account: &Account,
        buckets: Vec<String>,
        exec: Option<Exec>,
    ) -> Result<(), Failure> {
        let credits = self.concurrency.unwrap_or(if exec.is_some() { COMMANDS_DEFAULT } else { CONCURRENCY_DEFAULT });
        let options = Options {
            server: account.session_server(global, self.grpc_url.as_deref())?,
            transports: if self.ws { Choice::WebSocket } else { Choice::Either },
            credentials: account.credentials(),
            subscription: Subscription { buckets, group: self.group.unwrap_or_default(), credits },
            relayer: relayer::relayer(exec, allow(&self.allow)?),
            health_addr: self.health_addr,
            grace: GRACE,
        };
        let stop = Stop::new();
        let asked = async {
            let asked = stop::requested().await;
            match asked {
                Ok(()) => tracing::info!("stopping: no new deliveries are taken, those under way are finished"),
                Err(err) => tracing::error!(error = %err, "signals cannot be received"),
            }
            stop.give();
            // A second request ends the process at once.
            if stop::requested().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            result = agent::run(options, &stop) => {
                result?;
                tracing::info!("stopped");
                Ok(())
            }
            () = asked => Err(Failure::Other(anyhow::anyhow!("stopped at once: deliveries under way were given up"))),
        }
    }
}

/// The list of destinations. One that is empty is refused: a list of none would allow all.
pub(super) fn allow(rules: &[String]) -> Result<Allow, Failure> {
    let rules = rules.iter().map(|rule| rule.trim());
    let rules = rules.map(|rule| rule.parse::<Rule>().map_err(|err| Failure::Usage(format!("--allow {rule}: {err}"))));
    Ok(Allow::new(rules.collect::<Result<_, _>>()?))
}
