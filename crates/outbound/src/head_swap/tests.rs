//! Tests of the swapped head, at the level of bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn pair(capacity: usize) -> (HeadSwap<DuplexStream>, Swapper, DuplexStream) {
    let (near, far) = duplex(capacity);
    let (swap, swapper) = HeadSwap::new(near);
    (swap, swapper, far)
}

#[tokio::test]
async fn the_head_is_swapped_and_the_body_passes() {
    let (mut swap, swapper, mut far) = pair(1024);
    for (head, body) in [("A / HTTP/1.1\r\nX: 1\r\n\r\n", "hello"), ("B / HTTP/1.1\r\n\r\n", "")] {
        swapper.arm(Bytes::copy_from_slice(head.as_bytes()), body.len() as u64, false);
        assert!(!swapper.is_whole());
        swap.write_all(b"post / http/1.1\r\nlower: case\r\n\r\n").await.unwrap();
        swap.write_all(body.as_bytes()).await.unwrap();
        swap.flush().await.unwrap();
        assert!(swapper.is_whole());
        let mut seen = vec![0; head.len() + body.len()];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(String::from_utf8(seen).unwrap(), format!("{head}{body}"));
    }
}

#[tokio::test]
async fn writes_may_be_cut_anywhere() {
    let written = b"x y\r\nname: value\r\r\n\r\nbody\r\n\r\n";
    for at in 0..written.len() {
        let (mut swap, swapper, mut far) = pair(3);
        swapper.arm(Bytes::from_static(b"HEAD\r\n\r\n"), 8, false);
        let read = tokio::spawn(async move {
            let mut seen = String::new();
            far.read_to_string(&mut seen).await.unwrap();
            seen
        });
        swap.write_all(&written[..at]).await.unwrap();
        swap.write_all(&written[at..]).await.unwrap();
        swap.flush().await.unwrap();
        assert!(swapper.is_whole());
        drop(swap);
        assert_eq!(read.await.unwrap(), "HEAD\r\n\r\nbody\r\n\r\n", "cut at {at}");
    }
}

#[tokio::test]
async fn a_head_that_is_not_armed_is_never_written() {
    let (mut swap, swapper, _far) = pair(64);
    let err = swap.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::InvalidInput);
    swapper.arm(Bytes::from_static(b"A\r\n\r\n"), 0, false);
    assert!(!swapper.is_whole());
}

#[tokio::test]
async fn after_the_other_side_left_writes_vanish_and_reads_tell() {
    let (mut swap, swapper, mut far) = pair(64);
    far.write_all(b"HTTP/1.1 413 X\r\n\r\n").await.unwrap();
    drop(far);
    swapper.arm(Bytes::from_static(b"A\r\n\r\n"), 100, false);
    swap.write_all(b"a\r\n\r\n").await.unwrap();
    swap.write_all(&[0; 100]).await.unwrap();
    swap.flush().await.unwrap();
    let mut seen = String::new();
    swap.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "HTTP/1.1 413 X\r\n\r\n");
    assert_eq!(swapper.answer_bytes(), 18);
    assert!(!swapper.is_whole());
}
