//! A provider's schemes with an owner's secrets, ready to verify.

use model::UnixMs;
use model::record::{CustomSignature, Signature};
use model::request::Request;

use crate::encoding::Encoding;
use crate::head::Head;
use crate::key::{InvalidSecret, Key, KeyForm};
use crate::odd::{Odd, OddCheck};
use crate::provider::{Provider, UnknownProvider};
use crate::row::{Algorithm, Check, HMAC_SHA256, Row, Time, TimeAt, Unit};
use crate::table::{self, TOLERANCE_SECONDS};
use crate::template::{InvalidTemplate, Template};
use crate::verdict::{Reason, Verdict};

/// How many secrets an input may have: two while one is rotated, and a few for several senders.
pub const SECRETS_MAX: usize = 10;
/// The largest body that is kept in memory for a scheme that needs the whole of it, in bytes. Most
/// schemes do not.
pub const WHOLE_BYTES_MAX: usize = 1024 * 1024;

/// Verifies the webhooks of one input.
pub struct Verifier<'a> {
    provider: Provider,
    secrets: &'a [String],
    tolerance_seconds: u32,
    schemes: Vec<Scheme<'a>>,
}

/// A scheme with those of the secrets that are for it.
enum Scheme<'a> {
    Row { row: Row<'a>, message: Template, keys: Vec<Key> },
    Odd { odd: Odd, keys: Vec<Vec<Key>> },
}

/// A configuration that cannot verify anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// No such provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// Nothing to verify with.
    #[error("has no secret")]
    NoSecret,
    /// More than [`SECRETS_MAX`].
    #[error("has more than {SECRETS_MAX} secrets")]
    TooManySecrets,
    /// A secret that does not have the provider's form.
    #[error("secret {} {problem}", index + 1)]
    Secret {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        problem: InvalidSecret,
    },
    /// PayPal's certificate would have to be fetched from where the webhook says.
    #[error("paypal needs two secrets: the webhook's id, and PayPal's certificate in PEM, which is not fetched")]
    NoCertificate,
    /// `hmac` without a description, or another provider with one.
    #[error("custom describes the scheme of the provider hmac, and of no other")]
    Custom,
    /// No such algorithm.
    #[error("algorithm is sha1, sha256 or sha512, not {0:?}")]
    Algorithm(String),
    /// No such encoding.
    #[error("encoding is hex or base64, not {0:?}")]
    Encoding(String),
    /// No name of a header.
    #[error("{0:?} is no name of a header")]
    Header(String),
    /// A template that cannot be read.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
    /// A time that nobody signs protects from nothing, and a template cannot be filled in without one.
    #[error("a signed time needs both {{time}} in the template and timestamp_header")]
    Time,
}

impl<'a> Verifier<'a> {
    /// A verifier for what an owner configured.
    ///
    /// # Errors
    /// [`InvalidSignature`] with the first thing that is wrong.
    pub fn new(signature: &'a Signature) -> Result<Self, InvalidSignature> {
        let provider: Provider = signature.provider.parse()?;
        let mut schemes = Vec::new();
        match (provider, &signature.custom) {
            (Provider::Hmac, Some(custom)) => schemes.push(described(custom)?),
            (Provider::Hmac, None) | (_, Some(_)) => return Err(InvalidSignature::Custom),
            (_, None) => {
                for scheme in table::schemes(provider) {
                    schemes.push(match scheme {
                        table::Scheme::Row(row) => {
                            Scheme::Row { message: Template::parse(row.message)?, row, keys: Vec::new() }
                        }
                        table::Scheme::Odd(odd) => Scheme::Odd { odd, keys: Vec::new() },
                    });
                }
            }
        }
        // Asana makes its secret known in its handshake, so an input is there before its secret.
        if signature.secrets.is_empty() && provider != Provider::Asana {
            return Err(InvalidSignature::NoSecret);
        }
        if signature.secrets.len() > SECRETS_MAX {
            return Err(InvalidSignature::TooManySecrets);
        }
        share_out(&signature.secrets, &mut schemes)?;
        if schemes.iter().any(|scheme| scheme.lacks_a_form()) && provider == Provider::PayPal {
            return Err(InvalidSignature::NoCertificate);
        }
        let tolerance_seconds = signature.tolerance_seconds;
        Ok(Self { provider, secrets: &signature.secrets, tolerance_seconds, schemes })
    }

    /// Whose webhooks these are.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub(crate) fn secrets(&self) -> &'a [String] {
        self.secrets
    }

    /// Begins with a head; the body follows as it comes.
    pub fn watch(&self, head: &Head<'_>) -> Watch<'_> {
        let begin = |scheme| self.begin(scheme, head).unwrap_or_else(|reason| Step::Done(Verdict::Failed(reason)));
        let steps: Vec<Step<'_>> = self.schemes.iter().map(begin).collect();
        let whole = steps.iter().any(Step::needs_whole).then(Vec::new);
        Watch { steps, whole, is_too_large: false }
    }

    /// Verifies a webhook whose body is in memory.
    pub fn verify(&self, request: &Request, url: &str, now: UnixMs) -> Verdict {
        let mut watch = self.watch(&Head { request, url, now });
        watch.update(&request.body);
        watch.finish()
    }

    fn begin<'s>(&'s self, scheme: &'s Scheme<'a>, head: &Head<'_>) -> Result<Step<'s>, Reason> {
        match scheme {
            Scheme::Row { keys, .. } if keys.is_empty() => Err(Reason::Unusable),
            Scheme::Row { row, message, keys } => {
                Check::begin(row, message, keys, head, self.tolerance_seconds).map(Step::Row)
            }
            Scheme::Odd { keys, .. } if keys.iter().any(Vec::is_empty) => Err(Reason::Unusable),
            Scheme::Odd { odd, keys } => odd.begin(keys, head, self.tolerance_seconds).map(Step::Odd),
        }
    }
}

/// Gives each scheme the secrets that are for it; each must be for one.
fn share_out(secrets: &[String], schemes: &mut [Scheme<'_>]) -> Result<(), InvalidSignature> {
    for scheme in schemes.iter_mut() {
        if let Scheme::Odd { odd, keys } = scheme {
            keys.resize_with(odd.keys().len(), Vec::new);
        }
    }
    for (index, secret) in secrets.iter().enumerate() {
        let mut is_used = false;
        let mut read = |form: KeyForm, keys: &mut Vec<Key>| match form.read(secret) {
            Ok(key) => {
                is_used |= key.is_some();
                keys.extend(key);
                Ok(())
            }
            Err(problem) => Err(InvalidSignature::Secret { index, problem }),
        };
        for scheme in schemes.iter_mut() {
            match scheme {
                Scheme::Row { row, keys, .. } => read(row.key, keys)?,
                Scheme::Odd { odd, keys } => {
                    for (form, keys) in odd.keys().iter().zip(keys) {
                        read(*form, keys)?;
                    }
                }
            }
        }
        if !is_used {
            return Err(InvalidSignature::Secret { index, problem: InvalidSecret::Standard });
        }
    }
    Ok(())
}

impl Scheme<'_> {
    fn lacks_a_form(&self) -> bool {
        match self {
            Self::Row { keys, .. } => keys.is_empty(),
            Self::Odd { keys, .. } => keys.iter().any(Vec::is_empty),
        }
    }
}

fn described(custom: &CustomSignature) -> Result<Scheme<'_>, InvalidSignature> {
    let algorithm = match custom.algorithm.as_str() {
        "sha1" => Algorithm::HmacSha1,
        "sha256" => Algorithm::HmacSha256,
        "sha512" => Algorithm::HmacSha512,
        other => return Err(InvalidSignature::Algorithm(other.to_owned())),
    };
    let encoding = match custom.encoding.as_str() {
        "hex" => Encoding::Hex,
        "base64" => Encoding::Base64,
        other => return Err(InvalidSignature::Encoding(other.to_owned())),
    };
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let wanted = [&custom.header].into_iter().chain(Some(&custom.timestamp_header).filter(|name| !name.is_empty()));
    if let Some(name) = wanted.into_iter().find(|name| !is_name(name)) {
        return Err(InvalidSignature::Header(name.clone()));
    }
    let message = match custom.template.as_str() {
        "" => Template::parse(HMAC_SHA256.message)?,
        template => Template::parse(template)?,
    };
    if message.has_time() == custom.timestamp_header.is_empty() {
        return Err(InvalidSignature::Time);
    }
    let time = message.has_time().then_some(Time {
        at: TimeAt::Header(&custom.timestamp_header),
        unit: Unit::SecondsOrMillis,
        tolerance_seconds: TOLERANCE_SECONDS,
    });
    let row = Row { algorithm, header: &custom.header, prefix: &custom.prefix, encoding, time, ..HMAC_SHA256 };
    Ok(Scheme::Row { row, message, keys: Vec::new() })
}

/// A webhook that is being verified while its body comes.
pub struct Watch<'a> {
    steps: Vec<Step<'a>>,
    /// The body so far, if a scheme needs the whole of it.
    whole: Option<Vec<u8>>,
    is_too_large: bool,
}

enum Step<'a> {
    Done(Verdict),
    Row(Check<'a>),
    Odd(OddCheck<'a>),
}

impl Step<'_> {
    fn needs_whole(&self) -> bool {
        match self {
            Self::Done(_) => false,
            Self::Row(check) => check.needs_whole(),
            Self::Odd(check) => check.needs_whole(),
        }
    }
}

impl Watch<'_> {
    /// Takes the next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        for step in &mut self.steps {
            if let Step::Row(check) = step {
                check.update(piece);
            }
        }
        if let Some(whole) = &mut self.whole {
            if whole.len() + piece.len() > WHOLE_BYTES_MAX {
                self.is_too_large = true;
                whole.clear();
            }
            if !self.is_too_large {
                whole.extend_from_slice(piece);
            }
        }
    }

    /// What came of it, after the last piece.
    pub fn finish(self) -> Verdict {
        let body = self.whole.unwrap_or_default();
        let finish = |step: Step<'_>| match step {
            Step::Done(verdict) => verdict,
            step if self.is_too_large && step.needs_whole() => Verdict::Failed(Reason::BodyTooLarge),
            Step::Row(check) => check.finish(&body),
            Step::Odd(check) => check.finish(&body),
        };
        let verdict = self.steps.into_iter().map(finish).fold(Verdict::None, Verdict::or);
        // Whatever there is to verify with, nothing was.
        if verdict == Verdict::None { Verdict::Failed(Reason::Unusable) } else { verdict }
    }
}
