//! Decides what is ordered, and when. Every copy looks; the one that has the desk orders.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model::certificate::{BROKEN_WAIT, LEASE, REFUSED_WAIT, Refusal, Standing};
use model::{DomainId, UnixMs};
use store::certificate::DeskRevision;
use store::directory::Key;
use store::{Error, Store};
use telemetry::Stop;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use uuid::Uuid;

use super::order::{Authority, Failure};
use super::{Config, Shelf, Wanted};

/// How often is looked at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long an order may take: less than the desk is had for.
const ORDER_TIME_MAX: Duration = LEASE.saturating_sub(Duration::from_secs(30));
/// What owners read when it is not the authority that says no.
const BROKEN: &str = "the certificate authority could not be reached, or not be understood; the operator can see why";

/// Orders certificates for the domains of accounts.
pub struct Desk {
    config: Config,
    store: Store,
    shelf: Arc<Shelf>,
    authority: Authority,
    holder: Uuid,
}

impl Desk {
    /// A desk at which nobody sits yet.
    pub fn new(config: Config, store: Store, shelf: Arc<Shelf>) -> Self {
        let authority = Authority::new(config.clone(), store.clone());
        Self { config, store, shelf, authority, holder: Uuid::new_v4() }
    }

    /// Orders what is due until told to stop.
    pub async fn run(&self, stop: &Stop) {
        let directory = self.store.directory();
        let mut changes = directory.changes();
        if stop.or(directory.loaded()).await.is_none() {
            return;
        }
        while !stop.is_given() {
            if let Err(error) = self.forget_gone().await {
                tracing::warn!(%error, "the certificates of domains that are gone could not be removed; trying again");
            }
            match self.order_next(self.config.wanted(directory), stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "certificates cannot be looked after now; trying again"),
            }
            stop.or(timeout(LOOK_EVERY, of_a_domain(&mut changes))).await;
        }
    }

    /// Forgets the certificates of domains that are gone. Another process may know of a new domain before
    /// this one does: the directory is brought up to date before one is taken for gone.
    async fn forget_gone(&self) -> Result<(), Error> {
        let directory = self.store.directory();
        // Names of relays have ids that are made of them; another process may want those.
        let is_of_account = |domain: &DomainId| domain.0.get_version_num() == 4;
        let is_gone = |domain: &DomainId| is_of_account(domain) && directory.domain(*domain).is_none();
        let gone: Vec<_> = self.shelf.domains().into_iter().filter(is_gone).collect();
        if gone.is_empty() {
            return Ok(());
        }
        directory.catch_up().await?;
        for domain in gone.into_iter().filter(is_gone) {
            self.store.certificates().forget(domain).await?;
        }
        Ok(())
    }

    /// Places the order that waits longest, if one may be placed; returns whether one was.
    async fn order_next(&self, wanted: Vec<Wanted>, stop: &Stop) -> Result<bool, Error> {
        let now = now();
        let next_at = |one: &Wanted| self.shelf.standing(one.domain).map_or(UnixMs(0), |standing| standing.next_at);
        let mut due: Vec<_> = wanted.into_iter().map(|one| (next_at(&one), one)).filter(|(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, one)| (*at, one.domain));
        if due.is_empty() {
            return Ok(false);
        }
        // Read before the standings: whoever orders meanwhile changes it, and then it is not taken.
        let (desk, revision) = self.store.certificates().desk().await?;
        for (_, one) in due {
            let standing = self.store.certificates().standing(one.domain).await?;
            let standing = standing.unwrap_or_else(|| Standing::new(one.name.clone(), now));
            if !standing.is_due(now) {
                continue;
            }
            let taken = match desk.taken(self.holder, one.account, now) {
                Ok(taken) => taken,
                Err(Refusal::TooManyOfAccount) => continue,
                Err(Refusal::Busy | Refusal::TooMany) => return Ok(false),
            };
            let revision = match self.store.certificates().update_desk(&taken, revision).await {
                Ok(revision) => revision,
                Err(Error::Conflict) => return Ok(false),
                Err(error) => return Err(error),
            };
            let ordered = Box::pin(stop.or(self.order(&one, standing))).await;
            self.leave(taken.left(), revision).await;
            return ordered.unwrap_or(Ok(())).map(|()| true);
        }
        Ok(false)
    }

    /// Places an order and notes what came of it.
    async fn order(&self, one: &Wanted, standing: Standing) -> Result<(), Error> {
        let certificates = self.store.certificates();
        let ordered = match timeout(ORDER_TIME_MAX, self.authority.order(one, &self.shelf)).await {
            Ok(ordered) => ordered,
            Err(_) => Err(Failure::Broken(anyhow::anyhow!("it took more than {} s", ORDER_TIME_MAX.as_secs()))),
        };
        let standing = match ordered {
            Ok((issued, standing)) => {
                certificates.put_issued(one.domain, &issued).await?;
                tracing::info!(domain = %one.domain, "a certificate was issued");
                standing
            }
            Err(Failure::Refused(text)) => {
                tracing::warn!(domain = %one.domain, failures = standing.failures + 1, "the authority issues no certificate");
                standing.failed(&text, REFUSED_WAIT, now(), rand::random())
            }
            Err(Failure::Broken(err)) => {
                tracing::error!(domain = %one.domain, error = format!("{err:#}"), "no certificate could be ordered");
                standing.failed(BROKEN, BROKEN_WAIT, now(), rand::random())
            }
        };
        certificates.put_standing(one.domain, &standing).await
    }

    /// Gives the desk to the next. Where that fails, its time runs out.
    async fn leave(&self, left: model::certificate::Desk, revision: DeskRevision) {
        if let Err(error) = self.store.certificates().update_desk(&left, revision).await {
            tracing::warn!(%error, "the desk could not be left; others wait until its time is over");
        }
    }
}

/// Waits until a domain has changed, or too much to know.
async fn of_a_domain(changes: &mut Receiver<Key>) {
    loop {
        match changes.recv().await {
            Ok(Key::Domain(_)) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // There is nothing to wait for any more.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn now() -> UnixMs {
    UnixMs::from(SystemTime::now())
}
