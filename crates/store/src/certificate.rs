//! Certificates that are ordered for domains: what every copy serves, and how it came to them.
//!
//! | key | what |
//! |---|---|
//! | `issued.<domain>` | a certificate and its key |
//! | `challenge.<domain>` | what answers the authority while it makes sure of the domain |
//! | `standing.<domain>` | how it stands, and when the next is ordered |
//! | `account.<authority>` | the account at an authority, with its key |
//! | `desk` | who orders, and what was ordered of late |
//!
//! All of it is sealed. Nothing is trusted for being there: a certificate is checked by who serves it.

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{self, Operation};
use bytes::Bytes;
use crypto::seal::Kind;
use futures_util::StreamExt;
use model::DomainId;
use model::certificate::{Challenge, Desk, Issued, Standing};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;
use uuid::Uuid;

use crate::Error;
use crate::keyring::{Keyring, Scope};
use crate::layout;

const DESK: &str = "desk";

/// The certificates. Clones share nothing that matters.
#[derive(Clone)]
pub struct Certificates {
    context: Context,
    keyring: Keyring,
}

/// Which state of the desk a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskRevision(u64);

/// What has changed; nothing where it is gone.
#[derive(Clone, Debug)]
pub enum Change {
    /// A domain's certificate.
    Issued(DomainId, Option<Issued>),
    /// A domain's challenge.
    Challenge(DomainId, Option<Challenge>),
    /// How it stands with a domain.
    Standing(DomainId, Option<Standing>),
}

#[derive(Clone, Copy)]
enum What {
    Issued,
    Challenge,
    Standing,
}

impl Certificates {
    pub(crate) fn new(context: Context, keyring: Keyring) -> Self {
        Self { context, keyring }
    }

    /// Tells of everything that is there, and then of every change, until the watch breaks.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn follow(&self, mut tell: impl FnMut(Change)) -> Result<(), Error> {
        let what = "watch the certificates";
        let filters = ["issued.*", "challenge.*", "standing.*"];
        let kv = self.kv().await?;
        let mut entries = kv.watch_many_with_history(filters).await.map_err(|e| Error::unavailable(what, e))?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|e| Error::unavailable(what, e))?;
            match self.change(&entry).await {
                Ok(Some(change)) => tell(change),
                Ok(None) => {}
                Err(error) => warn!(key = entry.key, %error, "a certificate's record cannot be read"),
            }
        }
        Ok(())
    }

    /// How it stands with a domain; `None` where none was ever ordered.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn standing(&self, domain: DomainId) -> Result<Option<Standing>, Error> {
        self.get(&key_of(What::Standing, domain)).await
    }

    /// Notes how it stands with a domain.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_standing(&self, domain: DomainId, standing: &Standing) -> Result<(), Error> {
        self.put(&key_of(What::Standing, domain), standing).await
    }

    /// Keeps a domain's certificate, for every copy to serve.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_issued(&self, domain: DomainId, issued: &Issued) -> Result<(), Error> {
        self.put(&key_of(What::Issued, domain), issued).await
    }

    /// Has every copy answer a challenge.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_challenge(&self, domain: DomainId, challenge: &Challenge) -> Result<(), Error> {
        self.put(&key_of(What::Challenge, domain), challenge).await
    }

    /// Has every copy answer it no longer.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_challenge(&self, domain: DomainId) -> Result<(), Error> {
        self.purge(&key_of(What::Challenge, domain)).await
    }

    /// Forgets all that there is of a domain.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then some of it may be left.
    pub async fn forget(&self, domain: DomainId) -> Result<(), Error> {
        for what in [What::Issued, What::Challenge, What::Standing] {
            self.purge(&key_of(what, domain)).await?;
        }
        Ok(())
    }

    /// The account at an authority, as its client wrote it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn account<T: DeserializeOwned>(&self, authority: Uuid) -> Result<Option<T>, Error> {
        self.get(&account_key(authority)).await
    }

    /// Keeps the account at an authority.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_account<T: Serialize>(&self, authority: Uuid, account: &T) -> Result<(), Error> {
        self.put(&account_key(authority), account).await
    }

    /// The desk as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn desk(&self) -> Result<(Desk, DeskRevision), Error> {
        let entry = self.kv().await?.entry(DESK).await.map_err(|e| Error::unavailable("look at the desk", e))?;
        match entry {
            Some(entry) => Ok((self.read(DESK, entry.value).await?, DeskRevision(entry.revision))),
            None => Ok((Desk::default(), DeskRevision(0))),
        }
    }

    /// Replaces the desk that was read at `revision`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else was faster; [`Error::Unavailable`].
    pub async fn update_desk(&self, desk: &Desk, revision: DeskRevision) -> Result<DeskRevision, Error> {
        let sealed = self.seal(DESK, desk)?;
        match self.kv().await?.update(DESK, sealed, revision.0).await {
            Ok(revision) => Ok(DeskRevision(revision)),
            Err(e) if e.kind() == kv::UpdateErrorKind::WrongLastRevision => Err(Error::Conflict),
            Err(e) => Err(Error::unavailable("take the desk", e)),
        }
    }

    async fn change(&self, entry: &kv::Entry) -> Result<Option<Change>, Error> {
        let Some((what, domain)) = parse(&entry.key) else { return Ok(None) };
        let value = match entry.operation {
            Operation::Put => Some(entry.value.clone()),
            Operation::Delete | Operation::Purge => None,
        };
        let key = &entry.key;
        Ok(Some(match what {
            What::Issued => Change::Issued(domain, self.read_some(key, value).await?),
            What::Challenge => Change::Challenge(domain, self.read_some(key, value).await?),
            What::Standing => Change::Standing(domain, self.read_some(key, value).await?),
        }))
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let value = self.kv().await?.get(key).await.map_err(|e| Error::unavailable("read of a certificate", e))?;
        self.read_some(key, value).await
    }

    async fn read_some<T: DeserializeOwned>(&self, key: &str, sealed: Option<Bytes>) -> Result<Option<T>, Error> {
        match sealed {
            Some(sealed) => self.read(key, sealed).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read<T: DeserializeOwned>(&self, key: &str, sealed: Bytes) -> Result<T, Error> {
        let json = self.keyring.open(Scope::System, Kind::Record, &subject(key), sealed).await?;
        serde_json::from_slice(&json).map_err(|e| Error::unreadable(key, e))
    }

    async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Error> {
        let sealed = self.seal(key, value)?;
        let put = self.kv().await?.put(key, sealed).await;
        put.map(|_| ()).map_err(|e| Error::unavailable("keep of a certificate", e))
    }

    fn seal<T: Serialize>(&self, key: &str, value: &T) -> Result<Bytes, Error> {
        let json = serde_json::to_vec(value).map_err(|e| Error::unreadable(key, e))?;
        self.keyring.seal(Scope::System, Kind::Record, &subject(key), &json)
    }

    async fn purge(&self, key: &str) -> Result<(), Error> {
        self.kv().await?.purge(key).await.map_err(|e| Error::unavailable("forget a certificate", e))
    }

    /// Opened at each use: processes that serve none of them must not even try.
    async fn kv(&self) -> Result<kv::Store, Error> {
        let opened = self.context.get_key_value(layout::CERTIFICATE).await;
        opened.map_err(|e| Error::unavailable("open the certificates", e))
    }
}

/// What a value is sealed for: records of the directory have keys of the same form.
fn subject(key: &str) -> Vec<u8> {
    format!("certificate.{key}").into_bytes()
}

fn account_key(authority: Uuid) -> String {
    format!("account.{}", authority.simple())
}

fn key_of(what: What, domain: DomainId) -> String {
    let kind = match what {
        What::Issued => "issued",
        What::Challenge => "challenge",
        What::Standing => "standing",
    };
    format!("{kind}.{}", domain.0.simple())
}

fn parse(key: &str) -> Option<(What, DomainId)> {
    let (kind, domain) = key.split_once('.')?;
    let what = match kind {
        "issued" => What::Issued,
        "challenge" => What::Challenge,
        "standing" => What::Standing,
        _ => return None,
    };
    Some((what, DomainId(Uuid::try_parse(domain).ok()?)))
}
