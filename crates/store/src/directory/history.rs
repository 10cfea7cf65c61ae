//! Who changed what: the heads of past changes, read backwards from the directory's own history.
//!
//! A change that somebody asked for says beside it, in clear, whose account it is of, by which token
//! it was made and what was done. What was written into the record is not looked at: it is sealed,
//! and gone with its bucket. The history keeps the last [`crate::layout::DIRECTORY_HISTORY`] changes
//! of each record.

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use futures_util::StreamExt;
use model::{AccountId, TokenId, UnixMs};
use serde::{Deserialize, Serialize};

use super::{Directory, Key};
use crate::Error;

const ACCOUNT: &str = "Relay-Account";
const TOKEN: &str = "Relay-Token";
const OPERATION: &str = "Relay-Operation";
/// How many places of the history are looked at in one stretch.
const STRETCH: u64 = 2_000;
/// How many stretches one question looks at: it answers with what it found, and says where it was.
const STRETCHES_MAX: usize = 25;

/// In whose name a record is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The account, which is the record's too.
    pub account: AccountId,
    /// The token that it was asked for with.
    pub token: TokenId,
}

/// What was done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
}

/// A change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the history, which grows with time.
    pub revision: u64,
    /// When it was stored.
    pub at: UnixMs,
    /// Of which record.
    pub key: Key,
    /// What was done.
    pub operation: Operation,
    /// By whom.
    pub actor: Actor,
}

/// A part of the history, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The changes.
    pub changes: Vec<Change>,
    /// What is older than this was not looked at; nothing when there is no more.
    pub before: Option<u64>,
}

impl Directory {
    /// At most `limit` changes of an account, newest first, of those older than `before`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn past(&self, account: AccountId, before: Option<u64>, limit: usize) -> Result<Past, Error> {
        let info = self.inner.kv.stream.get_info().await.map_err(|e| Error::unavailable("read the history", e))?;
        let first = info.state.first_sequence;
        let mut end = before.unwrap_or(u64::MAX).min(info.state.last_sequence + 1);
        let mut changes = Vec::new();
        for _ in 0..STRETCHES_MAX {
            if end <= first || changes.len() == limit {
                break;
            }
            let start = end.saturating_sub(STRETCH).max(first);
            let found = self.stretch(start, end).await?;
            let mut found = found.into_iter().rev().filter(|change| change.actor.account == account);
            changes.extend(found.by_ref().take(limit - changes.len()));
            end = match (changes.last(), found.next()) {
                (Some(last), Some(_)) => last.revision,
                (_, _) => start,
            };
        }
        Ok(Past { changes, before: (end > first).then_some(end) })
    }

    /// The changes from `start` up to `end`, oldest first.
    async fn stretch(&self, start: u64, end: u64) -> Result<Vec<Change>, Error> {
        let what = "read the history";
        let config = OrderedConfig {
            headers_only: true,
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        let consumer = self.inner.kv.stream.create_consumer(config).await.map_err(|e| Error::unavailable(what, e))?;
        let mut changes = Vec::new();
        if consumer.cached_info().num_pending == 0 {
            return Ok(changes);
        }
        let mut messages = consumer.messages().await.map_err(|e| Error::unavailable(what, e))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|e| Error::unavailable(what, e))?;
            let info = message.info().map_err(|e| Error::unavailable(what, e))?;
            if info.stream_sequence >= end {
                break;
            }
            let at = UnixMs(u64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).unwrap_or(0));
            let key = message.subject.strip_prefix(&self.inner.kv.prefix).and_then(Key::parse);
            if let (Some(key), Some((operation, actor))) = (key, message.headers.as_ref().and_then(read)) {
                changes.push(Change { revision: info.stream_sequence, at, key, operation, actor });
            }
            if info.pending == 0 || info.stream_sequence + 1 == end {
                break;
            }
        }
        Ok(changes)
    }
}

/// What stands beside a change.
pub(super) fn headers(actor: Actor, operation: Operation) -> Vec<(&'static str, String)> {
    vec![
        (ACCOUNT, actor.account.to_string()),
        (TOKEN, actor.token.to_string()),
        (OPERATION, operation.name().to_owned()),
    ]
}

/// Nothing for a change that nobody asked for, or of a version that did not say who did.
fn read(headers: &HeaderMap) -> Option<(Operation, Actor)> {
    let text = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    let actor = Actor { account: text(ACCOUNT)?.parse().ok()?, token: text(TOKEN)?.parse().ok()? };
    let operation = Operation::ALL.into_iter().find(|operation| Some(operation.name()) == text(OPERATION))?;
    Some((operation, actor))
}

impl Operation {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_stands_beside_a_change_reads_back() {
        let actor = Actor { account: AccountId(Uuid::from_u128(1)), token: TokenId(Uuid::from_u128(2)) };
        for operation in Operation::ALL {
            let mut map = HeaderMap::new();
            for (name, value) in headers(actor, operation) {
                map.insert(name, value);
            }
            assert_eq!(read(&map), Some((operation, actor)));
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }
}
