//! The command line: flags and environment as they are written down; `options` makes values of them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use crypto::Secret;
use instant_acme::LetsEncrypt;
use ipnet::IpNet;
use model::TokenId;
use store::keyring::Scope;
use url::Url;

use crate::certs::Wanted;
use crate::nats::guard;
use crate::options::{Durability, LogFormat, Role};

/// Receives webhooks and brings them to agents in private networks.
///
/// Without a subcommand the server runs. Every flag can be given by its environment variable too.
#[derive(Debug, Parser)]
#[command(name = "relay-server", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// What the program does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a certificate authority and server certificates in a directory; what is there and will
    /// do for 90 more days is kept.
    MakeCerts(MakeCerts),
    /// Ask a server whether it is ready: exit code 0 if it is.
    Health(Health),
    /// Look at the data keys, and rotate keys, while the servers run.
    Keys(KeysOf),
    /// Answer every HTTP request and print it: a destination to try things with. `/livez` is answered
    /// and not printed.
    Echo(Echo),
    /// Run nats-server for the parent process, and stop it when standard input ends.
    #[command(name = guard::SUBCOMMAND, hide = true)]
    NatsGuard(NatsGuard),
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// What this process does; several copies of each role may run.
    #[arg(long, env = "RELAY_ROLES", value_enum, value_delimiter = ',', default_values_t = Role::ALL)]
    pub roles: Vec<Role>,

    /// Where webhooks, the REST API and agents call: address and port. Port 0 takes a free one.
    #[arg(long, env = "RELAY_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,

    /// Where Prometheus finds metrics, at /metrics: address and port, which outsiders should not
    /// reach [default: nowhere]
    #[arg(long, env = "RELAY_METRICS_ADDR")]
    pub metrics_addr: Option<SocketAddr>,

    /// By which URL others reach --http-addr [default: built from --http-addr]
    #[arg(long, env = "RELAY_PUBLIC_URL")]
    pub public_url: Option<Url>,

    /// Where this process keeps its files. One server at a time.
    #[arg(long, env = "RELAY_DATA_DIR", default_value = "relay-data")]
    pub data_dir: PathBuf,

    /// TLS.
    #[command(flatten)]
    pub tls: Tls,

    /// NATS.
    #[command(flatten)]
    pub nats: Nats,

    /// Keys.
    #[command(flatten)]
    pub keys: Keys,

    /// Public outputs.
    #[command(flatten)]
    pub outputs: Outputs,

    /// Limits.
    #[command(flatten)]
    pub limits: Limits,

    /// How log lines look on standard error.
    #[arg(long, env = "RELAY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Which log lines are written, for example `info,dispatcher=debug`.
    #[arg(long, env = "RELAY_LOG", default_value = "info,async_nats=warn")]
    pub log: String,
}

/// TLS on the HTTP address.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Tls {
    /// Certificate chain in PEM; turns TLS on. May be repeated: callers get the one for the host
    /// that they name, or the first. Files that change are read again
    #[arg(long, env = "RELAY_TLS_CERT", value_delimiter = ',', requires = "tls_key", conflicts_with = "tls_local_ca")]
    pub tls_cert: Vec<PathBuf>,

    /// Private key of --tls-cert in PEM; as many of them, in the same order.
    #[arg(long, env = "RELAY_TLS_KEY", value_delimiter = ',', requires = "tls_cert")]
    pub tls_key: Vec<PathBuf>,

    /// Turns TLS on with a certificate authority made in the data directory (`ca/ca.pem`).
    #[arg(long, env = "RELAY_TLS_LOCAL_CA")]
    pub tls_local_ca: bool,

    /// Orders certificates for the domains that accounts have registered, at the ACME authority with
    /// this directory: `letsencrypt`, `letsencrypt-staging` or a URL. You agree to its terms. Without
    /// --tls-cert and --tls-local-ca one is ordered for the host of --public-url too.
    #[arg(long, env = "RELAY_ACME", value_parser = acme_directory)]
    pub acme: Option<Url>,

    /// Address that the authority may write to.
    #[arg(long, env = "RELAY_ACME_CONTACT", requires = "acme")]
    pub acme_contact: Option<String>,

    /// Certificates in PEM by which the authority's own server is trusted [default: the system's]
    #[arg(long, env = "RELAY_ACME_CA_FILE", requires = "acme")]
    pub acme_ca_file: Option<PathBuf>,
}

fn acme_directory(text: &str) -> Result<Url, String> {
    let url = match text {
        "letsencrypt" => LetsEncrypt::Production.url(),
        "letsencrypt-staging" => LetsEncrypt::Staging.url(),
        url => url,
    };
    let url = Url::parse(url).map_err(|err| format!("neither letsencrypt, letsencrypt-staging nor a URL: {err}"))?;
    if url.scheme() == "https" { Ok(url) } else { Err("must begin with https://".to_owned()) }
}

/// Where events are kept.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Nats {
    /// NATS servers with JetStream, `nats://host:port` or `tls://host:port` [default: an own one is
    /// started]
    #[arg(long, env = "RELAY_NATS_URL", value_delimiter = ',')]
    pub nats_url: Vec<Url>,

    /// User for --nats-url.
    #[arg(long, env = "RELAY_NATS_USER", requires = "nats_url")]
    pub nats_user: Option<String>,

    /// Password of --nats-user; best given by the environment.
    #[arg(
        long,
        env = "RELAY_NATS_PASSWORD",
        hide_env_values = true,
        hide = true,
        conflicts_with = "nats_password_file"
    )]
    pub nats_password: Option<Secret>,

    /// File with the password of --nats-user; RELAY_NATS_PASSWORD gives the password itself.
    #[arg(long, env = "RELAY_NATS_PASSWORD_FILE", requires = "nats_user")]
    pub nats_password_file: Option<PathBuf>,

    /// Certificate authority of the NATS servers in PEM.
    #[arg(long, env = "RELAY_NATS_CA_FILE", requires = "nats_url")]
    pub nats_ca_file: Option<PathBuf>,

    /// The nats-server program to start where --nats-url is not given [default: from PATH, or beside
    /// relay-server]
    #[arg(long, env = "RELAY_NATS_SERVER")]
    pub nats_server: Option<PathBuf>,

    /// On how many NATS servers each event is kept: 1, 3 or 5.
    #[arg(long, env = "RELAY_NATS_REPLICAS", default_value_t = 1)]
    pub nats_replicas: u8,

    /// Over how many streams events are spread: the same everywhere, and never changed.
    #[arg(long, env = "RELAY_SHARDS", default_value_t = store::options::SHARDS_DEFAULT)]
    pub shards: u16,

    /// always: a webhook is on disk before it is answered. fast: a power cut can lose two minutes.
    /// With --nats-url the NATS servers decide, and this only says what is reported.
    #[arg(long, env = "RELAY_DURABILITY", value_enum)]
    pub durability: Option<Durability>,
}

/// Keys and the first credentials.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Keys {
    /// The key that wraps all others.
    #[command(flatten)]
    pub master: MasterKey,

    /// Days after which a bucket gets another data key; what was sealed before still opens. 0: never.
    #[arg(long, env = "RELAY_DATA_KEY_DAYS", default_value_t = 90)]
    pub data_key_days: u16,

    /// Key of the first token, a UUID [default: made, and written to admin.json in the data directory]
    #[arg(long, env = "RELAY_ADMIN_KEY", requires = "admin_secret")]
    pub admin_key: Option<TokenId>,

    /// Secret of the first token; best given by RELAY_ADMIN_SECRET.
    #[arg(long, env = "RELAY_ADMIN_SECRET", hide_env_values = true, requires = "admin_key")]
    pub admin_secret: Option<Secret>,
}

/// The key that wraps all others, and those that wrapped before it.
#[derive(Debug, Args)]
#[group(skip)]
pub struct MasterKey {
    /// File with the key that wraps all others: 32 bytes in base64. Further lines are keys that only
    /// open. RELAY_MASTER_KEY gives the keys themselves. [default: made in the data directory, unless
    /// --nats-url is given]
    #[arg(long, env = "RELAY_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,

    /// The master keys themselves, with commas between them; best given by the environment.
    #[arg(long, env = "RELAY_MASTER_KEY", hide_env_values = true, hide = true, conflicts_with = "master_key_file")]
    pub master_key: Option<Secret>,
}

/// What public outputs may call.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Outputs {
    /// The operator's allow list: networks that public outputs may call although they are private,
    /// loopback or reserved. A metadata address must be named by itself.
    #[arg(long, env = "RELAY_ALLOW_PRIVATE_OUTPUTS", value_delimiter = ',', value_name = "CIDR")]
    pub allow_private_outputs: Vec<IpNet>,

    /// Name servers to ask for the destinations of public outputs, address and port, instead of
    /// whatever the system does.
    #[arg(long = "dns-server", env = "RELAY_DNS_SERVERS", value_delimiter = ',', value_name = "ADDR")]
    pub dns_servers: Vec<SocketAddr>,
}

/// Limits on callers.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Limits {
    /// Connections in all; more wait.
    #[arg(long, env = "RELAY_CONNECTIONS_MAX", default_value_t = 10_000)]
    pub connections_max: u32,

    /// Connections of one address (IPv6: of one /64); more are closed. Loopback is free of it. As many
    /// as --connections-max say that all callers come from one address, that of a proxy
    #[arg(long, env = "RELAY_CONNECTIONS_PER_ADDRESS_MAX", default_value_t = 1_000)]
    pub connections_per_address_max: u32,

    /// Largest body of a webhook in bytes, at most 64 MiB.
    #[arg(long, env = "RELAY_BODY_BYTES_MAX", default_value_t = ingress::BODY_BYTES_DEFAULT)]
    pub body_bytes_max: usize,

    /// Memory for the bodies of all webhooks that are being received, in bytes; more are answered 503,
    /// and so are large ones that come slowly while others take more than half of it.
    /// Those of one address have a quarter of it, unless it is that of a proxy
    #[arg(long, env = "RELAY_BODY_MEMORY_BYTES_MAX", default_value_t = ingress::MEMORY_BYTES_DEFAULT)]
    pub body_memory_bytes_max: usize,

    /// Seconds between a request to stop and the moment when no more connections are taken, for
    /// load balancers to notice.
    #[arg(long, env = "RELAY_STOP_DELAY", default_value_t = 0, value_name = "SECONDS")]
    pub stop_delay: u16,

    /// Seconds that requests under way have to finish when the server stops.
    #[arg(long, env = "RELAY_STOP_GRACE", default_value_t = 25, value_name = "SECONDS")]
    pub stop_grace: u16,
}

/// Which certificates to make.
#[derive(Debug, Args)]
pub struct MakeCerts {
    /// The directory: `ca.pem`, `ca.key`, and for each name `<file>.pem` and `<file>.key`.
    #[arg(long)]
    pub dir: PathBuf,

    /// A certificate: its file and the names of the server, as `nats=nats,localhost`.
    #[arg(long = "name", required = true, value_name = "FILE=NAME,…")]
    pub names: Vec<Wanted>,
}

/// Which server to ask.
#[derive(Debug, Args)]
pub struct Health {
    /// What to ask for, `/readyz` where there is no path; any answer but 200 counts as not ready.
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz")]
    pub url: Url,

    /// Certificate authority of the server in PEM, for https.
    #[arg(long)]
    pub ca_file: Option<PathBuf>,
}

/// What to do with which keys.
#[derive(Debug, Args)]
pub struct KeysOf {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Say how many data keys each master key wraps; exit code 1 if some cannot be unwrapped with
    /// the master keys that are given.
    Status(KeysAt),
    /// Wrap every data key under the first of the master keys that are given; exit code 0 once none
    /// is left under another. It may be broken off, and done again.
    Rotate(KeysAt),
    /// Give buckets new data keys. What was sealed before still opens.
    Renew(Renew),
}

/// Where the keys are.
#[derive(Debug, Args)]
pub struct KeysAt {
    /// The data directory of a server that starts its own NATS. It must run.
    #[arg(long, env = "RELAY_DATA_DIR", default_value = "relay-data")]
    pub data_dir: PathBuf,

    /// NATS.
    #[command(flatten)]
    pub nats: Nats,

    /// The master keys.
    #[command(flatten)]
    pub master: MasterKey,
}

/// Whose data keys to renew.
#[derive(Debug, Args)]
pub struct Renew {
    /// Where the keys are.
    #[command(flatten)]
    pub at: KeysAt,

    /// The id of a bucket, or `system` [default: every bucket, and the system]
    #[arg(long)]
    pub bucket: Option<Scope>,
}

/// How to answer.
#[derive(Debug, Args)]
pub struct Echo {
    /// Address and port.
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub addr: SocketAddr,

    /// Status of every answer.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub status: u16,

    /// Print one line of JSON for each request, its body in base64.
    #[arg(long)]
    pub json: bool,
}

/// What to guard.
#[derive(Debug, Args)]
pub struct NatsGuard {
    /// The nats-server program.
    pub binary: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
}
