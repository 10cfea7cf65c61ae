//! Signatures that the relay makes itself, in the form of Standard Webhooks.

use model::UnixMs;

use crate::encoding::Encoding;
use crate::key::{InvalidSecret, KeyForm};
use crate::mac::Mac;
use crate::row::Algorithm;

/// The header lines with which a receiver verifies a webhook: its id, the time, and the signature.
/// They replace lines of the same names.
///
/// `secret` is base64, with `whsec_` before it or not.
///
/// # Errors
/// [`InvalidSecret`].
pub fn standard_webhooks(
    secret: &str,
    id: &str,
    now: UnixMs,
    body: &[u8],
) -> Result<[(&'static str, String); 3], InvalidSecret> {
    let key = KeyForm::StandardSecret.read(secret)?.ok_or(InvalidSecret::Standard)?;
    let time = now.seconds().to_string();
    let message = [id.as_bytes(), b".", time.as_bytes(), b".", body].concat();
    let code = Mac::of(Algorithm::HmacSha256, key.bytes(), &message);
    Ok([
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time),
        ("webhook-signature", format!("v1,{}", Encoding::Base64.encode(&code))),
    ])
}
