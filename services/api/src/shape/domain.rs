//! Domains as JSON, and which names may be one.

use std::net::IpAddr;

use model::certificate::Standing;
use model::record;
use model::{DomainId, UnixMs};
use serde::Serialize;

use super::Fields;
use crate::error::Error;

/// The longest host name, in bytes (RFC 1035, section 2.3.4).
pub(crate) const HOST_BYTES_MAX: usize = 253;
/// The longest part of one, in bytes (the same section).
const LABEL_BYTES_MAX: usize = 63;
/// Names that mean the network or machine that one is on (RFC 6761, RFC 6762, RFC 9476 and the like).
const LOCAL: [&str; 8] = ["localhost", "local", "internal", "intranet", "lan", "home.arpa", "invalid", "onion"];

/// Reads the name of a new domain; `own_hosts` are those of the relay itself.
///
/// # Errors
/// [`Error::Invalid`] for what is no host name; [`Error::NotToBeHad`] for those that nobody may have.
pub(crate) fn read_new(fields: &Fields, own_hosts: &[&str]) -> Result<String, Error> {
    let text = fields.text("domain", HOST_BYTES_MAX + 1)?.unwrap_or_default();
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err(fields.invalid("domain", "is missing"));
    }
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Err(Error::NotToBeHad("an address is no domain"));
    }
    if let Err(why) = check_name(&name) {
        return Err(fields.invalid("domain", why));
    }
    let own_hosts = own_hosts.iter().map(|host| host.to_ascii_lowercase());
    if own_hosts.filter(|host| !host.is_empty()).any(|own| is_within(&name, &own) || is_within(&own, &name)) {
        return Err(Error::NotToBeHad("this name is the relay's own"));
    }
    if LOCAL.iter().any(|local| is_within(&name, local)) {
        return Err(Error::NotToBeHad("this name means another machine to everybody"));
    }
    Ok(name)
}

/// Takes host names of at least two parts (RFC 952, RFC 1123 section 2.1).
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.len() > HOST_BYTES_MAX {
        return Err("has more than 253 bytes");
    }
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=LABEL_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let mut labels = name.split('.');
    if labels.clone().count() < 2 || !labels.all(is_label) {
        return Err("must be a host name such as hooks.example.com; other alphabets in their xn-- form");
    }
    match name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        true => Err("must not end in a number"),
        false => Ok(()),
    }
}

fn is_within(name: &str, parent: &str) -> bool {
    name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

/// A domain.
#[derive(Serialize)]
pub(crate) struct Domain<'a> {
    id: DomainId,
    domain: &'a str,
    /// Nothing where none was ordered: by now, or by this relay at all.
    certificate: Option<Certificate<'a>>,
    created_at: u64,
    updated_at: u64,
}

/// How it stands with the certificate of a domain.
#[derive(Serialize)]
struct Certificate<'a> {
    status: &'static str,
    valid_until: Option<u64>,
    next_order_at: u64,
    error: Option<&'a str>,
}

impl<'a> Domain<'a> {
    /// Shows a domain.
    pub(crate) fn new(domain: &'a record::Domain, standing: Option<&'a Standing>, now: UnixMs) -> Self {
        Self {
            id: domain.id,
            domain: &domain.domain,
            // That of an earlier domain may not be forgotten yet.
            certificate: standing.filter(|one| one.name == domain.domain).map(|one| Certificate::new(one, now)),
            created_at: domain.created_at.seconds(),
            updated_at: domain.updated_at.seconds(),
        }
    }
}

impl<'a> Certificate<'a> {
    fn new(standing: &'a Standing, now: UnixMs) -> Self {
        let status = match (standing.valid_until, &standing.failure) {
            (Some(until), _) if now < until => "issued",
            (_, Some(_)) => "failed",
            (Some(_), None) => "expired",
            (None, None) => "waiting",
        };
        Self {
            status,
            valid_until: standing.valid_until.map(UnixMs::seconds),
            next_order_at: standing.next_at.seconds(),
            error: standing.failure.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
