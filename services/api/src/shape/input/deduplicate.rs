//! By what a sender's second try is recognised: `true`, or `{"header": "Name"}`.

use http::HeaderName;
use model::record::{self, Deduplicate as Record};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::error::Error;
use crate::limits::LABEL_BYTES_MAX;
use crate::shape::Fields;

/// What a request says about it.
#[derive(Debug)]
pub(super) struct Change(Option<Option<Record>>);

impl Change {
    /// Reads what is said; `false` and `null` end it.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        if fields.is_null("deduplicate") {
            return Ok(Self(Some(None)));
        }
        match fields.said("deduplicate") {
            None => Ok(Self(None)),
            Some(Value::Bool(said)) => Ok(Self(Some(said.then_some(Record::Provider)))),
            Some(Value::Object(_)) => {
                let by = fields.object("deduplicate")?.unwrap_or_default();
                let name: Option<HeaderName> = by.parsed("header", LABEL_BYTES_MAX)?;
                let name = name.ok_or_else(|| by.invalid("header", "is missing"))?;
                Ok(Self(Some(Some(Record::Header(name.to_string())))))
            }
            Some(_) => Err(fields.invalid("deduplicate", "must be true, false or an object with a header")),
        }
    }

    /// Changes it.
    pub(super) fn apply(&self, input: &mut record::Input) -> Result<(), Error> {
        if let Some(deduplicate) = &self.0 {
            input.deduplicate.clone_from(deduplicate);
        }
        if input.deduplicate == Some(Record::Provider) && input.signature.is_none() {
            return Err(Error::invalid(
                "deduplicate",
                "needs a signature, whose provider says which header; or name one",
            ));
        }
        Ok(())
    }
}

/// Shows it.
pub(super) struct Deduplicate<'a>(pub(super) Option<&'a Record>);

impl Serialize for Deduplicate<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some(Record::Provider) => serializer.serialize_bool(true),
            Some(Record::Header(name)) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("header", name)?;
                map.end()
            }
        }
    }
}
