//! Tests of attempts under the guard of the relay's own: nobody inside is ever connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use recorder::{Canary, NameServer, Records, spellings};

use super::*;
use crate::public::Public;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where nobody listens: a loopback address other than the canary's.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 9, 9, 9));

fn with(resolver: Resolver) -> Client {
    Client::new(Tls::new(b"http/1.1", Vec::new()), resolver)
}

/// How an attempt at a URL ends; `None` when it cannot even be read.
async fn attempt(client: &Client, guard: &Public, url: &str) -> Option<Finished> {
    Destination::parse(url).ok()?;
    Some(client.send(post(url, b"secret"), guard).await)
}

#[tokio::test]
async fn no_spelling_of_this_machine_is_connected_to() {
    let mut canary = Canary::start().await;
    let client = client();
    for url in spellings(canary.port) {
        let finished = attempt(&client, &Public::default(), &url).await;
        let outcome = finished.as_ref().map(|f| f.outcome);
        assert!(matches!(outcome, None | Some(Outcome::NotAllowed | Outcome::NotConnected)), "{url} {finished:?}");
        assert!(finished.is_none_or(|f| f.reason.is_some()), "{url} has no reason");
    }
    assert_eq!(canary.connections().await, 0);
    let open = Public::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let url = format!("http://127.0.0.1:{}/", canary.port);
    assert_eq!(attempt(&client, &open, &url).await.unwrap().outcome, Outcome::Answered(200));
    assert_eq!(canary.connections().await, 1, "the canary sees who connects");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_whatever_else_it_leads_to() {
    let mut canary = Canary::start().await;
    let names = NameServer::start(|name, _| match name {
        "inside.test" => Records::of([LOOPBACK]),
        "mapped.test" => Records::of([Ipv4Addr::LOCALHOST.to_ipv6_mapped()]),
        "six.test" => Records::of([Ipv6Addr::LOCALHOST]),
        "both.test" => Records::of([LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST)]),
        "alias.test" => Records { alias_of: Some("inside.test".into()), ..Records::of([LOOPBACK]) },
        "metadata.test" => Records::of([Ipv4Addr::new(169, 254, 169, 254)]),
        "many.test" => Records::of((1..=9).map(|last| Ipv4Addr::new(10, 0, 0, last))),
        _ => Records::default(),
    })
    .await;
    let client = with(Resolver::of_servers(&[names.address]).unwrap());
    for (name, outcome, reason) in [
        ("inside.test", Outcome::NotAllowed, Reason::Loopback),
        ("INSIDE.test.", Outcome::NotAllowed, Reason::Loopback),
        ("mapped.test", Outcome::NotAllowed, Reason::Loopback),
        ("six.test", Outcome::NotAllowed, Reason::Loopback),
        ("both.test", Outcome::NotAllowed, Reason::Loopback),
        ("alias.test", Outcome::NotAllowed, Reason::Loopback),
        ("metadata.test", Outcome::NotAllowed, Reason::Metadata),
        ("many.test", Outcome::NotAllowed, Reason::Private),
        ("nothing.test", Outcome::NotConnected, Reason::NoAddress),
        ("2130706433", Outcome::NotConnected, Reason::NoAddress),
    ] {
        let url = format!("http://{name}:{}/", canary.port);
        let expected = Finished { outcome, reason: Some(reason), answer: None };
        assert_eq!(attempt(&client, &Public::default(), &url).await, Some(expected), "{name}");
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn of_mixed_addresses_only_those_that_pass_are_connected_to() {
    let mut canary = Canary::start().await;
    let mixed = [LOOPBACK, IpAddr::V6(Ipv6Addr::LOCALHOST), ELSEWHERE];
    let names = NameServer::start(move |_, _| Records::of(mixed)).await;
    let client = with(Resolver::of_servers(&[names.address]).unwrap());
    let url = format!("http://mixed.test:{}/", canary.port);
    let elsewhere_only = Public::new(vec!["127.9.9.9/32".parse().unwrap()]);
    assert_eq!(attempt(&client, &elsewhere_only, &url).await.unwrap().outcome, Outcome::Refused);
    assert_eq!(canary.connections().await, 0);
    let canary_only = Public::new(vec!["::1/128".parse().unwrap()]);
    assert_eq!(attempt(&client, &canary_only, &url).await.unwrap().outcome, Outcome::Answered(200));
    assert_eq!(canary.connections().await, 1);
}

#[tokio::test]
async fn a_name_whose_address_changes_is_connected_to_where_it_was_checked() {
    let mut canary = Canary::start().await;
    // Every second question finds this machine; the others an address that may be connected to.
    let names = NameServer::start(|_, before| Records::of([if before % 2 == 0 { ELSEWHERE } else { LOOPBACK }])).await;
    let client = with(Resolver::of_servers(&[names.address]).unwrap());
    let guard = Public::new(vec!["127.9.9.9/32".parse().unwrap()]);
    let url = format!("http://rebinding.test:{}/", canary.port);
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(attempt(&client, &guard, &url).await.unwrap());
    }
    assert_eq!(canary.connections().await, 0);
    for (index, finished) in seen.iter().enumerate() {
        let expected = match index % 2 {
            0 => Outcome::Refused.into(),
            _ => Finished::not_allowed(Reason::Loopback),
        };
        assert_eq!(*finished, expected, "{index}");
    }
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let mut canary = Canary::start().await;
    let port = canary.port;
    let to = Recorder::start(move |_| {
        let head = format!("HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n");
        recorder::Answer::Bytes(head.into_bytes())
    })
    .await;
    let open = Public::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let finished = attempt(&client(), &open, &to.url()).await.unwrap();
    assert_eq!(finished.outcome, Outcome::Answered(307));
    assert_eq!(canary.connections().await, 0);
}
