//! Whatever a caller sends: nothing of its connection goes on, and nothing else is changed.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Connection",
        "connection",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
        "Keep-Alive",
        "Host",
        "Content-Length",
        "Content-Type",
        "Cookie",
        "Authorization",
        "X-A",
        "x-a",
        "X-B",
        "Relay-Event-Id",
        "Trailer",
        "Expect",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}"]
}

fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec!["close", "X-A, x-b", "host, cookie", "content-length", "chunked", ""]);
    prop_oneof![known.prop_map(str::to_owned), "[ -~\u{80}-\u{ff}]{0,12}"]
}

proptest! {
    #[test]
    fn lines_go_on_as_they_were_or_not_at_all(
        lines in prop::collection::vec((name(), value()), 0..12),
        has_body: bool,
    ) {
        let headers: Vec<Header> = lines.iter().map(|(name, value)| line(name, value)).collect();
        let request = Request { headers, has_body, body_bytes: 5, peer: "192.0.2.1".into(), ..Request::default() };
        let sent = forwarded(&request, "dest:1", &[], EventId(Uuid::nil()), 1);
        let of = |name: &str| sent.iter().filter(|header| header.is(name)).count();
        for never in NOT_FORWARDED.iter().filter(|name| !name.starts_with("relay-")) {
            prop_assert_eq!(of(never), 0, "{}", never);
        }
        prop_assert_eq!((of("host"), of("relay-event-id"), of("relay-attempt")), (1, 1, 1));
        prop_assert!(of("content-length") <= 1);
        // What is left of the caller's lines is what it sent, in its order.
        let own = |header: &&Header| !is_reserved(&String::from_utf8_lossy(&header.name));
        let ours = 5 - usize::from(request.header("host").is_none());
        let left: Vec<&Header> = sent[..sent.len() - ours].iter().filter(own).collect();
        let mut rest = request.headers.iter();
        for header in &left {
            prop_assert!(rest.any(|sent| sent == *header), "{:?} was not sent so", header);
        }
        let named = named_by_connection(&request);
        let kept = request.headers.iter().filter(own).filter(|header| !named.iter().any(|name| header.is(name)));
        prop_assert_eq!(left, kept.collect::<Vec<_>>(), "and nothing else is missing");
    }
}
