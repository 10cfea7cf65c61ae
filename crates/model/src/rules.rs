//! Rules: which of a bucket's events an output wants, in the JSON language of adnanh/webhook.
//!
//! The cast:
//!
//! - [`Rules`] is what an owner wrote, kept exactly as given, together with what it means.
//! - `parse` makes a tree of `node`s of it, or says what is wrong and where.
//! - `evaluate` asks the tree about a request. It always has an answer: a parameter that is not
//!   there, a body that is no JSON, or one that is too large to look at is a reason to reject.

mod node;

mod parse;

mod evaluate;

mod look;

mod pattern;

mod steps;

mod payload;

mod hash;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::request::Request;
use node::Node;

/// The largest tree, as compact JSON, in bytes: a page of conditions, and small beside what the
/// record of an output may take.
pub const RULES_BYTES_MAX: usize = 32 * 1024;
/// How many nodes may stand in one another; nobody reads a tree deeper than this.
pub const DEPTH_MAX: usize = 16;
/// How many nodes a tree may have: each may search the whole body.
pub const NODES_MAX: usize = 256;
/// What a compiled regular expression may take, in bytes.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;
/// What those of a tree may take together, in bytes: every process keeps every tree.
pub const REGEXES_BYTES_MAX: usize = 512 * 1024;
/// The largest body that is looked at, in bytes: larger ones are stored in pieces, and are not in
/// memory where rules are evaluated.
pub const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// The rules of an output. The default lets everything pass.
///
/// In JSON it is the tree as the owner wrote it, with fields that mean nothing here.
#[derive(Clone, Default)]
pub struct Rules {
    given: Value,
    root: Option<Node>,
}

/// What the rules say about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered.
    Pass,
    /// It is not, and this is why.
    Reject(Reason),
}

/// Why rules reject a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A condition does not hold.
    NotMatched,
    /// A header, a query parameter or a part of the payload that a condition asks for is not there.
    ParameterMissing,
    /// The body is over [`BODY_BYTES_MAX`] and a condition needs it; or the conditions would take too
    /// long to look at it.
    BodyTooLarge,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMatched => "the rules do not match",
            Self::ParameterMissing => "a parameter that the rules ask for is missing",
            Self::BodyTooLarge => "body too large to look at",
        })
    }
}

/// What is wrong with rules, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidRules {
    /// The path from the root, such as `rules.and[1].match.regex`.
    pub place: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with a part of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else stands where an object must.
    #[error("must be an object")]
    NotAnObject,
    /// Something else stands where a list must.
    #[error("must be a list")]
    NotAList,
    /// Something else stands where a text must.
    #[error("must be a text")]
    NotText,
    /// Something else stands where true or false must.
    #[error("must be true or false")]
    NotABool,
    /// A node without `and`, `or`, `not` or `match`.
    #[error("must have one of and, or, not, match")]
    NoOperator,
    /// A field that this type of condition needs.
    #[error("is missing")]
    Missing,
    /// No such type of condition.
    #[error(
        "unknown type {0:?}; there are value, contains, does-not-contain, substring, regex, \
         payload-hash-sha1, payload-hash-sha256, payload-hash-sha512, ip-whitelist"
    )]
    UnknownType(String),
    /// No such source of a parameter.
    #[error("unknown source {0:?}; there are header, payload, query, body, path, ip")]
    UnknownSource(String),
    /// A regular expression that does not compile, or not within [`REGEX_BYTES_MAX`].
    #[error("invalid regular expression: {0}")]
    Regex(String),
    /// Regular expressions that take more than [`REGEXES_BYTES_MAX`] together when they are compiled.
    #[error("the regular expressions take more than {REGEXES_BYTES_MAX} bytes together when they are compiled")]
    RegexesTooLarge,
    /// An address range that is neither an address nor in CIDR notation (RFC 4632, RFC 4291).
    #[error("{0:?} is no address and no range such as 192.0.2.0/24")]
    Range(String),
    /// Deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`NODES_MAX`] nodes.
    #[error("more than {NODES_MAX} conditions and operators")]
    TooMany,
    /// Larger than [`RULES_BYTES_MAX`].
    #[error("larger than {RULES_BYTES_MAX} bytes")]
    TooLarge,
}

impl Rules {
    /// Reads rules. `null` and an object without fields are no rules: everything passes.
    ///
    /// # Errors
    /// [`InvalidRules`] with the first thing that is wrong.
    pub fn parse(given: &Value) -> Result<Self, InvalidRules> {
        let root = parse::root(given)?;
        Ok(Self { given: given.clone(), root })
    }

    /// Whether everything passes because there are no rules.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The tree as it was given.
    pub fn given(&self) -> &Value {
        &self.given
    }

    /// Asks whether this request passes.
    pub fn evaluate(&self, request: &Request) -> Verdict {
        match &self.root {
            None => Verdict::Pass,
            Some(root) => evaluate::verdict(root, request),
        }
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}

impl Eq for Rules {}

/// Rules may hold secrets, so they do not print.
impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Rules(none)" } else { "Rules(…)" })
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.given.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(deserializer)?;
        Self::parse(&given).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
