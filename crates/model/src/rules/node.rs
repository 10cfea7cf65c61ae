//! The tree that rules mean: operators, conditions, and what a condition looks at.

use ipnet::IpNet;

use super::pattern::Pattern;

/// One node of the tree.
#[derive(Clone)]
pub(super) enum Node {
    /// Holds when all of them do.
    And(Vec<Node>),
    /// Holds when one of them does.
    Or(Vec<Node>),
    /// Holds when it does not.
    Not(Box<Node>),
    /// A condition.
    Match(Condition),
}

/// What is asked of a request.
#[derive(Clone)]
pub(super) enum Condition {
    /// A parameter is exactly this.
    Equals { parameter: Parameter, value: String },
    /// A parameter has this in it, or, when `negated`, has not.
    Contains { parameter: Parameter, part: String, negated: bool },
    /// A parameter has a part that matches.
    Matches { parameter: Parameter, regex: Pattern },
    /// A parameter is a signature of the body.
    Signed { parameter: Parameter, hash: Hash, secret: String },
    /// The caller's address lies in one of the ranges.
    CalledFrom(Vec<IpNet>),
}

/// The hash of a signature (HMAC, RFC 2104).
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// Which part of a request a condition looks at.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) source: Source,
    /// What is found is base64 (RFC 4648, section 4) of what is meant.
    pub(super) base64: bool,
}

/// Where a parameter is found.
#[derive(Clone)]
pub(super) enum Source {
    /// The first header line of this name, regardless of case.
    Header(String),
    /// A part of the body, which is JSON or a form, by dotted path.
    Payload(String),
    /// The first query parameter of this name, decoded.
    Query(String),
    /// The body as it came.
    Body,
    /// What followed the input's id in the path, as it came.
    Path,
    /// The caller's address.
    Ip,
}
