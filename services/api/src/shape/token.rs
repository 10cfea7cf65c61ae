//! Tokens as JSON. Their secrets are in one answer only: the one to their making.

use crypto::{Secret, api_key};
use model::TokenId;
use model::name::NAME_BYTES_MAX;
use model::record::{self, ApiAccess, Scopes};
use serde::Serialize;

use super::Fields;
use crate::error::Error;
use crate::limits::SCOPE_NAMES_MAX;

/// The zero time of Go, in Unix seconds: a client in Go sends it for a time that it did not read.
const GO_ZERO_TIME: i64 = -62_135_596_800;
/// Longer than any word for API access.
const API_ACCESS_BYTES_MAX: usize = 16;

/// What a request says about a token.
#[derive(Debug, Default)]
pub(crate) struct Change {
    description: Option<String>,
    buckets: Option<Vec<String>>,
    tunnels: Option<Vec<String>>,
    api_access: Option<ApiAccess>,
    active: Option<bool>,
}

impl Change {
    /// Reads what is said.
    ///
    /// A client in Go cannot leave `active` out. When it filled the token by hand instead of
    /// reading it, which its zero time gives away, `false` says nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        let scopes = fields.object("scopes")?.unwrap_or_default();
        let names = |field| scopes.texts(field, SCOPE_NAMES_MAX, NAME_BYTES_MAX);
        let by_hand = fields.said("created_at").is_some_and(|time| time.as_i64() == Some(GO_ZERO_TIME));
        Ok(Self {
            description: fields.description()?,
            buckets: names("buckets")?,
            tunnels: names("tunnels")?,
            api_access: read_api_access(fields)?,
            active: fields.flag("active")?.filter(|active| *active || !by_hand),
        })
    }

    /// Changes a token. What was granted before ends when what it may do changes.
    pub(crate) fn apply(&self, token: &mut record::Token) {
        let before = (token.scopes.clone(), token.api_access, token.active);
        if let Some(description) = &self.description {
            token.description.clone_from(description);
        }
        if let Some(buckets) = &self.buckets {
            token.scopes.buckets.clone_from(buckets);
        }
        if let Some(tunnels) = &self.tunnels {
            token.scopes.tunnels.clone_from(tunnels);
        }
        token.api_access = self.api_access.unwrap_or(token.api_access);
        token.active = self.active.unwrap_or(token.active);
        if before != (token.scopes.clone(), token.api_access, token.active) {
            token.generation += 1;
        }
    }

    /// The description, scopes and API access of a new token.
    pub(crate) fn into_new(self) -> (String, Scopes, ApiAccess) {
        let scopes = Scopes { buckets: self.buckets.unwrap_or_default(), tunnels: self.tunnels.unwrap_or_default() };
        (self.description.unwrap_or_default(), scopes, self.api_access.unwrap_or_default())
    }
}

/// `none` and the empty text say nothing: clients send them for what was not set.
fn read_api_access(fields: &Fields) -> Result<Option<ApiAccess>, Error> {
    match fields.text("api_access", API_ACCESS_BYTES_MAX)? {
        None | Some("" | "none") => Ok(None),
        Some("enabled") => Ok(Some(ApiAccess::Enabled)),
        Some("disabled") => Ok(Some(ApiAccess::Disabled)),
        Some(_) => Err(fields.invalid("api_access", "must be enabled or disabled")),
    }
}

/// A token.
#[derive(Serialize)]
pub(crate) struct Token<'a> {
    id: TokenId,
    created_at: u64,
    updated_at: u64,
    active: bool,
    api_access: ApiAccess,
    description: &'a str,
    last_login: &'static str,
    scopes: &'a Scopes,
}

impl<'a> Token<'a> {
    /// Shows a token. When it was last used is not kept.
    pub(crate) fn new(token: &'a record::Token) -> Self {
        Self {
            id: token.id,
            created_at: token.created_at.seconds(),
            updated_at: token.updated_at.seconds(),
            active: token.active,
            api_access: token.api_access,
            description: &token.description,
            last_login: "",
            scopes: &token.scopes,
        }
    }
}

/// A token that was just made, with its secret.
#[derive(Serialize)]
pub(crate) struct Issued {
    /// Its id.
    pub(crate) key: TokenId,
    /// Its secret: this is the only time it is shown.
    #[serde(with = "crypto::secret::exposed")]
    pub(crate) secret: Secret,
    /// Ours: both in one text, for clients that take an API key.
    #[serde(with = "crypto::secret::exposed")]
    api_key: Secret,
}

impl Issued {
    /// Shows it.
    pub(crate) fn new(key: TokenId, secret: Secret) -> Self {
        Self { key, api_key: api_key::write(key, &secret), secret }
    }
}

#[cfg(test)]
mod tests;
