//! The signature that an input demands. Its secrets come in and never go out: their count does.

use http::HeaderName;
use model::record::{self, CustomSignature, SignaturePolicy};
use serde::Serialize;
use verify::Verifier;

use crate::error::Error;
use crate::limits::{LABEL_BYTES_MAX, SIGNING_BYTES_MAX, SIGNING_SECRETS_MAX, TOLERANCE_SECONDS_MAX};
use crate::shape::Fields;

/// The provider whose scheme is the owner's own.
const CUSTOM: &str = "hmac";
const POLICIES: [(&str, SignaturePolicy); 3] =
    [("reject", SignaturePolicy::Reject), ("drop", SignaturePolicy::Drop), ("mark", SignaturePolicy::Mark)];
const ALGORITHMS: [(&str, &str); 3] = [("sha1", "sha1"), ("sha256", "sha256"), ("sha512", "sha512")];
const ENCODINGS: [(&str, &str); 2] = [("hex", "hex"), ("base64", "base64")];

/// What a request says about the signature.
#[derive(Debug)]
pub(super) enum Change {
    NotSaid,
    None,
    Said(Box<Said>),
}

pub(super) struct Said {
    provider: Option<String>,
    secrets: Option<Vec<String>>,
    policy: Option<SignaturePolicy>,
    tolerance_seconds: Option<u32>,
    custom: Option<CustomSignature>,
}

impl std::fmt::Debug for Said {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Change {
    /// Reads what is said; `null` ends it.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        if fields.is_null("signature") {
            return Ok(Self::None);
        }
        let Some(signature) = fields.object("signature")? else { return Ok(Self::NotSaid) };
        let provider = signature.text("provider", LABEL_BYTES_MAX)?.filter(|provider| !provider.is_empty());
        let secrets = signature.texts("secrets", SIGNING_SECRETS_MAX, SIGNING_BYTES_MAX)?;
        if secrets.iter().flatten().any(String::is_empty) {
            return Err(signature.invalid("secrets", "has an empty secret"));
        }
        Ok(Self::Said(Box::new(Said {
            provider: provider.map(str::to_owned),
            secrets: secrets.filter(|secrets| !secrets.is_empty()),
            policy: signature.choice("policy", &POLICIES)?,
            tolerance_seconds: signature.number("tolerance_seconds", 0..=TOLERANCE_SECONDS_MAX)?,
            custom: read_custom(&signature)?,
        })))
    }

    /// Changes the signature. Secrets that are not said stay.
    pub(super) fn apply(&self, signature: &mut Option<record::Signature>) -> Result<(), Error> {
        let said = match self {
            Self::NotSaid => return Ok(()),
            Self::None => {
                *signature = None;
                return Ok(());
            }
            Self::Said(said) => said,
        };
        let changed = said.over(signature.take())?;
        Verifier::new(&changed).map_err(|error| Error::invalid("signature", error))?;
        *signature = Some(changed);
        Ok(())
    }
}

impl Said {
    /// What is said, and the rest of what was there.
    fn over(&self, before: Option<record::Signature>) -> Result<record::Signature, Error> {
        let missing = |field| Error::invalid(field, "is missing");
        let (provider, secrets, policy, tolerance, custom) = match before {
            Some(before) => {
                (Some(before.provider), Some(before.secrets), before.policy, before.tolerance_seconds, before.custom)
            }
            None => (None, None, SignaturePolicy::default(), 0, None),
        };
        let provider = self.provider.clone().or(provider).ok_or_else(|| missing("signature.provider"))?;
        let keeps_custom = provider == CUSTOM;
        Ok(record::Signature {
            provider,
            secrets: self.secrets.clone().or(secrets).unwrap_or_default(),
            policy: self.policy.unwrap_or(policy),
            tolerance_seconds: self.tolerance_seconds.unwrap_or(tolerance),
            custom: self.custom.clone().or(custom.filter(|_| keeps_custom)),
        })
    }
}

fn read_custom(signature: &Fields) -> Result<Option<CustomSignature>, Error> {
    let Some(custom) = signature.object("custom")? else { return Ok(None) };
    let text =
        |field| -> Result<String, Error> { Ok(custom.text(field, LABEL_BYTES_MAX)?.unwrap_or_default().to_owned()) };
    let header = |field| -> Result<Option<String>, Error> {
        let name: Option<HeaderName> = custom.parsed(field, LABEL_BYTES_MAX)?;
        Ok(name.map(|name| name.to_string()))
    };
    Ok(Some(CustomSignature {
        algorithm: custom.choice("algorithm", &ALGORITHMS)?.unwrap_or("sha256").to_owned(),
        header: header("header")?.ok_or_else(|| custom.invalid("header", "is missing"))?,
        encoding: custom.choice("encoding", &ENCODINGS)?.unwrap_or("hex").to_owned(),
        prefix: text("prefix")?,
        template: text("template")?,
        timestamp_header: header("timestamp_header")?.unwrap_or_default(),
    }))
}

/// A signature, without its secrets.
#[derive(Serialize)]
pub(super) struct Signature<'a> {
    provider: &'a str,
    secret_count: usize,
    policy: SignaturePolicy,
    tolerance_seconds: u32,
    custom: Option<&'a CustomSignature>,
}

impl<'a> Signature<'a> {
    /// Shows it.
    pub(super) fn new(signature: &'a record::Signature) -> Self {
        Self {
            provider: &signature.provider,
            secret_count: signature.secrets.len(),
            policy: signature.policy,
            tolerance_seconds: signature.tolerance_seconds,
            custom: signature.custom.as_ref(),
        }
    }
}
