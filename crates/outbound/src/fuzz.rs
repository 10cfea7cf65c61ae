//! Fuzz targets: what is read here of destinations' bytes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use model::request::Header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use crate::answer;
use crate::head::Head;
use crate::head_swap::HeadSwap;

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("answer", answer)];

/// More than is written on either side.
const PIPE_BYTES: usize = 1024 * 1024;
/// How much of a body is kept.
const BODY_BYTES_MAX: usize = 64;

/// What a destination answers to a `GET`, in one piece and byte by byte: both must be read alike, and
/// the lines that are kept are those that hyper has read.
fn answer(input: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let whole = runtime.block_on(answered(input, input.len().max(1)));
    let in_bytes = runtime.block_on(answered(input, 1));
    assert_eq!(whole, in_bytes, "it depends on how the bytes came");
}

/// Status, header lines and what is kept of the body; `None` when it is no answer.
async fn answered(input: &[u8], piece: usize) -> Option<(u16, Vec<Header>, Bytes)> {
    let (near, far) = duplex(PIPE_BYTES);
    let (io, swapper) = HeadSwap::new(near);
    let (mut sender, driver) = http1::handshake(TokioIo::new(io)).await.ok()?;
    let head = Head::new("GET", b"/", &[], 0).ok()?;
    swapper.arm(head.bytes().clone(), 0, true);
    let request = http::Request::get("/").body(Empty::<Bytes>::new()).ok()?;
    let asked = async move {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let lines = answer::header_lines(&swapper.take_answer_head()?);
        same(response.headers(), &lines);
        let deadline = Instant::now() + Duration::from_secs(1);
        let kept = answer::read(response.into_body(), BODY_BYTES_MAX, deadline).await;
        assert!(kept.body.len() <= BODY_BYTES_MAX && kept.body.len() as u64 <= kept.body_bytes);
        Some((status, lines, kept.body))
    };
    tokio::join!(asked, driver, destination(far, input, piece)).0
}

/// Waits for the request, and writes in pieces of that size.
async fn destination(mut far: DuplexStream, input: &[u8], piece: usize) {
    let mut request = [0; 64];
    let _ = far.read(&mut request).await;
    for bytes in input.chunks(piece) {
        if far.write_all(bytes).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let _ = far.shutdown().await;
}

fn same(read: &http::HeaderMap, kept: &[Header]) {
    assert_eq!(read.len(), kept.len(), "{kept:?}");
    for name in read.keys() {
        let ours = kept.iter().filter(|line| line.is(name.as_str())).map(|line| &line.value[..]);
        assert!(read.get_all(name).iter().map(|value| value.as_bytes()).eq(ours), "{name}: {kept:?}");
    }
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
