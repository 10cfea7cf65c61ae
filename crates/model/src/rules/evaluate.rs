//! The tree and a request: does it pass, and if not, why.

use std::net::IpAddr;

use memchr::memmem;
use subtle::ConstantTimeEq;

use super::hash;
use super::look::{Looked, STEPS_PER_BYTE, View};
use super::node::{Condition, Node, Parameter};
use super::{Reason, Verdict};
use crate::request::Request;

/// The steps that a byte takes of what is signed.
const STEPS_PER_SIGNED_BYTE: usize = 2;

/// What the tree says about a request.
pub(super) fn verdict(root: &Node, request: &Request) -> Verdict {
    match find(root, &View::of(request)) {
        Finding::Known(true) | Finding::Missing { counts_as: true } => Verdict::Pass,
        Finding::Known(false) => Verdict::Reject(Reason::NotMatched),
        Finding::Missing { counts_as: false } => Verdict::Reject(Reason::ParameterMissing),
        Finding::Unseen => Verdict::Reject(Reason::BodyTooLarge),
    }
}

/// What a node comes to.
#[derive(Clone, Copy)]
enum Finding {
    Known(bool),
    /// A parameter is missing. It counts as false, as true below one `not`, and as false in an
    /// `and` whatever it counted as; an `or` looks at what it counts as and at the others.
    Missing {
        counts_as: bool,
    },
    /// It could not be looked at, or not in the time that there is: no `not` makes that true, or what
    /// nobody has looked at would pass.
    Unseen,
}

fn find(node: &Node, view: &View<'_>) -> Finding {
    match node {
        Node::And(nodes) => all(nodes, view),
        Node::Or(nodes) => any(nodes, view),
        Node::Not(node) => match find(node, view) {
            Finding::Known(holds) => Finding::Known(!holds),
            Finding::Missing { counts_as } => Finding::Missing { counts_as: !counts_as },
            Finding::Unseen => Finding::Unseen,
        },
        Node::Match(condition) => matches(condition, view),
    }
}

fn all(nodes: &[Node], view: &View<'_>) -> Finding {
    for node in nodes {
        match find(node, view) {
            Finding::Known(true) => {}
            Finding::Missing { .. } => return Finding::Missing { counts_as: false },
            other @ (Finding::Known(false) | Finding::Unseen) => return other,
        }
    }
    Finding::Known(true)
}

fn any(nodes: &[Node], view: &View<'_>) -> Finding {
    let mut finding = Finding::Known(false);
    for node in nodes {
        match find(node, view) {
            Finding::Known(true) | Finding::Missing { counts_as: true } => return Finding::Known(true),
            Finding::Known(false) | Finding::Missing { counts_as: false } => {}
            Finding::Unseen => finding = Finding::Unseen,
        }
    }
    finding
}

fn matches(condition: &Condition, view: &View<'_>) -> Finding {
    match condition {
        // An owner may compare a shared secret this way.
        Condition::Equals { parameter, value } => {
            look(view, parameter, |found| Some(found.ct_eq(value.as_bytes()).into()))
        }
        Condition::Contains { parameter, part, negated } => {
            look(view, parameter, |found| Some(memmem::find(found, part.as_bytes()).is_some() != *negated))
        }
        Condition::Matches { parameter, regex } => look(view, parameter, |found| regex.is_match(found, &view.steps)),
        Condition::Signed { parameter, hash, secret } => match view.body() {
            Some(body) => look(view, parameter, |found| {
                view.steps.spend(body.len() * STEPS_PER_SIGNED_BYTE + found.len() * STEPS_PER_BYTE)?;
                Some(hash::signs(*hash, secret, body, found))
            }),
            None => Finding::Unseen,
        },
        Condition::CalledFrom(ranges) => match view.peer().parse::<IpAddr>() {
            Ok(peer) => Finding::Known(ranges.iter().any(|range| range.contains(&peer.to_canonical()))),
            Err(_) => Finding::Missing { counts_as: false },
        },
    }
}

fn look(view: &View<'_>, parameter: &Parameter, holds: impl FnOnce(&[u8]) -> Option<bool>) -> Finding {
    // Without a step nothing more is begun.
    match view.steps.take(1).map_or(Looked::Unseen, |()| view.look(parameter)) {
        Looked::Found(found) => holds(&found).map_or(Finding::Unseen, Finding::Known),
        Looked::Missing => Finding::Missing { counts_as: false },
        Looked::Unseen => Finding::Unseen,
    }
}
