//! Certificates for domains, ordered at a certificate authority that speaks ACME (RFC 8555).
//!
//! - [`Shelf`] holds what every copy serves: certificates, and answers to challenges.
//! - `desk` decides what is ordered when; of all copies one has it at a time.
//! - `order` places one order, with the challenge TLS-ALPN-01 (RFC 8737): the authority calls the very
//!   address that callers use, and any copy can answer it.
//!
//! Certificates and keys, the account's key among them, lie sealed in the store. A copy that is lost,
//! or all of them, lose nothing but an order that was under way.

mod desk;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod order;
mod shelf;

use std::path::PathBuf;

use model::{AccountId, DomainId};
use store::directory::Directory;
use url::Url;
use uuid::Uuid;

pub use desk::Desk;
pub use shelf::Shelf;

/// What is agreed on inside TLS by an authority that makes sure of a name (RFC 8737, section 6.2).
pub const ALPN: &[u8] = b"acme-tls/1";

/// Where certificates are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The authority's directory (RFC 8555, section 7.1.1).
    pub directory: Url,
    /// The address that the authority may write to.
    pub contact: Option<String>,
    /// The only certificates that its server is trusted by, in PEM; none for those of the system.
    pub ca_file: Option<PathBuf>,
    /// The relay's own host name, if its certificate is ordered too.
    pub own_name: Option<String>,
}

/// A name that there is to be a certificate for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    domain: DomainId,
    name: String,
    account: AccountId,
}

impl Config {
    /// Every name that there is to be a certificate for: the relay's own, and what accounts have
    /// registered. Nothing else is ever ordered for.
    fn wanted(&self, directory: &Directory) -> Vec<Wanted> {
        let own = self.own_name.iter().map(|name| Wanted {
            domain: DomainId(Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())),
            name: name.clone(),
            account: AccountId(Uuid::nil()),
        });
        let domains = directory.domains().into_iter().map(|domain| Wanted {
            domain: domain.record.id,
            name: domain.record.domain.clone(),
            account: domain.record.account,
        });
        own.chain(domains).collect()
    }
}
