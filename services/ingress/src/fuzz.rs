//! Fuzz targets: what is read here of outsiders' bytes.

use std::fmt::Debug;

use model::request::{Header, Request};

use crate::HeadTap;
use crate::callers::Credential;
use crate::capture::Captured;
use crate::endpoint::Endpoint;
use crate::trace;

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("connection", connection), ("endpoint", endpoint), ("caller", caller)];

/// Everything that comes over an HTTP/1 connection, in one piece and byte by byte: both must pass on
/// the same bytes and read the same heads, up to the first that is refused. (When one is refused that
/// hyper refuses too, depends on how much of it was there.)
fn connection(input: &[u8]) {
    let whole = heads(input, input.len().max(1));
    same(&whole, &heads(input, 1));
    same(&whole, &heads(input, 7));
}

fn heads(input: &[u8], piece: usize) -> (usize, Vec<String>) {
    let (mut tap, heads) = HeadTap::new(());
    let mut passed = 0;
    for bytes in input.chunks(piece) {
        let taken = tap.follow(bytes);
        passed += taken;
        if taken < bytes.len() {
            break;
        }
    }
    let read = std::iter::from_fn(|| Captured::from_head(heads.next()?).ok());
    (passed, read.map(|head| format!("{head:?}")).collect())
}

fn same<T: PartialEq + Debug>(one: &T, other: &T) {
    assert_eq!(one, other, "it depends on how the bytes came");
}

fn endpoint(input: &[u8]) {
    Endpoint::parse(&input.to_vec().into());
}

/// The value of an `Authorization` line, and of a `traceparent`.
fn caller(input: &[u8]) {
    let line = |name: &'static str| Header { name: name.into(), value: input.to_vec().into() };
    let headers = vec![line("Authorization"), line("traceparent")];
    let request = Request { headers, ..Request::default() };
    let _ = Credential::of(&request, true).map(drop);
    let _ = Credential::of(&request, false).map(drop);
    if let Some(parent) = trace::of_sender(&request) {
        assert_eq!(parent.to_string().parse().ok(), Some(parent));
    }
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
