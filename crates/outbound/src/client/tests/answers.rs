//! Tests of what is kept of answers.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::answer::REST_BYTES_MAX;
use crate::head_swap::ANSWER_HEAD_BYTES_MAX;

/// The answer to a request that keeps `body_bytes_max` bytes of the body.
async fn kept(client: &Client, url: &str, body_bytes_max: usize) -> Answer {
    let request = Request { keep: Keep::Answer { body_bytes_max }, ..post(url, b"x") };
    client.send(request, &All(Ok(()))).await.answer.unwrap()
}

fn text(headers: &[Header]) -> Vec<String> {
    let line = |h: &Header| format!("{}: {}", String::from_utf8_lossy(&h.name), String::from_utf8_lossy(&h.value));
    headers.iter().map(line).collect()
}

#[tokio::test]
async fn an_answer_is_kept_as_it_came_and_the_connection_serves_again() {
    let answer = b"HTTP/1.1 100 Continue\r\nX: 0\r\n\r\nHTTP/1.1 418 X\r\nX-b: 1\r\ncontent-Encoding: gzip\r\nx-B: 2\r\nX-b:\r\n\
                   Content-length: 5\r\n\r\n\x1f\x8b\x00\xff!";
    let mut to = Recorder::start(|_| recorder::Answer::Bytes(answer.to_vec())).await;
    let client = client();
    for _ in 0..2 {
        let answer = kept(&client, &to.url(), 100).await;
        assert_eq!(answer.status, 418);
        assert_eq!(text(&answer.headers), ["X-b: 1", "content-Encoding: gzip", "x-B: 2", "X-b: ", "Content-length: 5"]);
        assert_eq!((&answer.body[..], answer.body_bytes), (&b"\x1f\x8b\x00\xff!"[..], 5));
        assert_eq!(to.next().await.connection, 0);
    }
    assert_eq!(client.send(post(&to.url(), b"x"), &All(Ok(()))).await.answer, None, "unless nobody asked for it");
}

#[tokio::test]
async fn informational_answers_without_end_are_given_up() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let flood = async {
        let (mut stream, _) = socket.accept().await.unwrap();
        // What comes before a request is no answer to it.
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let many = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(100);
        while stream.write_all(&many).await.is_ok() {}
    };
    let client = client();
    let request = Request { timeout: Duration::from_secs(5), ..post(&url, b"x") };
    let (outcome, ()) = tokio::join!(send(&client, request), flood);
    assert_eq!(outcome, Outcome::Broken);
}

#[tokio::test]
async fn of_a_longer_body_the_beginning_is_kept() {
    let chunked = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n";
    let to = Recorder::start(|_| recorder::Answer::Bytes(chunked.to_vec())).await;
    let client = client();
    for (bytes_max, expected) in [(0, &b""[..]), (4, b"abcd"), (5, b"abcde"), (6, b"abcde")] {
        let answer = kept(&client, &to.url(), bytes_max).await;
        assert_eq!((&answer.body[..], answer.body_bytes), (expected, 5), "{bytes_max}");
        assert_eq!(answer.is_cut(), bytes_max < 5, "{bytes_max}");
    }
}

#[tokio::test]
async fn the_rest_is_read_up_to_the_limit_and_then_costs_the_connection() {
    for (rest, connections) in [(REST_BYTES_MAX, [0, 0]), (REST_BYTES_MAX + 1, [0, 1])] {
        let mut to = Recorder::start(move |_| {
            let body_bytes = rest + 7;
            let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {body_bytes}\r\n\r\n").into_bytes();
            answer.resize(answer.len() + body_bytes as usize, b'x');
            recorder::Answer::Bytes(answer)
        })
        .await;
        let client = client();
        for connection in connections {
            let answer = kept(&client, &to.url(), 7).await;
            assert_eq!((answer.body.len(), answer.body_bytes, answer.is_cut()), (7, rest + 7, true));
            assert_eq!(to.next().await.connection, connection, "{rest}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_stops_is_kept_as_far_as_it_came() {
    for (last, expected_bytes) in [
        (recorder::Answer::Last(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf".to_vec()), 9),
        (recorder::Answer::Bytes(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf".to_vec()), 9),
        (recorder::Answer::Last(b"HTTP/1.1 200 X\r\n\r\nhalf".to_vec()), 4),
    ] {
        let to = Recorder::start(move |_| last.clone()).await;
        let keep = Keep::Answer { body_bytes_max: 100 };
        let request = Request { keep, timeout: Duration::from_millis(500), ..post(&to.url(), b"x") };
        let finished = client().send(request, &All(Ok(()))).await;
        assert_eq!(finished.outcome, Outcome::Answered(200));
        let answer = finished.answer.unwrap();
        assert_eq!((&answer.body[..], answer.body_bytes), (&b"half"[..], expected_bytes));
    }
}

#[tokio::test]
async fn header_lines_beyond_the_limit_are_left_out() {
    let around = "HTTP/1.1 200 X\r\nA: \r\n".len();
    for (value_bytes, lines) in [(ANSWER_HEAD_BYTES_MAX - around, 1), (ANSWER_HEAD_BYTES_MAX - around + 1, 0)] {
        let value = "x".repeat(value_bytes);
        let head = format!("HTTP/1.1 200 X\r\nA: {value}\r\nContent-Length: 0\r\n\r\n");
        let to = Recorder::start(move |_| recorder::Answer::Bytes(head.clone().into_bytes())).await;
        assert_eq!(kept(&client(), &to.url(), 1).await.headers.len(), lines, "{value_bytes}");
    }
}
