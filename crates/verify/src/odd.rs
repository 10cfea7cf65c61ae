//! The schemes that are no rows: tokens to compare, and signatures that lie in the body or are over
//! parts of it.

mod adyen;

mod mailgun;

mod paypal;

mod twilio;

use crate::encoding::Encoding;
use crate::head::Head;
use crate::key::{Key, KeyForm};
use crate::mac::same;
use crate::row::Clock;
use crate::table::TOLERANCE_SECONDS;
use crate::verdict::{Reason, Verdict};

/// A scheme of another shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Odd {
    /// A header is the secret itself.
    Token {
        header: &'static str,
        key: KeyForm,
    },
    /// User and password (RFC 7617).
    UserPassword,
    Twilio,
    Mailgun,
    Adyen,
    PayPal,
}

/// A webhook that is being checked.
pub(crate) enum OddCheck<'a> {
    /// The head says it all.
    Done(Verdict),
    Twilio(twilio::Check<'a>),
    Mailgun(mailgun::Check<'a>),
    Adyen(adyen::Check<'a>),
    PayPal(paypal::Check<'a>),
}

impl Odd {
    /// How the owner's secrets are read: a scheme may need secrets of two forms.
    pub(crate) fn keys(self) -> &'static [KeyForm] {
        match self {
            Self::Token { key: KeyForm::Token, .. } => &[KeyForm::Token],
            Self::Token { .. } | Self::Twilio | Self::Mailgun => &[KeyForm::Text],
            Self::UserPassword => &[KeyForm::UserPassword],
            Self::Adyen => &[KeyForm::Hex],
            Self::PayPal => &[KeyForm::NoCertificate, KeyForm::Certificate],
        }
    }

    /// Looks at the head. `keys` has a list for each of [`Odd::keys`].
    pub(crate) fn begin<'a>(
        self,
        keys: &'a [Vec<Key>],
        head: &Head<'_>,
        tolerance_seconds: u32,
    ) -> Result<OddCheck<'a>, Reason> {
        let first = keys.first().map(Vec::as_slice).unwrap_or_default();
        let clock = Clock {
            now: head.now,
            tolerance_seconds: if tolerance_seconds == 0 { TOLERANCE_SECONDS } else { tolerance_seconds },
        };
        match self {
            Self::Token { header, .. } => Ok(OddCheck::Done(presented(head.needed(header)?.as_bytes(), first))),
            Self::UserPassword => {
                let given = head.needed("Authorization")?;
                let (scheme, encoded) = given.split_once(' ').ok_or(Reason::Malformed)?;
                let given = Encoding::Base64.decode(encoded.trim()).ok_or(Reason::Malformed)?;
                match scheme.eq_ignore_ascii_case("basic") {
                    true => Ok(OddCheck::Done(presented(&given, first))),
                    false => Err(Reason::Malformed),
                }
            }
            Self::Twilio => twilio::Check::begin(first, head).map(OddCheck::Twilio),
            Self::Mailgun => Ok(OddCheck::Mailgun(mailgun::Check { keys: first, clock })),
            Self::Adyen => Ok(OddCheck::Adyen(adyen::Check { keys: first })),
            Self::PayPal => {
                let certificates = keys.get(1).map(Vec::as_slice).unwrap_or_default();
                paypal::Check::begin(first, certificates, head, clock).map(OddCheck::PayPal)
            }
        }
    }
}

impl OddCheck<'_> {
    /// What came of it.
    pub(crate) fn finish(self, body: &[u8]) -> Verdict {
        match self {
            Self::Done(verdict) => verdict,
            Self::Twilio(check) => check.finish(body),
            Self::Mailgun(check) => check.finish(body),
            Self::Adyen(check) => check.finish(body),
            Self::PayPal(check) => check.finish(body),
        }
    }

    /// Whether the whole body is needed at the end.
    pub(crate) fn needs_whole(&self) -> bool {
        match self {
            Self::Done(_) => false,
            Self::Twilio(_) | Self::Mailgun(_) | Self::Adyen(_) | Self::PayPal(_) => true,
        }
    }
}

fn presented(given: &[u8], keys: &[Key]) -> Verdict {
    verdict(keys.iter().any(|key| same(given, key.bytes())))
}

/// Of a signature that was there.
fn verdict(is_signed: bool) -> Verdict {
    if is_signed { Verdict::Verified } else { Verdict::Failed(Reason::NoMatch) }
}
