//! The shape of nearly all schemes: a header holds one or more signatures, and perhaps a time, over
//! a message that is put together from a template.

mod check;

mod time;

use crate::encoding::Encoding;
use crate::key::KeyForm;

pub(crate) use check::Check;
pub(crate) use time::{Clock, Unit};

/// The most signatures in one header that are looked at: a provider that rotates sends a few.
pub(crate) const SIGNATURES_MAX: usize = 16;

/// A scheme of this shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// How a message is signed.
    pub(crate) algorithm: Algorithm,
    /// The header that holds signatures.
    pub(crate) header: &'a str,
    /// Other headers that may hold them besides or instead. One of all must be there, and none twice.
    pub(crate) or_headers: &'a [&'a str],
    /// What stands between several items in the header, where there can be several.
    pub(crate) separator: Option<char>,
    /// What stands before a signature. Other items are passed over.
    pub(crate) prefix: &'a str,
    /// How a signature is written.
    pub(crate) encoding: Encoding,
    /// What is signed; see [`crate::template`].
    pub(crate) message: &'a str,
    /// The signed time.
    pub(crate) time: Option<Time<'a>>,
    /// How the owner's secrets are read.
    pub(crate) key: KeyForm,
}

/// What most have in common.
pub(crate) const HMAC_SHA256: Row<'static> = Row {
    algorithm: Algorithm::HmacSha256,
    header: "",
    or_headers: &[],
    separator: None,
    prefix: "",
    encoding: Encoding::Hex,
    message: "{body}",
    time: None,
    key: KeyForm::Text,
};

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// HMAC (RFC 2104) with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256, in DER.
    EcdsaP256,
}

/// The signed time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time<'a> {
    /// Where it stands.
    pub(crate) at: TimeAt<'a>,
    /// How it is written.
    pub(crate) unit: Unit,
    /// How far from now it may be, in seconds; 0 to leave that to the owner.
    pub(crate) tolerance_seconds: u32,
}

/// Where the signed time stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeAt<'a> {
    /// In a header of its own.
    Header(&'a str),
    /// In the item of the signature's header that begins so.
    Item(&'a str),
    /// In a field of the body, which is JSON; one that is not there is not checked.
    Field(&'a str),
}
