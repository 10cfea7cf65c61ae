//! The connections to NATS, and what hangs on them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, Context, kv};
use crypto::key::MasterKeys;
use model::UnixMs;
use telemetry::Stop;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use crate::answer::Answers;
use crate::certificate::Certificates;
use crate::clock::Clock;
use crate::connect::connect;
use crate::counts::Counts;
use crate::credential::Credentials;
use crate::directory::Directory;
use crate::event::Events;
use crate::fact::Facts;
use crate::health::{Health, Provisioned};
use crate::keyring::{Keyring, Scope};
use crate::layout::{self, Layout};
use crate::opening::Failures;
use crate::presence::Presence;
use crate::publish::Publisher;
use crate::replay::Replays;
use crate::report::Reports;
use crate::unreadable::Unreadable;
use crate::verification::Verification;
use crate::{Error, Options};

/// The wait between two tries to set up what must be there before anything works.
pub(crate) const SETUP_WAIT: Duration = Duration::from_millis(500);
/// How long it may take at the end to send what was published.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How long an answer of the JetStream API is waited for.
const API_WAIT: Duration = Duration::from_secs(5);

/// Everything that is kept. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) context: Context,
    pub(crate) layout: Layout,
    /// On how many servers each message is kept.
    pub(crate) replicas: usize,
    /// How long events are kept.
    pub(crate) retention: Duration,
    /// Counts how often the connection was made.
    connected: watch::Receiver<u64>,
    clock: Clock,
    keyring: Keyring,
    directory: Directory,
    events: Events,
    pub(crate) facts: Facts,
    answers: Answers,
    presence: Presence,
    reports: Reports,
    replays: Replays,
    verification: Verification,
    credentials: Credentials,
    certificates: Certificates,
    health: Health,
    pub(crate) unreadable: Unreadable,
    pub(crate) counts: Counts,
}

impl Inner {
    /// Changes each time the connection is made again from now on.
    pub(crate) fn connected(&self) -> watch::Receiver<u64> {
        let mut connected = self.connected.clone();
        connected.mark_unchanged();
        connected
    }
}

/// What has to run in the background for a [`Store`] to work.
pub struct Driver {
    store: Store,
    options: Options,
}

impl Store {
    /// Connects and sets up what must be there, trying until it succeeds or `stop` is given;
    /// `None` then. `failed` is told why each try failed. The store is of use while [`Driver::run`]
    /// runs.
    pub async fn open(
        options: Options,
        masters: MasterKeys,
        stop: &Stop,
        failed: impl Fn(&Error),
    ) -> Option<(Self, Driver)> {
        let mut failures = Failures::default();
        loop {
            let wait = match Box::pin(stop.or(Self::try_open(&options, masters.clone()))).await? {
                Ok(store) => return Some((store.clone(), Driver { store, options })),
                Err(error) => {
                    failed(&error);
                    failures.say(&error)
                }
            };
            stop.or(tokio::time::sleep(wait)).await?;
        }
    }

    async fn try_open(options: &Options, masters: MasterKeys) -> Result<Self, Error> {
        let (connections, connected) = watch::channel(0);
        let counts = Counts::default();
        let client = connect(options, "", connections, &counts).await?;
        let bulk = connect(options, "-bulk", watch::Sender::new(0), &counts).await?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(API_WAIT);
        if options.provision {
            layout::provision(&context, options).await?;
        }
        let keys = bucket(&context, layout::KEYRING).await?;
        layout::shards::check(&keys.stream.cached_info().config, options.shards)?;
        let keyring = Keyring::new(masters, keys);
        let records = bucket(&context, layout::DIRECTORY).await?;
        open_own_keys(&keyring, &records, options.provision).await?;
        let (layout, clock) = (Layout { shards: options.shards }, Clock::default());
        let publisher = Publisher::new(client.clone(), counts.clone());
        let directory = Directory::new(records, publisher.beside(), keyring.clone());
        let unreadable = Unreadable::default();
        let events = Events::new(
            layout,
            keyring.clone(),
            publisher.clone(),
            Publisher::new(bulk, counts.clone()),
            context.clone(),
            unreadable.clone(),
        );
        let inner = Inner {
            events,
            facts: Facts::new(layout, publisher.beside(), context.clone(), unreadable.clone()),
            unreadable,
            answers: Answers::new(client.clone(), context.clone(), layout, keyring.clone(), publisher.beside()),
            presence: Presence::new(context.clone(), keyring.clone(), clock.clone()),
            reports: Reports::new(client.clone()),
            replays: Replays::new(context.clone()),
            verification: Verification::new(client.clone()),
            credentials: Credentials::new(context.clone(), keyring.clone()),
            certificates: Certificates::new(context.clone(), keyring.clone()),
            health: Health::new(
                client.clone(),
                publisher.beside(),
                directory.clone(),
                keyring.clone(),
                options.provision.then(|| Provisioned { context: context.clone(), streams: several_copies(options) }),
            ),
            counts,
            client,
            context,
            layout,
            replicas: options.replicas,
            retention: options.retention,
            connected,
            clock,
            keyring,
            directory,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Now, by the clock of NATS, which dates what is in the log. A process that says that it is
    /// [there](Presence::say) knows it; others have only their own clock.
    pub fn now(&self) -> UnixMs {
        self.inner.clock.now()
    }

    /// Whether [`Store::now`] is by the clock of NATS.
    pub fn knows_time(&self) -> bool {
        self.inner.clock.is_known()
    }

    /// What people configured.
    pub fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    /// How far replays are.
    pub fn replays(&self) -> &Replays {
        &self.inner.replays
    }

    /// The data keys.
    pub fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    /// The log of webhooks.
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    /// The log of what happened to them.
    pub fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    /// What destinations answered.
    pub fn answers(&self) -> &Answers {
        &self.inner.answers
    }

    /// Who is there now.
    pub fn presence(&self) -> &Presence {
        &self.inner.presence
    }

    /// What clients say of deliveries over REST.
    pub fn reports(&self) -> &Reports {
        &self.inner.reports
    }

    /// Questions about credentials.
    pub fn verification(&self) -> &Verification {
        &self.inner.verification
    }

    /// Hashes of secrets and the signing key; for `auth` alone, which NATS enforces.
    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// The certificates that are ordered for domains.
    pub fn certificates(&self) -> &Certificates {
        &self.inner.certificates
    }

    /// What was tried in vain to be read.
    pub fn unreadable(&self) -> &Unreadable {
        &self.inner.unreadable
    }

    /// What is counted.
    pub fn counts(&self) -> &Counts {
        &self.inner.counts
    }

    /// Whether the store can take a webhook now.
    pub fn health(&self) -> &Health {
        &self.inner.health
    }
}

impl Driver {
    /// Keeps the store current until told to stop; then sends what was published last, as what a
    /// dispatcher gives back at its end, before the process can end with it.
    pub async fn run(self, stop: &Stop) {
        let inner = &self.store.inner;
        let (options, store) = (&self.options, &self.store);
        let erase = async {
            if options.provision {
                inner.keyring.erase(stop).await;
            }
        };
        let tend = async {
            if options.tend_keys {
                store.tend_keys(options.key_age_max, stop).await;
            }
        };
        tokio::join!(
            inner.keyring.run(stop),
            erase,
            tend,
            inner.directory.run(stop),
            inner.presence.run(stop),
            Box::pin(inner.health.run(stop)),
            self.provision_again(stop)
        );
        match timeout(FLUSH_MAX, inner.client.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => warn!("what was published last may not have reached NATS"),
        }
    }

    /// A server that came back without its streams gets them again.
    async fn provision_again(&self, stop: &Stop) {
        let mut connected = self.store.inner.connected();
        while self.options.provision && matches!(stop.or(connected.changed()).await, Some(Ok(()))) {
            while let Err(error) = layout::provision(&self.store.inner.context, &self.options).await {
                warn!(error = chain(&error), "the streams could not be checked; trying again");
                if stop.or(tokio::time::sleep(SETUP_WAIT)).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Has the keys that belong to no bucket, made by whoever sets everything up.
///
/// A keyring without them beside records that only they open was lost, and must be brought back:
/// new keys would take its place for good.
async fn open_own_keys(keyring: &Keyring, records: &kv::Store, provision: bool) -> Result<(), Error> {
    for scope in [Scope::System, Scope::Void] {
        match keyring.load(scope).await {
            Err(Error::NoKey { .. }) if provision => {
                if scope == Scope::System && !is_empty(records).await? {
                    return Err(Error::KeyringLost);
                }
                keyring.ensure(scope).await?;
            }
            other => other?,
        }
    }
    Ok(())
}

async fn is_empty(kv: &kv::Store) -> Result<bool, Error> {
    let info = kv.stream.get_info().await.map_err(|e| Error::unavailable("look at the directory", e))?;
    Ok(info.state.last_sequence == 0)
}

/// The key-value bucket of data keys, over a connection of its own.
pub(crate) async fn keyring_alone(options: &Options) -> Result<kv::Store, Error> {
    let client = connect(options, "-keys", watch::Sender::new(0), &Counts::default()).await?;
    let mut context = jetstream::new(client);
    context.set_timeout(API_WAIT);
    bucket(&context, layout::KEYRING).await
}

/// The streams of which a copy can be missing: none where one server has everything.
fn several_copies(options: &Options) -> Vec<String> {
    if options.replicas > 1 { layout::names(options) } else { Vec::new() }
}

async fn bucket(context: &Context, name: &str) -> Result<kv::Store, Error> {
    context.get_key_value(name).await.map_err(|e| Error::unavailable("open a key-value bucket", e))
}

/// An error with everything that caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
