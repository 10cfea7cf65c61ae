//! What the fuzz targets reach of the listener.

use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use super::frames::Counted;
use super::sniff::{PREFACE, Protocol, sniff};

/// Frames of HTTP/2, in one piece and in many: whoever is cut off is cut off at the same frame.
pub(crate) fn frames(input: &[u8]) {
    let now = Instant::now();
    let follow = |piece: usize| {
        let mut counted = Counted::new((), 0);
        input.chunks(piece).try_for_each(|bytes| counted.follow(bytes, now)).is_ok()
    };
    let whole = follow(input.len().max(1));
    assert_eq!(whole, follow(1), "it depends on how the bytes came");
    assert_eq!(whole, follow(7), "it depends on how the bytes came");
}

/// The first bytes of a connection: the protocol is found, and every byte is given out again.
pub(crate) fn protocol(input: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    runtime.block_on(async {
        match sniff(input).await {
            Ok(Some((protocol, mut stream))) => {
                assert_eq!(protocol == Protocol::Http2, input.starts_with(PREFACE));
                let mut read = Vec::new();
                assert!(stream.read_to_end(&mut read).await.is_ok());
                assert_eq!(read, input);
            }
            Ok(None) => assert!(input.is_empty()),
            Err(error) => unreachable!("reading from memory failed: {error}"),
        }
    });
}
