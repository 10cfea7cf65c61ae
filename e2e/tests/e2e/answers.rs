//! Callers who wait for what a destination answers, and those who do not.

use anyhow::Result;
use e2e::http::Answer;
use e2e::socket::Socket;
use e2e::{Reply, World, story};
use model::InputId;
use serde_json::json;

use crate::public_outputs::Public;
use crate::straight::Straight;

/// A destination's answer with something that is for the caller and something that is not.
const TEAPOT: &[u8] = b"HTTP/1.1 418 Short and stout\r\nX-Kind: teapot\r\nServer: inner\r\nSet-Cookie: a=b\r\n\
                        Content-Length: 6\r\n\r\nbanana";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_waits_gets_the_destinations_answer_whole() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(|_| Reply::Bytes(TEAPOT.to_vec()));
        for from in ["anyOutput".to_owned(), straight.output.to_string()] {
            let input = input(&straight, json!({"name": from, "response_from_output": from})).await?;
            let answer = post(&straight, input).await?;
            assert_eq!(answer.status, 418, "{}", answer.head);
            assert_eq!(answer.body, b"banana");
            assert_eq!(answer.header("x-kind"), Some("teapot"));
            assert_eq!((answer.header("server"), answer.header("set-cookie")), (None, None), "{}", answer.head);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_waits_gets_the_answer_of_a_public_output() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        public.destination.replies(|_| Reply::Bytes(TEAPOT.to_vec()));
        for from in ["anyOutput".to_owned(), public.output.to_string()] {
            let more = json!({"name": from, "response_from_output": from});
            let input = public.server.api()?.make_input(&public.bucket, more).await?;
            let answer = public.server.caller().post(input, b"anybody there?").await?;
            assert_eq!(
                (answer.status, &answer.body[..], answer.header("x-kind")),
                (418, &b"banana"[..], Some("teapot"))
            );
            assert_eq!(answer.header("set-cookie"), None, "{}", answer.head);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_waits_gets_what_a_socket_client_reports() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let plain = api.make_bucket("plain", json!({})).await?;
        let with_output = api.make_bucket("with-output", json!({})).await?;
        let output = api.make_output(&with_output, "http://localhost:9/", json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let client = api.with(&token);
        let mut socket = Socket::subscribed(server.address(), &token, &json!([""])).await?;
        // A bucket without outputs has no output to name, and any will do all the same.
        for (bucket, from) in [(&plain, "anyOutput".to_owned()), (&with_output, output.to_string())] {
            let more = json!({"name": "waits", "response_from_output": from});
            let input = api.make_input(bucket, more).await?;
            let mut caller = server.caller();
            let asked = tokio::spawn(async move { caller.post(input, b"anybody there?").await });
            let frame = socket.webhook().await?;
            let path = format!("/v1/logs/{}", frame["meta"]["id"].as_str().unwrap_or_default());
            let report = json!({"status_code": 201, "response_body": "YmFuYW5h", "status": "sent", "retries": 0,
                "response_headers": {"X-Kind": ["fruit"], "X-One": "1"}});
            let told = client.request("PUT", &path, &report).await?;
            assert_eq!(told.status, 200, "{}", told.text());
            let answer = asked.await??;
            assert_eq!((answer.status, &answer.body[..]), (201, &b"banana"[..]), "{}", answer.head);
            assert_eq!((answer.header("x-kind"), answer.header("x-one")), (Some("fruit"), Some("1")));
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_can_have_an_answer_of_its_own() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let body = r#"{"message":"test"}"#;
        let own = json!({"name": "own", "status_code": 418, "body": body,
            "headers": {"Content-Type": "application/json", "X-Two": ["1", "2"]}});
        let answer = post(&straight, input(&straight, own).await?).await?;
        assert_eq!((answer.status, answer.text().as_str()), (418, body));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.head.matches("x-two: ").count(), 2, "{}", answer.head);
        straight.destination.receives(1).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_comes_whole_or_not_at_all() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let more = json!({"name": "waits", "response_from_output": "anyOutput", "response_timeout": 20,
            "response_fallback": {"status_code": 202, "body": "later"}});
        let input = input(&straight, more).await?;
        let limit = model::answer::ANSWER_CARRIED_BYTES_MAX;
        for (bytes, status) in [(limit, 200), (limit + 1, 202)] {
            straight.destination.replies(move |_| {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
                Reply::Bytes([head.into_bytes(), vec![b'x'; bytes]].concat())
            });
            let answer = post(&straight, input).await?;
            assert_eq!(answer.status, status, "{bytes} bytes");
            let expected = if status == 200 { vec![b'x'; bytes] } else { b"later".to_vec() };
            assert!(answer.body == expected, "{} bytes came", answer.body.len());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_in_time_the_caller_gets_the_fallback_and_nothing_of_the_destination() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(|_| Reply::Silence);
        let more = json!({"response_from_output": "anyOutput", "response_timeout": 1});
        let fallback =
            json!({"response_fallback": {"status_code": 202, "body": "later", "headers": {"X-Wait": ["1"]}}});
        let plain = input(&straight, merged(&more, json!({"name": "plain", "status_code": 203}))).await?;
        let answer = post(&straight, plain).await?;
        assert_eq!((answer.status, &answer.body[..]), (203, &b""[..]), "its own static answer");
        let own = input(&straight, merged(&more, merged(&fallback, json!({"name": "own"})))).await?;
        let answer = post(&straight, own).await?;
        assert_eq!((answer.status, &answer.body[..], answer.header("x-wait")), (202, &b"later"[..], Some("1")));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_nothing_of_the_destination_reaches_the_caller() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(|_| Reply::Bytes(TEAPOT.to_vec()));
        let answer = post(&straight, straight.bucket.input).await?;
        assert_eq!((answer.status, &answer.body[..], answer.header("x-kind")), (200, &b""[..], None));
        straight.destination.receives(1).await?;
        Ok(())
    })
    .await;
}

async fn input(straight: &Straight, more: serde_json::Value) -> Result<InputId> {
    straight.api.make_input(&straight.bucket, more).await
}

async fn post(straight: &Straight, input: InputId) -> Result<Answer> {
    straight.server.caller().post(input, b"anybody there?").await
}

fn merged(one: &serde_json::Value, other: serde_json::Value) -> serde_json::Value {
    let mut merged = one.clone();
    if let (Some(into), Some(from)) = (merged.as_object_mut(), other.as_object()) {
        into.extend(from.clone());
    }
    merged
}
