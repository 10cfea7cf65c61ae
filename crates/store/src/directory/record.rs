//! The kinds of records: how their keys are written, and whose key seals them.

use std::fmt;

use crypto::session::PublicKey;
use model::record::{Account, Bucket, Cron, Domain, Group, Input, Integration, Output, Token};
use model::{AccountId, BucketId, CronId, DomainId, GroupId, InputId, IntegrationId, OutputId, TokenId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::keyring::Scope;

/// The key of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// `account.<account>`
    Account(AccountId),
    /// `bucket.<bucket>`
    Bucket(BucketId),
    /// `input.<bucket>.<input>`
    Input(BucketId, InputId),
    /// `output.<bucket>.<output>`
    Output(BucketId, OutputId),
    /// `token.<token>`
    Token(TokenId),
    /// `group.<bucket>.<output>.<group>`
    Group(BucketId, OutputId, GroupId),
    /// `signer.<key id>`
    Signer(String),
    /// `domain.<domain>`
    Domain(DomainId),
    /// `integration.<integration>`
    Integration(IntegrationId),
    /// `cron.<cron>`
    Cron(CronId),
}

/// Something that the directory keeps.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The key that it lies under.
    fn key(&self) -> Key;
}

impl Record for Account {
    fn key(&self) -> Key {
        Key::Account(self.id)
    }
}

impl Record for Bucket {
    fn key(&self) -> Key {
        Key::Bucket(self.id)
    }
}

impl Record for Input {
    fn key(&self) -> Key {
        Key::Input(self.bucket, self.id)
    }
}

impl Record for Output {
    fn key(&self) -> Key {
        Key::Output(self.bucket, self.id)
    }
}

impl Record for Token {
    fn key(&self) -> Key {
        Key::Token(self.id)
    }
}

impl Record for Group {
    fn key(&self) -> Key {
        Key::Group(self.bucket, self.output, self.id)
    }
}

impl Record for Domain {
    fn key(&self) -> Key {
        Key::Domain(self.id)
    }
}

impl Record for Integration {
    fn key(&self) -> Key {
        Key::Integration(self.id)
    }
}

impl Record for Cron {
    fn key(&self) -> Key {
        Key::Cron(self.id)
    }
}

impl Record for PublicKey {
    fn key(&self) -> Key {
        Key::Signer(self.id().to_string())
    }
}

impl Key {
    /// Whose data key seals the record.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Account(_)
            | Self::Token(_)
            | Self::Signer(_)
            | Self::Domain(_)
            | Self::Integration(_)
            | Self::Cron(_) => Scope::System,
            Self::Bucket(bucket) | Self::Input(bucket, _) | Self::Output(bucket, _) | Self::Group(bucket, _, _) => {
                Scope::Bucket(*bucket)
            }
        }
    }

    /// Reads a key as it is stored; `None` for a kind that this version does not know.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let kind = parts.next()?;
        let mut id = || parts.next().and_then(|p| Uuid::try_parse(p).ok());
        let key = match kind {
            "account" => Self::Account(AccountId(id()?)),
            "bucket" => Self::Bucket(BucketId(id()?)),
            "input" => Self::Input(BucketId(id()?), InputId(id()?)),
            "output" => Self::Output(BucketId(id()?), OutputId(id()?)),
            "token" => Self::Token(TokenId(id()?)),
            "group" => Self::Group(BucketId(id()?), OutputId(id()?), GroupId(id()?)),
            "signer" => Self::Signer(parts.next()?.to_owned()),
            "domain" => Self::Domain(DomainId(id()?)),
            "integration" => Self::Integration(IntegrationId(id()?)),
            "cron" => Self::Cron(CronId(id()?)),
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account.{}", id.0.simple()),
            Self::Bucket(id) => write!(f, "bucket.{}", id.0.simple()),
            Self::Input(bucket, id) => write!(f, "input.{}.{}", bucket.0.simple(), id.0.simple()),
            Self::Output(bucket, id) => write!(f, "output.{}.{}", bucket.0.simple(), id.0.simple()),
            Self::Token(id) => write!(f, "token.{}", id.0.simple()),
            Self::Group(bucket, output, id) => {
                write!(f, "group.{}.{}.{}", bucket.0.simple(), output.0.simple(), id.0.simple())
            }
            Self::Signer(id) => write!(f, "signer.{id}"),
            Self::Domain(id) => write!(f, "domain.{}", id.0.simple()),
            Self::Integration(id) => write!(f, "integration.{}", id.0.simple()),
            Self::Cron(id) => write!(f, "cron.{}", id.0.simple()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_strangers_do_not() {
        let id = Uuid::from_u128(7);
        for key in [
            Key::Account(AccountId(id)),
            Key::Bucket(BucketId(id)),
            Key::Input(BucketId(id), InputId(id)),
            Key::Output(BucketId(id), OutputId(id)),
            Key::Token(TokenId(id)),
            Key::Group(BucketId(id), OutputId(id), GroupId(id)),
            Key::Signer("abc".into()),
            Key::Domain(DomainId(id)),
            Key::Integration(IntegrationId(id)),
            Key::Cron(CronId(id)),
        ] {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        for text in ["", "bucket", "bucket.x", "newkind.00000000000000000000000000000007", "signer.a.b"] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
