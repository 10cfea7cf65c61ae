//! Arguments that every command takes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::{BoolishValueParser, FalseyValueParser};
use clap::{ArgAction, ValueEnum};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::failure::Failure;
use crate::proxy::Proxies;
use crate::server::{Server, Trust};

/// The server when nobody says which.
pub(super) const URL_DEFAULT: &str = "http://127.0.0.1:8080";

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Every command")]
pub(super) struct Global {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// The server [default: that of `relay login`, or http://127.0.0.1:8080]
    #[arg(long, global = true, env = "RELAY_API_ADDRESS", value_name = "URL")]
    pub(super) url: Option<String>,
    /// Certificates (PEM) that are trusted beside the system's
    #[arg(long, global = true, env = "RELAY_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Take any certificate of the server
    #[arg(long, global = true, env = "RELAY_INSECURE", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(super) insecure: bool,
    /// Send credentials without TLS to other machines
    #[arg(long, global = true)]
    pub(super) insecure_plaintext: bool,
    /// The same as --insecure-plaintext when it is false
    #[arg(
        long,
        global = true,
        hide = true,
        env = "RELAY_REQUIRE_TLS",
        default_value = "true",
        value_parser = BoolishValueParser::new(),
        action = ArgAction::Set
    )]
    require_tls: bool,
    /// How log lines look
    #[arg(long, global = true, env = "RELAY_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

impl From<LogFormat> for telemetry::log::Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

impl Global {
    /// The server at `address`, trusted as the arguments say.
    ///
    /// # Errors
    /// When the address or the certificates cannot be read.
    pub(super) fn server(&self, address: &str, stored_ca_file: Option<&PathBuf>) -> Result<Server, Failure> {
        let ca_file = self.ca_file.as_ref().filter(|path| !path.as_os_str().is_empty()).or(stored_ca_file);
        let roots = ca_file.map(|path| read_certificates(path)).transpose();
        let roots = roots.map_err(|err| Failure::Usage(format!("{err:#}")))?.unwrap_or_default();
        let plaintext_anywhere = self.insecure_plaintext || !self.require_tls;
        let trust = Trust { roots, any_certificate: self.insecure, plaintext_anywhere };
        let invalid = |err| Failure::Usage(format!("the server's address '{address}': {err}"));
        let server = Server::new(address, trust).map_err(invalid)?;
        let proxies = Proxies::of_environment().map_err(|(name, err)| Failure::Usage(format!("{name}: {err}")))?;
        Ok(server.through(proxies))
    }

    /// The address that the arguments or the environment name.
    pub(super) fn address(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }
}

/// The certificates of a PEM file; a file without any is an error.
fn read_certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read certificates from {}", path.display()))?;
    anyhow::ensure!(!certificates.is_empty(), "{} holds no certificate", path.display());
    Ok(certificates)
}
