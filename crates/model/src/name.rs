//! Names that people give to buckets, inputs, outputs and groups.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes: fits a table column and a URL.
pub const NAME_BYTES_MAX: usize = 128;

/// A name of the form `[a-zA-Z0-9][a-zA-Z0-9~_.-]+`, at most [`NAME_BYTES_MAX`] bytes long.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Fewer than two characters.
    #[error("a name has at least 2 characters")]
    TooShort,
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("a name has at most {NAME_BYTES_MAX} characters")]
    TooLong,
    /// A character outside the allowed set.
    #[error("a name starts with a letter or digit and has only letters, digits and ~ _ . -")]
    Character,
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() > NAME_BYTES_MAX {
            return Err(InvalidName::TooLong);
        }
        let mut chars = text.chars();
        let first = chars.next().ok_or(InvalidName::TooShort)?;
        if !first.is_ascii_alphanumeric() || !chars.all(|c| c.is_ascii_alphanumeric() || "~_.-".contains(c)) {
            return Err(InvalidName::Character);
        }
        if text.len() < 2 {
            return Err(InvalidName::TooShort);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
