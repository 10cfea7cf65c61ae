//! Answers to callers.

use http_body_util::BodyExt;

use super::*;

async fn body(response: Response<Full<Bytes>>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn the_plain_answer_is_200_and_empty() {
    let response = accepted(&Answer::default());
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().is_empty());
    assert!(body(response).await.is_empty());
}

#[tokio::test]
async fn a_static_answer_is_told_as_it_is() {
    let headers =
        [("X-A", "1"), ("x-a", "2"), ("Content-Type", "text/plain")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let response = accepted(&Answer { status: 418, headers: headers.to_vec(), body: "short".to_owned() });
    assert_eq!(response.status().as_u16(), 418);
    assert_eq!(response.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(body(response).await, "short");
}

#[test]
fn an_answer_cannot_change_the_connection() {
    let lines =
        [("Connection", "upgrade"), ("Content-Length", "5"), ("transfer-encoding", "x"), ("a b", "c"), ("x", "a\nb")];
    let headers = lines.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    for status in [0, 99, 100, 101, 199, 1000] {
        let response = accepted(&Answer { status, headers: headers.clone(), body: String::new() });
        assert_eq!((response.status(), response.headers().len()), (StatusCode::OK, 0), "{status}");
    }
}

#[test]
fn an_unread_body_ends_an_http_1_connection() {
    let statuses = [
        (Failure::TooLarge, 413),
        (Failure::TooSlow, 408),
        (Failure::Broken, 400),
        (Failure::Exhausted, 503),
        (Failure::Store(store::Error::NoKey { scope: String::new() }), 503),
    ];
    for (failure, status) in statuses {
        let response = unread(&failure, Version::HTTP_11);
        assert_eq!((response.status().as_u16(), response.headers()["connection"].as_bytes()), (status, &b"close"[..]));
        assert_eq!(response.headers().get("retry-after").map(|v| v.as_bytes()), (status == 503).then_some(&b"1"[..]));
        assert!(!unread(&failure, Version::HTTP_2).headers().contains_key("connection"));
    }
}

#[test]
fn a_destinations_answer_is_passed_on_whole_or_not_at_all() {
    let line = |name: &'static str, value: &'static str| model::request::Header {
        name: Bytes::from_static(name.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
    };
    let headers = vec![
        line("X-Kept", "1"),
        line("X-Kept", "2"),
        line("Set-Cookie", "a=b"),
        line("Server", "secret"),
        line("Transfer-Encoding", "chunked"),
        line("Connection", "close"),
        line("Content-Length", "999"),
    ];
    let body = Bytes::from_static(b"banana");
    let answer = model::answer::Answer { status: 201, headers, body_bytes: 6, body };
    let response = from_destination(&answer).unwrap();
    assert_eq!(response.status(), 201);
    let names: Vec<_> = response.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    assert_eq!(names, [("x-kept", &b"1"[..]), ("x-kept", b"2")]);

    let cut = model::answer::Answer { body_bytes: 7, ..answer.clone() };
    assert!(from_destination(&cut).is_none(), "cut off");
    for status in [0, 99, 101, 70_000] {
        assert!(from_destination(&model::answer::Answer { status, ..answer.clone() }).is_none(), "{status}");
    }
}
