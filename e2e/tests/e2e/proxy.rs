//! Agents and commands behind a proxy that is the only way out.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use e2e::{Destination, Token, World, story};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::straight::send;

/// What `name:pass word` is in base64.
const CREDENTIALS: &str = "Proxy-Authorization: Basic bmFtZTpwYXNzIHdvcmQ=";

/// A proxy that opens tunnels by CONNECT for those who show the right credentials.
struct Proxy {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<()>,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://name:pass%20word@{}", listener.local_addr()?);
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = heads.clone();
        let running = tokio::spawn(async move {
            let mut tunnels = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tunnels.spawn(async move { drop(tunnel(stream, &kept).await) });
            }
        });
        Ok(Self { url, heads, running })
    }

    /// How many tunnels were asked for.
    fn count(&self) -> usize {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn tunnel(mut stream: TcpStream, heads: &Mutex<Vec<String>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
    if !head.contains(CREDENTIALS) {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(());
    }
    let to = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let mut server = TcpStream::connect(to).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut server).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_calls_go_through_the_proxy_and_requests_to_destinations_do_not() {
    story(async |world: &World| {
        let (server, proxy) = (world.server("relay").tls().start().await?, Proxy::start().await?);
        let (api, destination) = (server.api()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = Token::of_admin_file(&server.data_dir().join("admin.json"))?;

        let behind = |name: &str| world.agent(name).token(&token).server(&server).env("HTTPS_PROXY", &proxy.url);
        let mut list = behind("list").args(["bucket", "ls"]).start()?;
        assert!(list.process_mut().exit().await?.success(), "{}", list.process().last_words());
        assert!(list.process().output()?.contains("deploys"));
        assert_eq!(proxy.count(), 1);

        let _agent = behind("agent").serves("deploys").start()?;
        send(&server, &bucket, [1, 2]).await?;
        destination.receives(2).await?;
        assert_eq!(proxy.count(), 2, "one tunnel for the session, none for destinations");

        let mut direct = behind("direct").env("NO_PROXY", "127.0.0.0/8").args(["bucket", "ls"]).start()?;
        assert!(direct.process_mut().exit().await?.success());
        assert_eq!(proxy.count(), 2);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_other_credentials_is_named() {
    story(async |world: &World| {
        let (server, proxy) = (world.server("relay").tls().start().await?, Proxy::start().await?);
        let token = Token::of_admin_file(&server.data_dir().join("admin.json"))?;
        let wrong = proxy.url.replace("name:", "other:");
        let plan = world.agent("wrong").token(&token).server(&server).env("https_proxy", &wrong);
        let mut list = plan.args(["bucket", "ls"]).start()?;
        assert_eq!(list.process_mut().exit().await?.code(), Some(1));
        let said = list.process().last_words();
        assert!(said.contains("through the proxy 127.0.0.1") && said.contains("user name and a password"), "{said}");
        assert!(!said.contains("pass%20word"), "{said}");
        Ok(())
    })
    .await;
}
