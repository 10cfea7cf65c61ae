//! Tests of live lists against a server that says what it is told to say.

use recorder::{Answer, Recorder};

use super::*;
use crate::server::{Server, Trust};

fn events(pieces: &[&str]) -> Vec<(Option<String>, String)> {
    let (mut parser, mut events) = (Parser::default(), VecDeque::new());
    for piece in pieces {
        parser.feed(piece.as_bytes(), &mut events).unwrap();
    }
    events.into_iter().map(|event| (event.id, event.data)).collect()
}

fn event(id: &str, data: &str) -> (Option<String>, String) {
    (Some(id.to_owned()).filter(|id| !id.is_empty()), data.to_owned())
}

#[test]
fn lines_become_events_however_they_are_cut() {
    let text = ":beat\n\nid: 1\ndata: {\"a\":1}\n\ndata:x\r\ndata: y\r\n\r\nevent: z\nid: 3\nretry: 5\n\n\ndata\n\n";
    let expected = [event("1", "{\"a\":1}"), event("1", "x\ny"), event("3", "")];
    assert_eq!(events(&[text]), expected);
    let bytes: Vec<String> = text.chars().map(String::from).collect();
    assert_eq!(events(&bytes.iter().map(String::as_str).collect::<Vec<_>>()), expected);
    assert_eq!(events(&["data: cut off\n"]), []);
    assert_eq!(events(&["data:a\r", "\ndata:b\r", "\r"]), [event("", "a\nb")]);
}

#[test]
fn an_event_has_a_largest_size() {
    let (mut parser, mut events) = (Parser::default(), VecDeque::new());
    let line = [b"data:".to_vec(), vec![b'x'; EVENT_BYTES_MAX - 5]].concat();
    assert!(parser.feed(&line, &mut events).is_some());
    assert!(parser.feed(b"x", &mut events).is_none());
}

#[tokio::test]
async fn a_list_that_leaves_something_out_goes_on_with_what_comes_next() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let mut server = Recorder::start(move |_| {
        let text = match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => "id: 7\ndata: one\n\nevent: dropped\ndata: {}\n\n",
            _ => "id: 9\ndata: two\n\n",
        };
        Answer::Last(format!("{head}{text}").into_bytes())
    })
    .await;
    let client = Client::new(Server::new(&server.url(), Trust::default()).unwrap(), None);
    let mut tail = Tail::new(&client, "/v1/logs/stream?bucket=b".into());
    tail.open().await.unwrap();
    assert_eq!([tail.next().await.unwrap(), tail.next().await.unwrap()], ["one", "two"]);
    server.next().await;
    assert!(!server.next().await.head.contains("last-event-id"), "what was left out is not asked for again");
}

#[tokio::test]
async fn a_list_that_breaks_off_goes_on_after_the_last_event() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ndate: Wed, 25 Nov 2026 11:05:47 GMT\r\n\r\n";
    let mut server = Recorder::start(move |recorded| {
        let text = match recorded.head.contains("last-event-id: 7") {
            false => ":hi\n\nid: 6\ndata: one\n\nid: 7\ndata: two\n\nid: 8\ndata: lo",
            true => "id: 8\ndata: lost\n\n",
        };
        Answer::Last(format!("{head}{text}").into_bytes())
    })
    .await;
    let client = Client::new(Server::new(&server.url(), Trust::default()).unwrap(), None);
    let mut tail = Tail::new(&client, "/v1/logs/stream?bucket=b".into());
    tail.open().await.unwrap();
    assert_eq!(tail.opened_at().to_string(), "2026-11-25T11:05:47Z");
    assert!(server.next().await.head.starts_with("GET /v1/logs/stream?bucket=b HTTP/1.1\r\n"));
    let data = [tail.next().await.unwrap(), tail.next().await.unwrap(), tail.next().await.unwrap()];
    assert_eq!(data, ["one", "two", "lost"]);
    assert!(server.next().await.head.contains("accept: text/event-stream\r\n"));
}

#[tokio::test]
async fn a_refusal_is_final() {
    let server = Recorder::start(|_| Answer::Last(b"HTTP/1.1 404 X\r\ncontent-length: 4\r\n\r\nnope".to_vec())).await;
    let client = Client::new(Server::new(&server.url(), Trust::default()).unwrap(), None);
    let refused = Tail::new(&client, "/v1/logs/stream".into()).next().await.unwrap_err();
    assert_eq!(refused.to_string(), "GET /v1/logs/stream: 404 Not Found: nope");
}
