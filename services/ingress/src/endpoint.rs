//! Which input a request is for, and the parts of its target that go on to the destination.

use bytes::Bytes;
use model::InputId;
use uuid::Uuid;

/// Where inputs live: an input's id follows.
pub const PATH_PREFIX: &str = "/v1/webhooks/";

/// The length of a UUID in its hyphenated form, the only one that addresses an input.
const UUID_LEN: usize = 36;

/// A request target, taken apart. Nothing is decoded or normalised: dots,
/// doubled slashes and percent-encodings stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The input's id; none when what stands there is no id, which is like an input that does not exist.
    pub(crate) input: Option<InputId>,
    /// What follows the id up to the query: empty, or beginning with a slash.
    pub(crate) extra_path: Bytes,
    /// The whole path, up to the query.
    pub(crate) path: Bytes,
    /// What follows the first question mark, if there is one.
    pub(crate) query: Option<Bytes>,
}

impl Endpoint {
    /// Takes apart a target in origin or absolute form (RFC 9112, section 3.2).
    pub(crate) fn parse(target: &Bytes) -> Self {
        let local = target.slice(start_of_path(target)..);
        let (path, query) = match local.iter().position(|b| *b == b'?') {
            Some(at) => (local.slice(..at), Some(local.slice(at + 1..))),
            None => (local, None),
        };
        let Some(rest) = path.strip_prefix(PATH_PREFIX.as_bytes()) else {
            return Self { input: None, extra_path: path.clone(), path, query };
        };
        let id_len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
        let extra_path = path.slice(PATH_PREFIX.len() + id_len..);
        Self { input: input(&rest[..id_len]), extra_path, path, query }
    }

    /// Whether an input's id has its place in the path, be it one or not.
    pub(crate) fn is_by_id(&self) -> bool {
        is_by_id(&self.path)
    }
}

/// Whether an input's id has its place in this path, be it one or not.
pub(crate) fn is_by_id(path: &[u8]) -> bool {
    path.starts_with(PATH_PREFIX.as_bytes())
}

fn input(text: &[u8]) -> Option<InputId> {
    if text.len() != UUID_LEN {
        return None;
    }
    Uuid::try_parse_ascii(text).ok().map(InputId)
}

/// Where the path begins: behind scheme and authority, if the target has them.
fn start_of_path(target: &[u8]) -> usize {
    if target.starts_with(b"/") {
        return 0;
    }
    let Some(authority) = target.windows(3).position(|w| w == b"://").map(|at| at + 3) else {
        return 0;
    };
    let path = target[authority..].iter().position(|b| matches!(b, b'/' | b'?'));
    path.map_or(target.len(), |at| authority + at)
}

#[cfg(test)]
mod tests;
