//! PayPal: RSA over ids, a time and the body's CRC. The webhook names a certificate to fetch; the
//! relay does not call out to where a stranger says, so the owner gives the certificate.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;

use super::verdict;
use crate::encoding::Encoding;
use crate::head::Head;
use crate::key::Key;
use crate::row::{Clock, Unit};
use crate::verdict::{Reason, Verdict};

/// The only algorithm that is used.
const ALGORITHM: &str = "SHA256withRSA";

/// A webhook that is being checked.
pub(crate) struct Check<'a> {
    webhook_ids: &'a [Key],
    certificates: &'a [Key],
    signature: Vec<u8>,
    id: String,
    time: String,
}

impl<'a> Check<'a> {
    pub(super) fn begin(
        webhook_ids: &'a [Key],
        certificates: &'a [Key],
        head: &Head<'_>,
        clock: Clock,
    ) -> Result<Self, Reason> {
        let signature = Encoding::Base64.decode(head.needed("PAYPAL-TRANSMISSION-SIG")?).ok_or(Reason::Malformed)?;
        if head.needed("PAYPAL-AUTH-ALGO")? != ALGORITHM {
            return Err(Reason::Malformed);
        }
        let time = head.needed("PAYPAL-TRANSMISSION-TIME")?;
        clock.judge(time, Unit::Rfc3339)?;
        let id = head.needed("PAYPAL-TRANSMISSION-ID")?.to_owned();
        Ok(Self { webhook_ids, certificates, signature, id, time: time.to_owned() })
    }

    pub(super) fn finish(self, body: &[u8]) -> Verdict {
        let crc = crc32fast::hash(body).to_string();
        let is_signed = self.webhook_ids.iter().any(|webhook_id| {
            let parts = [self.id.as_bytes(), self.time.as_bytes(), webhook_id.bytes(), crc.as_bytes()];
            let message = parts.join(&b'|');
            self.certificates.iter().any(|certificate| has_signed(certificate, &message, &self.signature))
        });
        verdict(is_signed)
    }
}

/// Whether the certificate's key made the signature. Whose the certificate is was the owner's to see.
fn has_signed(certificate: &Key, message: &[u8], signature: &[u8]) -> bool {
    let der = CertificateDer::from(certificate.bytes());
    EndEntityCert::try_from(&der)
        .is_ok_and(|certificate| certificate.verify_signature(RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok())
}
