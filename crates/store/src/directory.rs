//! What people configured, held in memory by watching, written with compare-and-swap.
//!
//! Every value is sealed: buckets, inputs, outputs and groups under their bucket's data key, so
//! that they cannot be read once the bucket is deleted; accounts, tokens and signers under the
//! system's. Keys carry ids alone.

mod current;
mod history;
mod maps;
mod record;
mod watch;
mod write;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_nats::jetstream::kv;
use crypto::session::PublicKey;
use model::record::{Account, Bucket, Cron, Domain, Group, Input, Integration, Output, Token};
use model::{AccountId, BucketId, CronId, DomainId, GroupId, InputId, IntegrationId, OutputId, TokenId, UnixMs};
use tokio::sync::{Notify, broadcast, watch as watched};

pub use history::{Actor, Change, Operation, Past};
pub use record::{Key, Record};
pub use write::Revision;

use crate::keyring::Keyring;
use crate::publish::Publisher;
use current::Questions;
use maps::Maps;

/// How many changes a listener may be behind before it is told to look at everything again.
const CHANGES_MAX: usize = 1024;

/// The directory. Clones share it.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
    /// In whose name it is written, for the history.
    actor: Option<Actor>,
}

struct Inner {
    kv: kv::Store,
    publisher: Publisher,
    keyring: Keyring,
    maps: RwLock<Maps>,
    changes: broadcast::Sender<Key>,
    /// The revision that the maps show; `None` until they were loaded once.
    seen: watched::Sender<Option<u64>>,
    questions: Questions,
    /// Told when the watch does not show what is there.
    stale: Notify,
}

/// A record and the revision to name when it is written back.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    /// The record.
    pub record: Arc<T>,
    /// Its revision.
    pub revision: Revision,
}

impl Directory {
    pub(crate) fn new(kv: kv::Store, publisher: Publisher, keyring: Keyring) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (seen, _) = watched::channel(None);
        let inner = Inner {
            kv,
            publisher,
            keyring,
            maps: RwLock::default(),
            changes,
            seen,
            questions: Questions::default(),
            stale: Notify::new(),
        };
        Self { inner: Arc::new(inner), actor: None }
    }

    /// The same directory: what is written through it is written in this one's name.
    #[must_use]
    pub fn by(&self, actor: Option<Actor>) -> Self {
        Self { actor, ..self.clone() }
    }

    /// Waits until everything was loaded once.
    pub async fn loaded(&self) {
        // The sender lives as long as we do, so this cannot fail.
        let _ = self.inner.seen.subscribe().wait_for(Option::is_some).await;
    }

    /// Whether everything was loaded once.
    pub fn is_loaded(&self) -> bool {
        self.inner.seen.borrow().is_some()
    }

    /// The keys that change from now on. A listener that lags looks at everything again.
    pub fn changes(&self) -> broadcast::Receiver<Key> {
        self.inner.changes.subscribe()
    }

    /// The account of that id.
    pub fn account(&self, id: AccountId) -> Option<Versioned<Account>> {
        self.maps().accounts.get(&id).cloned()
    }

    /// Every account, in no order.
    pub fn accounts(&self) -> Vec<Versioned<Account>> {
        self.maps().accounts.values().cloned().collect()
    }

    /// The bucket of that id.
    pub fn bucket(&self, id: BucketId) -> Option<Versioned<Bucket>> {
        self.maps().buckets.get(&id).cloned()
    }

    /// The buckets of an account, oldest first.
    pub fn buckets_of(&self, account: AccountId) -> Vec<Versioned<Bucket>> {
        let mut all: Vec<_> = self.maps().buckets.values().filter(|b| b.record.account == account).cloned().collect();
        all.sort_by_key(|b| (b.record.created_at, b.record.id));
        all
    }

    /// The input of that id.
    pub fn input(&self, id: InputId) -> Option<Versioned<Input>> {
        self.maps().inputs.get(&id).cloned()
    }

    /// The inputs of a bucket, oldest first.
    pub fn inputs_of(&self, bucket: BucketId) -> Vec<Versioned<Input>> {
        let maps = self.maps();
        let mut all: Vec<_> = maps.inputs_of(bucket).filter_map(|id| maps.inputs.get(id)).cloned().collect();
        all.sort_by_key(|i| (i.record.created_at, i.record.id));
        all
    }

    /// The output of that id.
    pub fn output(&self, id: OutputId) -> Option<Versioned<Output>> {
        self.maps().outputs.get(&id).cloned()
    }

    /// The outputs of a bucket, oldest first.
    pub fn outputs_of(&self, bucket: BucketId) -> Vec<Versioned<Output>> {
        let maps = self.maps();
        let mut all: Vec<_> = maps.outputs_of(bucket).filter_map(|id| maps.outputs.get(id)).cloned().collect();
        all.sort_by_key(|o| (o.record.created_at, o.record.id));
        all
    }

    /// The keys of all records of a bucket that are in memory, its own among them.
    pub(crate) fn keys_of(&self, bucket: BucketId) -> Vec<Key> {
        let maps = self.maps();
        let inputs = maps.inputs_of(bucket).map(|id| Key::Input(bucket, *id));
        let outputs = maps.outputs_of(bucket).map(|id| Key::Output(bucket, *id));
        let groups = maps.groups.values().map(|group| &group.record).filter(|group| group.bucket == bucket);
        let groups = groups.map(|group| Key::Group(bucket, group.output, group.id));
        inputs.chain(outputs).chain(groups).chain([Key::Bucket(bucket)]).collect()
    }

    /// Whether there is an input of that id whose record, or whose bucket's, this process could not
    /// open: its webhooks can be neither taken nor treated as nobody's.
    pub fn is_unopened(&self, id: InputId) -> bool {
        self.maps().is_unopened(id)
    }

    /// Whether there is any input that this process could not open; its host name is not known then.
    pub fn has_unopened_inputs(&self) -> bool {
        self.maps().has_unopened_inputs()
    }

    /// The outputs that an event of a bucket is due to now, in the order of their ids: those that are
    /// not disabled, and those whose records this process could not open, for when they can be read
    /// again.
    pub fn due_outputs_of(&self, bucket: BucketId) -> Vec<OutputId> {
        self.maps().due_outputs_of(bucket)
    }

    /// What `pick` makes of the outputs of a bucket that it wants, in no order.
    pub fn pick_outputs_of<T>(&self, bucket: BucketId, pick: impl Fn(&Output) -> Option<T>) -> Vec<T> {
        let maps = self.maps();
        let outputs = maps.outputs_of(bucket).filter_map(|id| maps.outputs.get(id));
        outputs.filter_map(|output| pick(&output.record)).collect()
    }

    /// How many records this process could not open.
    pub fn unopened(&self) -> usize {
        self.maps().unopened()
    }

    /// The keys of a bucket's records that this process could not open, because they are damaged, or
    /// were written while the bucket was being deleted, by a process that still had its data key.
    pub fn unopened_of(&self, bucket: BucketId) -> Vec<Key> {
        self.maps().unopened_of(bucket).cloned().collect()
    }

    /// The token of that id.
    pub fn token(&self, id: TokenId) -> Option<Versioned<Token>> {
        self.maps().tokens.get(&id).cloned()
    }

    /// Whether what was granted to a token at this generation still counts.
    pub fn token_counts(&self, id: TokenId, generation: u64) -> bool {
        self.token(id).is_some_and(|token| token.record.counts(generation))
    }

    /// When NATS took the last change of a token, its end too; what is minutes ago may be forgotten.
    pub fn token_changed_at(&self, id: TokenId) -> Option<UnixMs> {
        self.maps().tokens_changed.get(&id).copied()
    }

    /// The tokens of an account, oldest first.
    pub fn tokens_of(&self, account: AccountId) -> Vec<Versioned<Token>> {
        let mut all: Vec<_> = self.maps().tokens.values().filter(|t| t.record.account == account).cloned().collect();
        all.sort_by_key(|t| (t.record.created_at, t.record.id));
        all
    }

    /// The group of that id on that output.
    pub fn group(&self, output: OutputId, group: GroupId) -> Option<Versioned<Group>> {
        self.maps().groups.get(&(output, group)).cloned()
    }

    /// Every group of every output, in no order.
    pub fn groups(&self) -> Vec<Versioned<Group>> {
        self.maps().groups.values().cloned().collect()
    }

    /// Every bucket of every account, in no order.
    pub fn buckets(&self) -> Vec<Versioned<Bucket>> {
        self.maps().buckets.values().cloned().collect()
    }

    /// Every output of every bucket, in no order.
    pub fn outputs(&self) -> Vec<Versioned<Output>> {
        self.maps().outputs.values().cloned().collect()
    }

    /// The domain of that id.
    pub fn domain(&self, id: DomainId) -> Option<Versioned<Domain>> {
        self.maps().domains.get(&id).cloned()
    }

    /// The inputs that answer to a host name, in lower case and without a port: those of the account
    /// whose domain it is. `None` when it is nobody's.
    pub fn inputs_at(&self, host: &str) -> Option<Vec<Versioned<Input>>> {
        let maps = self.maps();
        let (domain, inputs) = maps.at_host(host)?;
        Some(inputs.filter(|input| input.record.account == domain.record.account).cloned().collect())
    }

    /// Whether a host name is somebody's domain.
    pub fn is_domain(&self, host: &str) -> bool {
        self.maps().at_host(host).is_some()
    }

    /// Every domain of every account, in no order.
    pub fn domains(&self) -> Vec<Versioned<Domain>> {
        self.maps().domains.values().cloned().collect()
    }

    /// The integration of that id.
    pub fn integration(&self, id: IntegrationId) -> Option<Versioned<Integration>> {
        self.maps().integrations.get(&id).cloned()
    }

    /// Every integration of every account, in no order.
    pub fn integrations(&self) -> Vec<Versioned<Integration>> {
        self.maps().integrations.values().cloned().collect()
    }

    /// The integrations that are attached to a bucket, in no order.
    pub fn integrations_on(&self, bucket: BucketId) -> Vec<Versioned<Integration>> {
        let maps = self.maps();
        maps.integrations.values().filter(|integration| integration.record.buckets.contains(&bucket)).cloned().collect()
    }

    /// The cron of that id.
    pub fn cron(&self, id: CronId) -> Option<Versioned<Cron>> {
        self.maps().crons.get(&id).cloned()
    }

    /// Every cron of every account, in no order.
    pub fn crons(&self) -> Vec<Versioned<Cron>> {
        self.maps().crons.values().cloned().collect()
    }

    /// The public keys that session tokens may be signed with.
    pub fn signers(&self) -> Vec<PublicKey> {
        self.maps().signers.values().map(|s| *s.record).collect()
    }

    fn maps(&self) -> RwLockReadGuard<'_, Maps> {
        self.inner.maps.read().unwrap_or_else(PoisonError::into_inner)
    }
}
