//! Which cursors a session takes part in, kept current as the directory changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::record::{Bucket, Group};
use model::{BucketId, GroupId, OutputId};
use store::directory::{Directory, Key};
use store::fact::CursorKey;
use tokio_util::sync::DropGuard;
use tonic::Status;
use tracing::warn;

use super::Session;
use crate::clock;
use crate::forget;
use crate::gate::Identity;
use crate::hub::Hub;
use crate::socket::claim::{Claimed, claim};

/// What a session may have a cursor on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) bucket: BucketId,
    pub(crate) output: OutputId,
    pub(crate) ephemeral: bool,
}

/// The cursors of one session.
pub(crate) struct Subscription {
    hub: Hub,
    session: Arc<Session>,
    identity: Identity,
    share: Share,
    /// The buckets that the client named; `None` for all that its token may reach.
    named: Option<HashSet<BucketId>>,
    /// What it named and is not there; a bucket that is made later is taken up.
    missing: Vec<String>,
    joined: HashMap<Place, CursorKey>,
}

/// With whom a session shares its cursors.
enum Share {
    /// With the other sessions of a group.
    Group { id: GroupId, name: String },
    /// With nobody: what keeps others from them, for each.
    Alone(HashMap<CursorKey, DropGuard>),
}

impl Place {
    /// The cursor of a group.
    pub(crate) fn cursor(&self, group: GroupId) -> CursorKey {
        CursorKey { bucket: self.bucket, output: self.output, group, ephemeral: self.ephemeral }
    }
}

impl Subscription {
    /// Resolves what an agent asked for.
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
        let (id, name) = if group.is_empty() {
            (GroupId::of_token(identity.token), identity.token.to_string())
        } else {
            (GroupId::named(identity.account, group), group.to_owned())
        };
        let this = Self::of(hub, session, identity, Share::Group { id, name }, buckets);
        match this.missing.first() {
            Some(text) => Err(Status::not_found(format!("there is no bucket '{text}'"))),
            None => Ok(this),
        }
    }

    /// Resolves what a client of the public socket asked for. Its cursors are its own.
    pub(crate) fn of_socket(hub: Hub, session: Arc<Session>, identity: Identity, buckets: &[String]) -> Self {
        Self::of(hub, session, identity, Share::Alone(HashMap::new()), buckets)
    }

    fn of(hub: Hub, session: Arc<Session>, identity: Identity, share: Share, buckets: &[String]) -> Self {
        // A client that has no bucket configured sends one empty name.
        let missing: Vec<String> = buckets.iter().filter(|b| !b.is_empty()).cloned().collect();
        let named = (!missing.is_empty()).then(HashSet::new);
        let mut this = Self { hub, session, identity, share, named, missing, joined: HashMap::new() };
        this.find_missing();
        this
    }

    /// What was named and is not there.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The name of the group that the session belongs to.
    pub(super) fn group_name(&self) -> &str {
        match &self.share {
            Share::Group { name, .. } => name,
            Share::Alone(_) => "",
        }
    }

    /// The names of the buckets that are subscribed to now.
    pub(crate) fn bucket_names(&self) -> Vec<String> {
        self.buckets().iter().map(|b| b.name.to_string()).collect()
    }

    /// Whether a change of that record can change the cursors.
    pub(crate) fn concerns(&self, key: &Key) -> bool {
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

    /// Joins the cursors that are new and leaves those that are gone; returns whether all are joined and
    /// noted. What is not is to be tried again.
    pub(crate) async fn bring_up_to_date(&mut self) -> bool {
        self.find_missing();
        let wanted = self.wanted();
        let gone: Vec<Place> = self.joined.keys().filter(|place| !wanted.contains(place)).copied().collect();
        for place in gone {
            self.leave(place);
        }
        let mut is_whole = true;
        for place in wanted {
            // Where one cannot be written the others would only take as long.
            is_whole = is_whole && self.note_group(place).await;
            if self.joined.contains_key(&place) {
                continue;
            }
            match self.cursor_on(place).await {
                Some(key) => {
                    self.hub.join(key, &self.session);
                    self.joined.insert(place, key);
                }
                None => is_whole = false,
            }
        }
        is_whole
    }

    /// Tells every cursor that the session begins nothing more.
    pub(super) fn leaving(&self) {
        for key in self.joined.values() {
            self.hub.leaving(*key);
        }
    }

    /// Leaves every cursor.
    pub(crate) fn end(&mut self) {
        for place in self.joined.keys().copied().collect::<Vec<_>>() {
            self.leave(place);
        }
    }

    fn leave(&mut self, place: Place) {
        let Some(key) = self.joined.remove(&place) else { return };
        self.hub.leave(key, self.session.id());
        if let Share::Alone(guards) = &mut self.share {
            guards.remove(&key);
        }
    }

    /// Notes the group at a place, unless it is noted already: without that its deliveries would not be
    /// known as owed. A claim has noted that of a socket.
    async fn note_group(&self, place: Place) -> bool {
        let Share::Group { id, name } = &self.share else { return true };
        let group = Group {
            id: *id,
            output: place.output,
            bucket: place.bucket,
            account: self.identity.account,
            name: name.clone(),
            created_at: clock::now(),
            seen_at: Some(clock::of_log(&self.hub)),
        };
        let noted = self.directory().ensure_group(&group).await;
        match &noted {
            Ok(()) => forget::note_seen(&self.hub, place.output, *id).await,
            Err(error) => warn!(output = %place.output, %error, "a group could not be noted; trying again"),
        }
        noted.is_ok()
    }

    /// The session's cursor at a place; `None` when there is none to be had now.
    async fn cursor_on(&mut self, place: Place) -> Option<CursorKey> {
        let Identity { account, token, .. } = self.identity;
        match &mut self.share {
            Share::Group { id, .. } => Some(place.cursor(*id)),
            Share::Alone(guards) => {
                let Claimed { key, guard } = Box::pin(claim(&self.hub, account, token, place)).await?;
                guards.insert(key, guard);
                Some(key)
            }
        }
    }

    /// What there should be a cursor on. Sockets get the events of buckets without outputs too.
    fn wanted(&self) -> HashSet<Place> {
        let directory = self.directory();
        let mut wanted = HashSet::new();
        for bucket in self.buckets().iter().filter(|b| b.stream) {
            let place = |output| Place { bucket: bucket.id, output, ephemeral: bucket.ephemeral };
            let outputs = directory.outputs_of(bucket.id);
            let mut enabled = outputs.iter().map(|output| &output.record).filter(|output| !output.disabled).peekable();
            if enabled.peek().is_none() && matches!(self.share, Share::Alone(_)) {
                wanted.insert(place(OutputId::NONE));
            }
            wanted.extend(
                enabled.filter(|output| output.internal && output.paused.is_none()).map(|output| place(output.id)),
            );
        }
        wanted
    }

    /// Takes up the buckets that were named and are there now.
    fn find_missing(&mut self) {
        if self.missing.is_empty() {
            return;
        }
        let reachable = self.reachable();
        let named = self.named.get_or_insert_default();
        self.missing.retain(|text| {
            let found = reachable.iter().find(|b| b.name.as_str() == text || b.id.to_string() == *text);
            found.map(|bucket| named.insert(bucket.id)).is_none()
        });
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
