//! Inputs at host names of their owner.

use anyhow::Result;
use e2e::http::Answer;
use e2e::wait::{holds, until};
use e2e::{World, story};
use serde_json::{Value, json};

use crate::public_outputs::Public;

/// Calls a path of a host.
async fn call(public: &Public, host: &str, target: &str) -> Result<Answer> {
    let request = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\n1");
    public.server.caller().send("POST", request.as_bytes()).await
}

/// What the request line of the delivery that this call leads to says, and what the caller is told.
async fn delivered(public: &Public, host: &str, target: &str) -> Result<(u16, String)> {
    let answer = call(public, host, target).await?;
    let arrivals = public.destination.receives(1).await?;
    public.destination.take();
    Ok((answer.status, arrivals[0].request_line()))
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_find_their_input_by_host_and_the_longest_prefix() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let api = public.server.api()?;
        assert_eq!(call(&public, "hooks.example.com", "/a/x").await?.status, 404, "nobody's yet");
        let domain = api.call("POST", "/v1/domains", &json!({"domain": "hooks.example.com"}), 201).await?;
        let make = async |name: &str, status: u16, prefix: &str, strip: bool| {
            let input = json!({"name": name, "status_code": status, "custom_domain": "hooks.example.com",
                "path_prefix": prefix, "strip_path_prefix": strip});
            api.call("POST", &format!("/v1/buckets/{}/inputs", public.bucket.id), &input, 201).await
        };
        assert_eq!(make("all", 201, "", false).await?["url"], "https://hooks.example.com");
        assert_eq!(make("kept", 202, "/a", false).await?["url"], "https://hooks.example.com/a");
        let stripped = make("stripped", 203, "/a/b", true).await?;
        until("the longest prefix is known", async || {
            Ok(holds(call(&public, "hooks.example.com", "/a/b/ready").await?.status == 203))
        })
        .await?;
        public.destination.receives(1).await?;
        public.destination.take();

        for (host, target, status, line) in [
            ("hooks.example.com", "/a/b/c?q=1", 203, "POST /hook/c?own=1&q=1 HTTP/1.1"),
            ("hooks.example.com", "/a/b", 203, "POST /hook?own=1 HTTP/1.1"),
            ("hooks.example.com", "/a/bc", 202, "POST /hook/a/bc?own=1 HTTP/1.1"),
            ("HOOKS.example.com.:8080", "/a/x%2Fy", 202, "POST /hook/a/x%2Fy?own=1 HTTP/1.1"),
            ("hooks.example.com", "/ab", 201, "POST /hook/ab?own=1 HTTP/1.1"),
            ("hooks.example.com", "/", 201, "POST /hook?own=1 HTTP/1.1"),
        ] {
            assert_eq!(delivered(&public, host, target).await?, (status, line.to_owned()), "{host}{target}");
        }
        // By its id it is there too, under any name.
        let id = stripped["id"].as_str().unwrap_or_default();
        let by_id = delivered(&public, "a", &format!("/v1/webhooks/{id}/a/b/c")).await?;
        assert_eq!(by_id, (203, "POST /hook/a/b/c?own=1 HTTP/1.1".to_owned()));
        assert_eq!(call(&public, "other.example.com", "/a/x").await?.status, 404);
        // The relay's own paths are not the owner's to have.
        assert_eq!(call(&public, "hooks.example.com", "/v1/buckets").await?.status, 201);

        let path = format!("/v1/domains/{}", domain["id"].as_str().unwrap_or_default());
        let used = api.request("DELETE", &path, &Value::Null).await?;
        assert_eq!((used.status, used.text().trim()), (412, "the domain is in use by an input"));
        Ok(())
    })
    .await;
}
