//! What a server is told, as values that cannot be wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use crypto::Secret;
use crypto::key::MasterKeys;
use model::TokenId;
use url::Url;

use crate::acme;
use crate::cli;
use crate::listener::Limits;
use crate::tls;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where the local certificate authority lies in the data directory.
const AUTHORITY_DIR: &str = "ca";

/// A part of the server. Copies of it may run in any number of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Takes webhooks.
    Ingress,
    /// Serves agents and keeps their cursors.
    Dispatcher,
    /// Checks credentials, and creates the streams.
    Auth,
    /// Serves the REST API.
    Api,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Ingress, Self::Dispatcher, Self::Auth, Self::Api];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Dispatcher => "dispatcher",
            Self::Auth => "auth",
            Self::Api => "api",
        })
    }
}

/// At least one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// The roles of a list, in which one may stand twice; none for an empty list.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Option<Self> {
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        (!roles.is_empty()).then_some(Self(roles))
    }

    /// Whether this process has the role.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Role::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// When an accepted webhook is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// Before the caller gets the 200.
    Always,
    /// Within two minutes; a killed process loses nothing, a power cut can.
    Fast,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::Fast => "fast",
        })
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Everything that a server is told.
#[derive(Debug)]
pub struct Options {
    /// What it does.
    pub roles: Roles,
    /// Where it listens.
    pub http_addr: SocketAddr,
    /// Where metrics are served, if anywhere.
    pub metrics_addr: Option<SocketAddr>,
    /// Where others reach it; when not given it follows from the address that was bound.
    pub public_url: Option<Url>,
    /// Where its certificate comes from; none for plaintext.
    pub tls: Option<tls::Source>,
    /// Where certificates for domains are ordered.
    pub acme: Option<acme::Config>,
    /// Its files.
    pub data_dir: PathBuf,
    /// Where events are kept.
    pub nats: Nats,
    /// On how many NATS servers each event is kept.
    pub replicas: usize,
    /// Over how many streams events are spread.
    pub shards: u16,
    /// The keys that wrap all others.
    pub master_key: MasterKeySource,
    /// After which time a bucket's data key is followed by another, if ever.
    pub key_age_max: Option<Duration>,
    /// The first token; when not given it is made.
    pub admin: Option<Admin>,
    /// Limits on callers.
    pub limits: Limits,
    /// Limits on webhooks.
    pub ingress: ingress::Config,
    /// What public outputs may call.
    pub dispatcher: dispatcher::Config,
    /// From the request to stop until no more connections are taken.
    pub stop_delay: Duration,
}

/// Which NATS.
#[derive(Debug)]
pub enum Nats {
    /// Our own, started by us.
    Embedded {
        /// The program, where it is named.
        binary: Option<PathBuf>,
        /// What it is told about flushing.
        durability: Durability,
    },
    /// One that others run.
    External {
        /// `nats://host:port` or `tls://host:port`.
        servers: Vec<String>,
        /// User and password.
        credentials: Option<(String, Secret)>,
        /// Its certificate authority.
        ca_file: Option<PathBuf>,
        /// What its operator says about flushing, to report it.
        durability: Option<Durability>,
    },
}

/// Where the master key comes from.
#[derive(Debug)]
pub enum MasterKeySource {
    /// They were given.
    Given(MasterKeys),
    /// It lies in the data directory, and is made there for an empty store.
    DataDir,
}

/// The credentials of the first token.
#[derive(Debug)]
pub struct Admin {
    /// The key, which is the token's id.
    pub key: TokenId,
    /// Its secret.
    pub secret: Secret,
}

impl Options {
    /// Makes options of what was written on the command line and in the environment.
    ///
    /// # Errors
    /// Where something contradicts itself, cannot be read, or is out of its range; the message
    /// names the flag.
    pub fn from_cli(cli: cli::Serve) -> anyhow::Result<Self> {
        let (replicas, shards) = (cli.nats.nats_replicas, cli.nats.shards);
        let nats = nats(cli.nats)?;
        let embedded = matches!(nats, Nats::Embedded { .. });
        ensure!(matches!(replicas, 1 | 3 | 5), "--nats-replicas is {replicas}, and must be 1, 3 or 5");
        ensure!(replicas == 1 || !embedded, "--nats-replicas {replicas} needs --nats-url: our own nats-server is one");
        let shards_max = store::options::SHARDS_MAX;
        ensure!((1..=shards_max).contains(&shards), "--shards is {shards}, and must be 1 to {shards_max}");
        if let Some(url) = &cli.public_url {
            check_public_url(url)?;
        }
        let roles = Roles::new(cli.roles).context("--roles is empty")?;
        ensure!(cli.tls.acme.is_none() || roles.has(Role::Ingress), "--acme needs the role ingress");
        Ok(Self {
            roles,
            acme: acme_config(&cli.tls, cli.public_url.as_ref()),
            tls: tls_source(&cli.tls, &cli.data_dir, cli.http_addr, cli.public_url.as_ref())?,
            master_key: master_key(&cli.keys.master, embedded)?,
            key_age_max: (cli.keys.data_key_days > 0).then(|| DAY * u32::from(cli.keys.data_key_days)),
            admin: cli.keys.admin_key.zip(cli.keys.admin_secret).map(|(key, secret)| Admin { key, secret }),
            limits: limits(&cli.limits)?,
            ingress: ingress(&cli.limits)?,
            dispatcher: dispatcher::Config {
                allowed_networks: cli.outputs.allow_private_outputs,
                dns_servers: cli.outputs.dns_servers,
            },
            stop_delay: Duration::from_secs(cli.limits.stop_delay.into()),
            http_addr: cli.http_addr,
            metrics_addr: cli.metrics_addr,
            public_url: cli.public_url,
            data_dir: cli.data_dir,
            nats,
            replicas: replicas.into(),
            shards,
        })
    }

    /// Whether this process keeps files: its own NATS, the master key, a certificate authority, or
    /// an admin token that may have to be made.
    pub fn needs_data_dir(&self) -> bool {
        matches!(self.nats, Nats::Embedded { .. })
            || matches!(self.master_key, MasterKeySource::DataDir)
            || matches!(self.tls, Some(tls::Source::LocalAuthority { .. }))
            || (self.roles.has(Role::Auth) && self.admin.is_none())
    }

    /// A directory on the disk of our own NATS.
    pub fn own_disk(&self) -> Option<PathBuf> {
        matches!(self.nats, Nats::Embedded { .. }).then(|| self.data_dir.clone())
    }

    /// The setting to report: none where others decide it and did not say.
    pub fn durability(&self) -> Option<Durability> {
        match &self.nats {
            Nats::Embedded { durability, .. } => Some(*durability),
            Nats::External { durability, .. } => *durability,
        }
    }
}

/// The URL under which a bound address can be called from this machine.
pub fn url_of(bound: SocketAddr, is_tls: bool) -> anyhow::Result<Url> {
    let scheme = if is_tls { "https" } else { "http" };
    let url = if bound.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", bound.port())
    } else {
        format!("{scheme}://{bound}")
    };
    Url::parse(&url).with_context(|| format!("make a URL of {bound}"))
}

fn check_public_url(url: &Url) -> anyhow::Result<()> {
    ensure!(matches!(url.scheme(), "http" | "https"), "--public-url must begin with http:// or https://");
    ensure!(url.has_host(), "--public-url has no host");
    ensure!(url.username().is_empty() && url.password().is_none(), "--public-url must not hold credentials");
    ensure!(url.query().is_none() && url.fragment().is_none(), "--public-url must not have a query or a fragment");
    ensure!(url.path() == "/", "--public-url must not have a path: everything is served from the root");
    Ok(())
}

fn tls_source(
    cli: &cli::Tls,
    data_dir: &Path,
    http_addr: SocketAddr,
    public_url: Option<&Url>,
) -> anyhow::Result<Option<tls::Source>> {
    let (certs, keys) = (&cli.tls_cert, &cli.tls_key);
    ensure!(certs.len() == keys.len(), "--tls-cert and --tls-key must be given equally often");
    if !certs.is_empty() {
        let pairs = certs.iter().zip(keys).map(|(cert, key)| tls::Pair { cert: cert.clone(), key: key.clone() });
        return Ok(Some(tls::Source::Files(pairs.collect())));
    }
    let local = cli.tls_local_ca.then(|| {
        let mut names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string(), "::1".to_owned()];
        let listens = Some(http_addr.ip()).filter(|ip| !ip.is_unspecified()).map(|ip: IpAddr| ip.to_string());
        let called = public_url.and_then(Url::host_str).map(|host| host.trim_matches(['[', ']']).to_owned());
        for name in [listens, called].into_iter().flatten() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        tls::Source::LocalAuthority { dir: data_dir.join(AUTHORITY_DIR), names }
    });
    Ok(local.or(cli.acme.is_some().then_some(tls::Source::Ordered)))
}

fn acme_config(cli: &cli::Tls, public_url: Option<&Url>) -> Option<acme::Config> {
    let has_own = !cli.tls_cert.is_empty() || cli.tls_local_ca;
    let own_name = public_url.filter(|_| !has_own).and_then(Url::domain).map(str::to_owned);
    cli.acme.clone().map(|directory| acme::Config {
        directory,
        contact: cli.acme_contact.clone(),
        ca_file: cli.acme_ca_file.clone(),
        own_name,
    })
}

pub(crate) fn nats(cli: cli::Nats) -> anyhow::Result<Nats> {
    if cli.nats_url.is_empty() {
        return Ok(Nats::Embedded {
            binary: cli.nats_server,
            durability: cli.durability.unwrap_or(Durability::Always),
        });
    }
    let mut servers = Vec::new();
    for url in &cli.nats_url {
        ensure!(matches!(url.scheme(), "nats" | "tls"), "--nats-url must begin with nats:// or tls://");
        ensure!(url.has_host(), "--nats-url has no host");
        ensure!(
            url.username().is_empty() && url.password().is_none(),
            "--nats-url must not hold credentials; give --nats-user and RELAY_NATS_PASSWORD"
        );
        servers.push(url.to_string());
    }
    let password = match (cli.nats_password, &cli.nats_password_file) {
        (Some(password), _) => Some(password),
        (None, Some(path)) => Some(read_secret(path).context("--nats-password-file")?),
        (None, None) => None,
    };
    let credentials = match (cli.nats_user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => bail!("--nats-user needs RELAY_NATS_PASSWORD or --nats-password-file"),
        (None, Some(_)) => bail!("RELAY_NATS_PASSWORD needs --nats-user"),
    };
    Ok(Nats::External { servers, credentials, ca_file: cli.nats_ca_file, durability: cli.durability })
}

pub(crate) fn master_key(cli: &cli::MasterKey, embedded: bool) -> anyhow::Result<MasterKeySource> {
    let text = match (&cli.master_key, &cli.master_key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(path)) => read_secret(path).context("--master-key-file")?,
        (None, None) if embedded => return Ok(MasterKeySource::DataDir),
        (None, None) => bail!(
            "--master-key-file or RELAY_MASTER_KEY is required with --nats-url, and must be the same for every \
             relay-server of that NATS; `openssl rand -base64 32` makes one"
        ),
    };
    Ok(MasterKeySource::Given(text.expose().parse().context("read the master keys")?))
}

fn limits(cli: &cli::Limits) -> anyhow::Result<Limits> {
    ensure!(cli.connections_max > 0, "--connections-max must be at least 1");
    ensure!(cli.connections_per_address_max > 0, "--connections-per-address-max must be at least 1");
    Ok(Limits {
        connections_max: usize::try_from(cli.connections_max)?,
        connections_per_address_max: usize::try_from(cli.connections_per_address_max)?,
        grace: Duration::from_secs(cli.stop_grace.into()),
        ..Limits::default()
    })
}

/// Where one address may have all connections, it is that of a proxy.
fn ingress(cli: &cli::Limits) -> anyhow::Result<ingress::Config> {
    let config = ingress::Config::new(cli.body_bytes_max, cli.body_memory_bytes_max).map_err(|err| {
        let flag = match err {
            ingress::InvalidLimits::Body => "--body-bytes-max",
            ingress::InvalidLimits::Memory { .. } => "--body-memory-bytes-max",
        };
        anyhow::Error::new(err).context(flag)
    })?;
    Ok(if cli.connections_per_address_max < cli.connections_max { config } else { config.behind_proxy() })
}

/// A secret from a file, without the line end that editors leave.
fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(Secret::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests;
