//! Which cursors a session takes part in, kept current as the directory changes.

use std::collections::HashSet;
use std::sync::Arc;

use model::record::{Bucket, Group};
use model::{BucketId, GroupId};
use store::directory::{Directory, Key};
use store::fact::CursorKey;
use tonic::Status;
use tracing::warn;

use super::Session;
use crate::clock;
use crate::gate::Identity;
use crate::hub::Hub;

/// The cursors of one session.
pub(super) struct Subscription {
    hub: Hub,
    session: Arc<Session>,
    identity: Identity,
    group: GroupId,
    group_name: String,
    /// The buckets that the agent named; `None` for all that its token may reach.
    named: Option<HashSet<BucketId>>,
    joined: HashSet<CursorKey>,
}

impl Subscription {
    /// Resolves what the agent asked for.
    ///
    /// # Errors
    /// `NOT_FOUND` for a bucket that does not exist, or not for this token.
    pub(super) fn new(
        hub: Hub,
        session: Arc<Session>,
        identity: Identity,
        group: &str,
        buckets: &[String],
    ) -> Result<Self, Status> {
        let (group, group_name) = if group.is_empty() {
            (GroupId::of_token(identity.token), identity.token.to_string())
        } else {
            (GroupId::named(identity.account, group), group.to_owned())
        };
        let mut this = Self { hub, session, identity, group, group_name, named: None, joined: HashSet::new() };
        // A client that has no bucket configured sends one empty name.
        let wanted: Vec<&String> = buckets.iter().filter(|b| !b.is_empty()).collect();
        if !wanted.is_empty() {
            let reachable = this.reachable();
            let find = |text: &str| {
                let found = reachable.iter().find(|b| b.name.as_str() == text || b.id.to_string() == text);
                found.map(|b| b.id).ok_or_else(|| Status::not_found(format!("there is no bucket '{text}'")))
            };
            this.named = Some(wanted.into_iter().map(|b| find(b)).collect::<Result<_, _>>()?);
        }
        Ok(this)
    }

    /// The name of the group that the session belongs to.
    pub(super) fn group_name(&self) -> &str {
        &self.group_name
    }

    /// The names of the buckets that are subscribed to now.
    pub(super) fn bucket_names(&self) -> Vec<String> {
        self.buckets().iter().map(|b| b.name.to_string()).collect()
    }

    /// Whether a change of that record can change the cursors.
    pub(super) fn concerns(&self, key: &Key) -> bool {
        match key {
            Key::Token(id) => *id == self.identity.token,
            Key::Bucket(_) | Key::Output(..) => true,
            Key::Account(_)
            | Key::Input(..)
            | Key::Group(..)
            | Key::Signer(_)
            | Key::Domain(_)
            | Key::Integration(_)
            | Key::Cron(_) => false,
        }
    }

    /// Joins the cursors that are new and leaves those that are gone.
    pub(super) async fn bring_up_to_date(&mut self) {
        let wanted = self.wanted();
        for key in self.joined.difference(&wanted).copied().collect::<Vec<_>>() {
            self.hub.leave(key, self.session.id());
            self.joined.remove(&key);
        }
        for key in wanted.difference(&self.joined).copied().collect::<Vec<_>>() {
            let group = Group {
                id: self.group,
                output: key.output,
                bucket: key.bucket,
                account: self.identity.account,
                name: self.group_name.clone(),
                created_at: clock::now(),
            };
            if let Err(error) = self.hub.store().directory().ensure_group(&group).await {
                // Without it the group's deliveries would not be known as owed; tried at the next change.
                warn!(output = %key.output, %error, "a group could not be noted");
            }
            self.hub.join(key, &self.session);
            self.joined.insert(key);
        }
    }

    /// Leaves every cursor.
    pub(super) fn end(&mut self) {
        for key in self.joined.drain() {
            self.hub.leave(key, self.session.id());
        }
    }

    fn wanted(&self) -> HashSet<CursorKey> {
        let directory = self.directory();
        let mut wanted = HashSet::new();
        for bucket in self.buckets().iter().filter(|b| b.stream) {
            for output in directory.outputs_of(bucket.id) {
                if output.record.internal && !output.record.disabled && output.record.paused.is_none() {
                    wanted.insert(CursorKey {
                        bucket: bucket.id,
                        output: output.record.id,
                        group: self.group,
                        ephemeral: bucket.ephemeral,
                    });
                }
            }
        }
        wanted
    }

    fn buckets(&self) -> Vec<Arc<Bucket>> {
        let mut buckets = self.reachable();
        if let Some(named) = &self.named {
            buckets.retain(|b| named.contains(&b.id));
        }
        buckets
    }

    fn reachable(&self) -> Vec<Arc<Bucket>> {
        let directory = self.directory();
        let Some(token) = directory.token(self.identity.token) else {
            return Vec::new();
        };
        let all = directory.buckets_of(self.identity.account).into_iter().map(|b| b.record);
        all.filter(|b| token.record.scopes.allow_bucket(&b.name)).collect()
    }

    fn directory(&self) -> &Directory {
        self.hub.store().directory()
    }
}
