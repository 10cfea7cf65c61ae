//! Signatures that the relay makes itself, in the form of Standard Webhooks.

use model::UnixMs;

use crate::encoding::Encoding;
use crate::key::{InvalidSecret, KeyForm};
use crate::mac::Mac;
use crate::row::Algorithm;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// The names of the header lines that a receiver verifies a webhook by.
pub const HEADERS: [&str; 3] = [ID, TIMESTAMP, SIGNATURE];

/// Signs a body that comes in pieces.
pub struct Signer {
    id: String,
    time: String,
    mac: Mac,
}

impl Signer {
    /// Begins to sign the webhook `id` at this time. The secret is base64, with `whsec_` before it
    /// or not.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn new(secret: &str, id: &str, now: UnixMs) -> Result<Self, InvalidSecret> {
        let key = KeyForm::StandardSecret.read(secret)?.ok_or(InvalidSecret::Standard)?;
        let mut mac = Mac::new(Algorithm::HmacSha256, key.bytes()).ok_or(InvalidSecret::Standard)?;
        let time = now.seconds().to_string();
        mac.update(format!("{id}.{time}.").as_bytes());
        Ok(Self { id: id.to_owned(), time, mac })
    }

    /// Takes the next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        self.mac.update(piece);
    }

    /// The header lines, which replace all that have the names of [`HEADERS`].
    pub fn finish(self) -> [(&'static str, String); 3] {
        let signature = format!("v1,{}", Encoding::Base64.encode(&self.mac.finish()));
        [(ID, self.id), (TIMESTAMP, self.time), (SIGNATURE, signature)]
    }
}
