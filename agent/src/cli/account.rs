//! Whose account a command works on: server and credentials.

use std::path::PathBuf;

use telemetry::env;

use super::failure::Failure;
use super::global::{Global, URL_DEFAULT};
use super::stored::Stored;
use crate::rest;
use crate::secret::Secret;
use crate::server::Server;
use crate::session::Credentials;

/// Credentials on the command line.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Keys {
    /// The key of a token
    #[arg(short, long, env = "RELAY_KEY")]
    pub(super) key: Option<String>,
    /// Its secret
    #[arg(short, long, env = "RELAY_SECRET", hide_env_values = true)]
    pub(super) secret: Option<Secret>,
}

/// Server and credentials.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) address: String,
    pub(super) server: Server,
    pub(super) key: String,
    pub(super) secret: Secret,
    ca_file: Option<PathBuf>,
}

impl Keys {
    /// Those of the environment.
    pub(super) fn of_environment() -> Self {
        Self { key: env::var("RELAY_KEY"), secret: env::var("RELAY_SECRET").map(Secret::from) }
    }

    /// Those that containers of agents are given: `KEY` and `SECRET`.
    pub(super) fn of_container() -> Self {
        Self { key: env::var("KEY"), secret: env::var("SECRET").map(Secret::from) }
    }

    /// Key and secret, if they are there; what is empty is not there.
    ///
    /// # Errors
    /// When one is there without the other: whoever gave it does not want to be somebody else.
    pub(super) fn pair(self) -> Result<Option<(String, Secret)>, Failure> {
        let key = self.key.filter(|key| !key.is_empty());
        let secret = self.secret.filter(|secret| !secret.reveal().is_empty());
        match (key, secret) {
            (Some(key), Some(secret)) => Ok(Some((key, secret))),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(Failure::Usage("there is a key without its secret: give both in one way".to_owned()))
            }
            (None, Some(_)) => {
                Err(Failure::Usage("there is a secret without its key: give both in one way".to_owned()))
            }
        }
    }
}

impl Account {
    /// The account that `keys` open, or else that of `relay login`.
    ///
    /// # Errors
    /// When there are no credentials, or something that says them cannot be read.
    pub(super) fn find(global: &Global, keys: Keys) -> Result<Self, Failure> {
        let stored = Stored::find()?;
        let (stored_url, stored_pair, stored_ca) = match stored {
            None => (None, None, None),
            Some(Stored { url, key, secret, ca_file }) => (Some(url), Some((key, secret)), ca_file),
        };
        let address = global.address().map(str::to_owned).or(stored_url).unwrap_or_else(|| URL_DEFAULT.to_owned());
        let (key, secret) = keys.pair()?.or(stored_pair).ok_or(Failure::NoCredentials)?;
        let server = global.server(&address, stored_ca.as_ref())?;
        Ok(Self { address, server, key, secret, ca_file: stored_ca })
    }

    /// The account of the environment or of `relay login`, for commands that take no keys.
    ///
    /// # Errors
    /// See [`Account::find`].
    pub(super) fn known(global: &Global) -> Result<Self, Failure> {
        Self::find(global, Keys::of_environment())
    }

    /// What sessions are opened with.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::new(self.key.clone(), self.secret.clone())
    }

    /// The REST API. A secret that is an account's API key goes as a bearer token.
    pub(super) fn rest(&self) -> rest::Client {
        rest::Client::new(self.server.clone(), Some(authorization(&self.key, &self.secret)))
    }

    /// The server of the sessions, if it is another one.
    pub(super) fn session_server(&self, global: &Global, address: Option<&str>) -> Result<Server, Failure> {
        match address.filter(|address| !address.is_empty()) {
            None => Ok(self.server.clone()),
            Some(address) => global.server(address, self.ca_file.as_ref()),
        }
    }
}

/// The value of the `Authorization` header.
pub(super) fn authorization(key: &str, secret: &Secret) -> String {
    match secret.reveal().starts_with("sk-") {
        true => format!("Bearer {}", secret.reveal()),
        false => Credentials::new(key.to_owned(), secret.clone()).basic(),
    }
}
