//! One order at an authority.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use model::certificate::{Challenge, Issued, Standing};
use rustls::sign::CertifiedKey;
use store::Store;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Config, Shelf, Wanted, shelf};
use crate::tls;

/// How long an authority may take to make sure of a name, and again to issue.
const AUTHORITY_WAIT_MAX: Duration = Duration::from_secs(45);
/// The wait between a challenge that is answered here and the call for the authority, for the other
/// copies: they hear of it at the same time.
const SPREAD_WAIT: Duration = Duration::from_millis(500);

/// Why there is no certificate.
#[derive(Debug)]
pub(super) enum Failure {
    /// The authority says so, in words that are for the owner of the domain.
    Refused(String),
    /// Something is wrong with us, or on the way to the authority.
    Broken(anyhow::Error),
}

/// An authority, and our account there.
pub(super) struct Authority {
    config: Config,
    store: Store,
    account: Mutex<Option<Account>>,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(err: E) -> Self {
        let err = err.into();
        match err.downcast_ref() {
            Some(instant_acme::Error::Api(problem)) => {
                Self::Refused(problem.detail.clone().unwrap_or_else(|| problem.to_string()))
            }
            Some(_) | None => Self::Broken(err),
        }
    }
}

impl Authority {
    /// The authority of this configuration. Nothing is asked of it yet.
    pub(super) fn new(config: Config, store: Store) -> Self {
        Self { config, store, account: Mutex::new(None) }
    }

    /// Orders a certificate. While the authority makes sure of the name, every copy answers for it.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) async fn order(&self, wanted: &Wanted, shelf: &Shelf) -> Result<(Issued, Standing), Failure> {
        let account = self.account().await.context("sign in at the authority")?;
        let identifiers = [Identifier::Dns(wanted.name.clone())];
        let mut order = match account.new_order(&NewOrder::new(&identifiers)).await {
            Ok(order) => order,
            Err(err) => {
                // It may be the account that it does not know any more.
                *self.account.lock().await = None;
                return Err(err.into());
            }
        };
        let proven = self.prove(&mut order, wanted, shelf).await;
        // Whatever came of it, nobody else is to be answered.
        if let Err(error) = self.store.certificates().end_challenge(wanted.domain).await {
            tracing::warn!(%error, "a challenge that is over could not be removed");
        }
        proven?;
        let key_pem = order.finalize().await?;
        let cert_pem = order.poll_certificate(&patience()).await?;
        let issued = Issued { name: wanted.name.clone(), cert_pem, key_pem };
        let certified = shelf::certified(issued.clone()).context("read what the authority issued")?;
        let standing = check(&certified, &wanted.name)?;
        Ok((issued, standing))
    }

    /// Proves that the name is ours.
    async fn prove(&self, order: &mut Order, wanted: &Wanted, shelf: &Shelf) -> Result<(), Failure> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Valid => continue,
                other => return Err(Failure::Refused(format!("the authorization is {other:?}"))),
            }
            let mut offered = authorization
                .challenge(ChallengeType::TlsAlpn01)
                .ok_or_else(|| anyhow!("the authority does not offer the challenge tls-alpn-01"))?;
            let digest = offered.key_authorization().digest().as_ref().try_into();
            let challenge = Challenge { name: wanted.name.clone(), digest: digest.context("read the challenge")? };
            self.store.certificates().put_challenge(wanted.domain, &challenge).await?;
            shelf.answers(&challenge).await;
            tokio::time::sleep(SPREAD_WAIT).await;
            offered.set_ready().await?;
        }
        match order.poll_ready(&patience()).await {
            Ok(OrderStatus::Ready) => Ok(()),
            Ok(_) => Err(Failure::Refused(why(order).await)),
            Err(err) => Err(err.into()),
        }
    }

    /// Our account, made at the authority where there is none yet.
    async fn account(&self) -> anyhow::Result<Account> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        let directory = self.config.directory.as_str();
        let certificates = self.store.certificates();
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, directory.as_bytes());
        let builder = match &self.config.ca_file {
            Some(file) => Account::builder_with_root(file)?,
            None => Account::builder()?,
        };
        let account = match certificates.account::<AccountCredentials>(id).await? {
            Some(credentials) => builder.from_credentials(credentials).await?,
            None => {
                let contact = self.config.contact.as_ref().map(|address| format!("mailto:{address}"));
                let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
                let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
                let (account, credentials) = builder.create(&new, directory.to_owned(), None).await?;
                certificates.put_account(id, &credentials).await?;
                account
            }
        };
        *known = Some(account.clone());
        Ok(account)
    }
}

/// What the authority found wrong.
async fn why(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        let Ok(state) = authorization.refresh().await else { continue };
        let problem = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return problem.detail.clone().unwrap_or_else(|| problem.to_string());
        }
    }
    "the authority could not make sure of the name".to_owned()
}

/// Whether the certificate is for that name, and how it stands with it.
pub(super) fn check(certified: &CertifiedKey, name: &str) -> anyhow::Result<Standing> {
    ensure!(tls::names(certified)?.iter().any(|one| one == name), "the certificate is for another name");
    let (from, until) = tls::validity(certified)?;
    Ok(Standing::issued(name.to_owned(), from, until))
}

fn patience() -> RetryPolicy {
    RetryPolicy::new().timeout(AUTHORITY_WAIT_MAX)
}
