//! Nobody inside is ever connected to on behalf of a public output.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;
use e2e::{Destination, Reply, World, story};
use model::OutputId;
use model::fact::{Ending, Outcome};
use model::reason::Reason;
use recorder::{Canary, NameServer, Records, spellings};
use serde_json::{Value, json};

use crate::public_outputs::attempts_of;
use crate::straight::send;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A loopback address on which nobody listens, and that the operator allows where a test says so.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 9, 9, 9));

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_reaches_this_machine_and_each_has_its_reason() {
    story(async |world: &World| {
        let mut canary = Canary::start().await;
        let server = world.server("relay").start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let mut outputs: Vec<(String, OutputId)> = Vec::new();
        for url in spellings(canary.port) {
            let wanted = json!({"name": format!("{url:?}"), "destination": url, "internal": false, "retries": -1});
            let made = api.request("POST", &format!("/v1/buckets/{}/outputs", bucket.id), &wanted).await?;
            match made.status {
                201 => outputs.push((url, id_of(&made.body)?)),
                status => assert_eq!(status, 400, "{url}"),
            }
        }
        assert!(outputs.len() > 40, "{} were taken", outputs.len());
        send(&server, &bucket, [1]).await?;
        for (url, output) in &outputs {
            log.until_ended(bucket.id, *output, Ending::Failed, 1).await?;
            let attempts = attempts_of(&log, &bucket, *output).await?;
            let [(outcome, Some(reason))] = attempts[..] else { panic!("{url}: {attempts:?}") };
            let is_found = reason != Reason::NoAddress;
            let expected = if is_found { Outcome::NotAllowed } else { Outcome::NotConnected };
            assert_eq!(outcome, expected, "{url}: {}", reason.text());
        }
        assert_eq!(canary.connections().await, 0);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_inside_are_refused() {
    story(async |world: &World| {
        let mut canary = Canary::start().await;
        let names = NameServer::start(|name, _| match name {
            "inside.test" => Records::of([LOOPBACK]),
            "mapped.test" => Records::of([Ipv4Addr::LOCALHOST.to_ipv6_mapped()]),
            "both.test" => Records::of([LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)]),
            "alias.test" => Records { alias_of: Some("inside.test".into()), ..Records::of([LOOPBACK]) },
            "private.test" => Records::of([Ipv4Addr::new(10, 0, 0, 1)]),
            "metadata.test" => Records::of([Ipv4Addr::new(169, 254, 169, 254)]),
            _ => Records::default(),
        })
        .await;
        let server = world.server("relay").args(["--dns-server", &names.address.to_string()]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let mut outputs = Vec::new();
        for (name, outcome, reason) in [
            ("inside.test", Outcome::NotAllowed, Reason::Loopback),
            ("mapped.test", Outcome::NotAllowed, Reason::Loopback),
            ("both.test", Outcome::NotAllowed, Reason::Loopback),
            ("alias.test", Outcome::NotAllowed, Reason::Loopback),
            ("private.test", Outcome::NotAllowed, Reason::Private),
            ("metadata.test", Outcome::NotAllowed, Reason::Metadata),
            ("nothing.test", Outcome::NotConnected, Reason::NoAddress),
        ] {
            let url = format!("http://{name}:{}/", canary.port);
            let output = api.make_public_output(&bucket, &url, json!({"name": name, "retries": -1})).await?;
            outputs.push((name, output, (outcome, Some(reason))));
        }
        send(&server, &bucket, [1]).await?;
        for (name, output, expected) in outputs {
            log.until_ended(bucket.id, output, Ending::Failed, 1).await?;
            assert_eq!(attempts_of(&log, &bucket, output).await?, [expected], "{name}");
        }
        assert_eq!(canary.connections().await, 0);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_address_gains_nothing() {
    story(async |world: &World| {
        let mut canary = Canary::start().await;
        // First an address that may be called, where nobody listens; then this machine.
        let answer = |_: &str, before: usize| Records::of([if before == 0 { ELSEWHERE } else { LOOPBACK }]);
        let names = NameServer::start(answer).await;
        let (dns, allowed) = (names.address.to_string(), format!("{ELSEWHERE}/32"));
        let server =
            world.server("relay").args(["--dns-server", &dns, "--allow-private-outputs", &allowed]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let url = format!("http://rebinding.test:{}/", canary.port);
        let output = api.make_public_output(&bucket, &url, json!({})).await?;
        send(&server, &bucket, [1]).await?;
        log.until_ended(bucket.id, output, Ending::Failed, 1).await?;
        let attempts = attempts_of(&log, &bucket, output).await?;
        assert_eq!(attempts, [(Outcome::Refused, None), (Outcome::NotAllowed, Some(Reason::Loopback))]);
        assert_eq!(canary.connections().await, 0);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere() {
    story(async |world: &World| {
        let mut canary = Canary::start().await;
        let server = world.server("relay").args(["--allow-private-outputs", "127.0.0.0/8,::1/128"]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let destination = Destination::start()?;
        let location = format!("http://127.0.0.1:{}/", canary.port);
        destination.replies(move |_| {
            let head = format!("HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            Reply::Bytes(head.into_bytes())
        });
        let output = api.make_public_output(&bucket, &destination.url("/"), json!({})).await?;
        send(&server, &bucket, [1]).await?;
        log.until_ended(bucket.id, output, Ending::Failed, 1).await?;
        assert_eq!(attempts_of(&log, &bucket, output).await?, [(Outcome::Answered(307), None)]);
        assert_eq!(canary.connections().await, 0);

        let url = format!("http://localhost:{}/", canary.port);
        let seen = api.make_public_output(&bucket, &url, json!({"name": "seen"})).await?;
        send(&server, &bucket, [2]).await?;
        log.until_ended(bucket.id, seen, Ending::Sent, 1).await?;
        assert!(canary.connections().await > 0, "the canary sees who is let through");
        Ok(())
    })
    .await;
}

fn id_of(body: &[u8]) -> Result<OutputId> {
    let made: Value = serde_json::from_slice(body)?;
    Ok(made["id"].as_str().unwrap_or_default().parse()?)
}
