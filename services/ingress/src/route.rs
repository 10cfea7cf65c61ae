//! Which input a webhook is for: by the id in its path, or by host name and the beginning of its path.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use model::InputId;
use model::record::{Bucket, Input};
use store::directory::Directory;
use store::event::Target;
use uuid::Uuid;

use crate::capture::Captured;

/// By what a webhook names its input.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// By the id in its path, if it is one; with what follows that.
    Id(Option<InputId>, Bytes),
    /// By a host name, if it is one, and a path.
    Place(Option<String>, Bytes),
}

impl Wanted {
    pub(crate) fn of(captured: &Captured) -> Self {
        let endpoint = &captured.endpoint;
        match endpoint.is_by_id() {
            true => Self::Id(endpoint.input, endpoint.extra_path.clone()),
            false => Self::Place(captured.host().and_then(host_name), endpoint.path.clone()),
        }
    }

    /// Whether any input can be named like this.
    fn may_be_there(&self) -> bool {
        matches!(self, Self::Id(Some(_), _) | Self::Place(Some(_), _))
    }
}

/// Where a webhook goes.
#[derive(Debug)]
pub(crate) struct Route {
    /// The log that it is appended to.
    pub(crate) target: Target,
    /// The input's id as it was called, be there one or not.
    pub(crate) id: InputId,
    /// What it found, if it exists.
    pub(crate) place: Option<Place>,
    /// It found nothing, and names an input that may not be in memory yet.
    pub(crate) may_be_new: bool,
    /// It found nothing, because a record could not be opened: whether the input exists is not known.
    pub(crate) is_unknown: bool,
    /// What goes on to the destination of the path.
    pub(crate) extra_path: Bytes,
}

/// An input and its bucket.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) input: Arc<Input>,
    pub(crate) bucket: Arc<Bucket>,
}

impl Route {
    /// Finds the way of a webhook.
    pub(crate) fn find(directory: &Directory, wanted: &Wanted) -> Self {
        let (id, input, extra_path) = match wanted {
            Wanted::Id(id, extra_path) => {
                let input = id.and_then(|id| directory.input(id)).map(|input| input.record);
                (*id, input, extra_path.clone())
            }
            Wanted::Place(host, path) => {
                let inputs = host.as_deref().and_then(|host| directory.inputs_at(host)).unwrap_or_default();
                let found = longest(inputs.into_iter().map(|input| input.record), path);
                let extra_path = found.as_ref().map(|input| extra_path(input, path));
                (found.as_ref().map(|input| input.id), found, extra_path.unwrap_or_else(|| path.clone()))
            }
        };
        let place = input.and_then(|input| {
            let bucket = directory.bucket(input.bucket)?.record;
            Some(Place { input, bucket })
        });
        let is_unknown = place.is_none()
            && match wanted {
                Wanted::Id(id, _) => id.is_some_and(|id| directory.is_unopened(id)),
                Wanted::Place(host, _) => {
                    directory.has_unopened_inputs() && host.as_deref().is_some_and(|host| directory.is_domain(host))
                }
            };
        let may_be_new = place.is_none() && !is_unknown && wanted.may_be_there();
        let target = match &place {
            Some(place) => Target::Bucket { bucket: place.bucket.id, ephemeral: place.bucket.ephemeral },
            None => Target::Void,
        };
        Self { target, id: id.unwrap_or(InputId(Uuid::nil())), place, may_be_new, is_unknown, extra_path }
    }
}

/// The host name of a request, as domains are written: in lower case, without port and last dot.
/// Nothing for an address or a name without a dot, which cannot be anybody's.
pub(crate) fn host_name(authority: &str) -> Option<String> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (host.contains('.') && host.parse::<IpAddr>().is_err()).then_some(host)
}

/// The input whose prefix is the longest that the path begins with.
fn longest(inputs: impl Iterator<Item = Arc<Input>>, path: &[u8]) -> Option<Arc<Input>> {
    let fitting = inputs.filter(|input| behind(prefix(input), path).is_some());
    // Of two with one prefix always the same one.
    fitting.max_by_key(|input| (prefix(input).len(), std::cmp::Reverse(input.id)))
}

/// The prefix of an input, without the slash at its end.
fn prefix(input: &Input) -> &[u8] {
    input.path_prefix.trim_end_matches('/').as_bytes()
}

/// What follows a prefix, if the path begins with it and a segment ends there.
fn behind<'a>(prefix: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// What goes on of a path: all of it, or what follows the prefix. The root alone is no extra path.
fn extra_path(input: &Input, path: &Bytes) -> Bytes {
    match behind(prefix(input), path) {
        Some(rest) if input.strip_path_prefix => path.slice_ref(rest),
        _ if &path[..] == b"/" => Bytes::new(),
        _ => path.clone(),
    }
}

#[cfg(test)]
mod tests;
