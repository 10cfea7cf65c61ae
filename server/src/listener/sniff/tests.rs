//! Every split of the first bytes, and nothing lost.

use tokio::io::AsyncWriteExt;

use super::*;

/// What a caller's bytes, sent in two parts, are taken for, and what can still be read.
async fn sniffed(bytes: &[u8], cut: usize) -> Option<(Protocol, Vec<u8>)> {
    let (mut caller, ours) = tokio::io::duplex(1024);
    let bytes = bytes.to_vec();
    let sent = tokio::spawn(async move {
        caller.write_all(&bytes[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        caller.write_all(&bytes[cut..]).await.unwrap();
    });
    let (protocol, mut stream) = sniff(ours).await.unwrap()?;
    sent.await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    Some((protocol, all))
}

#[tokio::test]
async fn the_preface_is_seen_wherever_it_is_cut() {
    let bytes = [PREFACE.as_slice(), b"frames"].concat();
    for cut in 0..bytes.len() {
        let (protocol, all) = sniffed(&bytes, cut).await.unwrap();
        assert_eq!((protocol, all), (Protocol::Http2, bytes.clone()), "cut at {cut}");
    }
}

#[tokio::test]
async fn everything_else_is_http1_and_whole() {
    for text in ["GET / HTTP/1.1\r\n\r\n", "P", "PRI", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "POST /x", "\u{16}\u{3}"] {
        for cut in 0..text.len() {
            let (protocol, all) = sniffed(text.as_bytes(), cut).await.unwrap();
            assert_eq!((protocol, all.as_slice()), (Protocol::Http1, text.as_bytes()), "{text:?} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_caller_who_says_nothing_is_none() {
    assert_eq!(sniffed(b"", 0).await, None);
}
