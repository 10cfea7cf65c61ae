//! One webhook against one row.

use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};

use super::{Algorithm, Clock, Row, SIGNATURES_MAX, TimeAt, Unit};
use crate::head::Head;
use crate::json;
use crate::key::Key;
use crate::mac::{Mac, same};
use crate::template::Template;
use crate::verdict::{Reason, Verdict};

/// A webhook that is being checked.
pub(crate) struct Check<'a> {
    /// The signatures in its head.
    signatures: Vec<Vec<u8>>,
    proof: Proof<'a>,
    /// What is signed behind the body.
    after: Vec<u8>,
    /// A time in the body: where it stands, how it is written, what it is held against.
    field: Option<(&'a str, Unit, Clock)>,
}

enum Proof<'a> {
    /// The codes that the secrets make.
    Macs(Vec<Mac>),
    /// Public keys, and what is signed before the body.
    Keys { algorithm: Algorithm, keys: &'a [Key], before: Vec<u8> },
}

impl<'a> Check<'a> {
    /// Looks at the head; what is wrong there is wrong whatever the body is.
    pub(crate) fn begin(
        row: &Row<'a>,
        message: &Template,
        keys: &'a [Key],
        head: &Head<'_>,
        tolerance_seconds: u32,
    ) -> Result<Self, Reason> {
        let items = items(row, head)?;
        let signatures = signatures(row, &items)?;
        let (mut time, mut field) = ("", None);
        if let Some(signed) = &row.time {
            let clock = Clock {
                now: head.now,
                tolerance_seconds: if tolerance_seconds == 0 { signed.tolerance_seconds } else { tolerance_seconds },
            };
            match signed.at {
                TimeAt::Header(name) => time = head.needed(name)?,
                TimeAt::Item(prefix) => time = only(items.iter().filter_map(|item| item.strip_prefix(prefix)))?,
                TimeAt::Field(pointer) => field = Some((pointer, signed.unit, clock)),
            }
            if field.is_none() {
                clock.judge(time, signed.unit)?;
            }
        }
        let filled = message.fill(head, time)?;
        let proof = match row.algorithm {
            algorithm @ (Algorithm::Ed25519 | Algorithm::EcdsaP256) => {
                Proof::Keys { algorithm, keys, before: filled.before }
            }
            algorithm @ (Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512) => {
                let mut macs: Vec<Mac> = keys.iter().filter_map(|key| Mac::new(algorithm, key.bytes())).collect();
                macs.iter_mut().for_each(|mac| mac.update(&filled.before));
                Proof::Macs(macs)
            }
        };
        Ok(Self { signatures, proof, after: filled.after, field })
    }

    /// Whether the whole body is needed at the end.
    pub(crate) fn needs_whole(&self) -> bool {
        matches!(self.proof, Proof::Keys { .. }) || self.field.is_some()
    }

    /// Takes the next piece of the body.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        if let Proof::Macs(macs) = &mut self.proof {
            macs.iter_mut().for_each(|mac| mac.update(piece));
        }
    }

    /// What came of it. `body` is there if it was needed.
    pub(crate) fn finish(self, body: &[u8]) -> Verdict {
        let is_signed = match self.proof {
            Proof::Macs(macs) => macs.into_iter().any(|mut mac| {
                mac.update(&self.after);
                let right = mac.finish();
                self.signatures.iter().any(|signature| same(signature, &right))
            }),
            Proof::Keys { algorithm, keys, before } => {
                let message = [&before[..], body, &self.after].concat();
                let signed = |key: &Key| self.signatures.iter().any(|s| is_signed(algorithm, key, &message, s));
                keys.iter().any(signed)
            }
        };
        if !is_signed {
            return Verdict::Failed(Reason::NoMatch);
        }
        let judged = self.field.and_then(|(pointer, unit, clock)| {
            let time = json::text(&json::read(body)?, pointer)?;
            Some(clock.judge(&time, unit))
        });
        match judged {
            Some(Err(reason)) => Verdict::Failed(reason),
            Some(Ok(())) | None => Verdict::Verified,
        }
    }
}

/// The items in the headers of a row.
fn items<'h>(row: &Row<'_>, head: &Head<'h>) -> Result<Vec<&'h str>, Reason> {
    let mut items = Vec::new();
    for name in std::iter::once(&row.header).chain(row.or_headers) {
        let Some(value) = head.once(name)? else { continue };
        match row.separator {
            Some(separator) => items.extend(value.split(separator).map(str::trim)),
            None => items.push(value),
        }
    }
    if items.is_empty() { Err(Reason::MissingHeader) } else { Ok(items) }
}

/// The signatures among them; those that are badly written are passed over as long as one is not.
fn signatures(row: &Row<'_>, items: &[&str]) -> Result<Vec<Vec<u8>>, Reason> {
    let prefixed = items.iter().filter_map(|item| item.strip_prefix(row.prefix)).take(SIGNATURES_MAX);
    let signatures: Vec<_> = prefixed.filter_map(|text| row.encoding.decode(text)).filter(|s| !s.is_empty()).collect();
    if signatures.is_empty() { Err(Reason::Malformed) } else { Ok(signatures) }
}

/// The one item that there must be.
fn only<'h>(mut items: impl Iterator<Item = &'h str>) -> Result<&'h str, Reason> {
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item),
        _ => Err(Reason::Malformed),
    }
}

fn is_signed(algorithm: Algorithm, key: &Key, message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, key.bytes()).verify(message, signature).is_ok(),
        Algorithm::EcdsaP256 => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.bytes()).verify(message, signature).is_ok()
        }
        Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512 => false,
    }
}
