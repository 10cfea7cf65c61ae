//! Certificates for domains, ordered at an authority.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use e2e::acme::Authority;
use e2e::http::{Connection, Trust, certificate};
use e2e::wait::{holds, until};
use e2e::{Api, Nats, Server, World, server, story};
use serde_json::{Value, json};

use crate::plaintext::files_with;

const HOST: &str = "hooks.example.com";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// With certificates that are ordered at the authority.
fn ordering(plan: server::Plan, authority: &Authority) -> server::Plan {
    let (directory, ca_file) = (authority.directory(), authority.ca_file().to_string_lossy());
    plan.tls().args(["--acme", &directory, "--acme-ca-file", &ca_file])
}

/// A server with these roles that orders at the authority.
fn plan(world: &World, nats: &Nats, authority: &Authority, name: &str, roles: &str) -> server::Plan {
    ordering(world.server_around(nats, name, roles), authority)
}

async fn start(world: &World, authority: &Authority) -> Result<(Nats, Server)> {
    let nats = world.nats().await?;
    let server = plan(world, &nats, authority, "one", "ingress,dispatcher,auth,api").start().await?;
    Ok((nats, server))
}

/// What is said of the certificate of the only domain, once anything is.
async fn standing(api: &Api) -> Result<Value> {
    until("something is said of the certificate", async || {
        let domains = api.call("GET", "/v1/domains", &Value::Null, 200).await?;
        Ok(Some(domains[0]["certificate"].clone()).filter(|said| !said.is_null()))
    })
    .await
}

async fn until_shown(server: &Server, trust: &Trust) -> Result<Vec<u8>> {
    until("the certificate is shown", async || Ok(certificate(server.address(), HOST, trust).await.ok())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_gets_a_certificate_from_one_order_and_every_copy_serves_it() {
    story(async |world: &World| {
        let authority = Authority::start(&world.dir().join("authority")).await?;
        let (nats, mut one) = start(world, &authority).await?;
        let two = plan(world, &nats, &authority, "two", "ingress").start().await?;
        let (api, trust) = (one.api()?, Trust::file(authority.ca_file())?);
        // Every one of its addresses has to answer the challenge.
        authority.name(HOST, &[one.address(), two.address()]);
        let domain = api.call("POST", "/v1/domains", &json!({ "domain": HOST }), 201).await?;
        assert_eq!(domain["certificate"], Value::Null);
        let shown = until_shown(&one, &trust).await?;
        assert_eq!(until_shown(&two, &trust).await?, shown);
        let said = standing(&api).await?;
        assert_eq!((&said["status"], &said["error"]), (&json!("issued"), &Value::Null));
        assert!(said["next_order_at"].as_u64() < said["valid_until"].as_u64());
        assert_eq!((authority.ordered(), authority.accounts()), (vec![HOST.to_owned()], 1));
        for clear in ["PRIVATE KEY", "BEGIN CERTIFICATE", HOST] {
            assert_eq!(files_with(&world.dir().join("nats"), clear.as_bytes()), Vec::<PathBuf>::new(), "{clear}");
        }

        // Webhooks come in by it.
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let input = json!({ "name": "in", "custom_domain": HOST, "status_code": 201 });
        api.call("POST", &format!("/v1/buckets/{}/inputs", bucket.id), &input, 201).await?;
        until("the input answers", async || {
            let mut caller = Connection::open_tls_as(two.address(), HOST, &trust).await?;
            let request = format!("POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\n\r\n1");
            caller.send(request.as_bytes()).await?;
            Ok(holds(caller.answer("POST").await?.status == 201))
        })
        .await?;

        // A copy that was killed serves the same again, and orders nothing.
        one.kill().await?;
        one.start_again().await?;
        assert_eq!(until_shown(&one, &trust).await?, shown);
        assert_eq!(authority.ordered().len(), 1);

        let inputs = api.call("GET", &format!("/v1/buckets/{}", bucket.id), &Value::Null, 200).await?;
        for input in inputs["inputs"].as_array().into_iter().flatten().filter(|input| input["custom_domain"] == HOST) {
            let path = format!("/v1/buckets/{}/inputs/{}", bucket.id, input["id"].as_str().unwrap_or_default());
            api.call("DELETE", &path, &Value::Null, 200).await?;
        }
        let path = format!("/v1/domains/{}", domain["id"].as_str().unwrap_or_default());
        api.call("DELETE", &path, &Value::Null, 200).await?;
        until("a domain that is gone has no certificate", async || {
            Ok(holds(certificate(two.address(), HOST, &trust).await.is_err()))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authority_finds_wrong_is_told_to_the_owner_and_tried_again_later() {
    story(async |world: &World| {
        let authority = Authority::start(&world.dir().join("authority")).await?;
        let (_nats, server) = start(world, &authority).await?;
        let api = server.api()?;
        let domain = api.call("POST", "/v1/domains", &json!({ "domain": HOST }), 201).await?;
        let said = standing(&api).await?;
        assert_eq!((&said["status"], &said["valid_until"]), (&json!("failed"), &Value::Null));
        assert_eq!(said["error"], format!("the name {HOST} has no address"));
        let waits =
            said["next_order_at"].as_u64().unwrap_or_default() - domain["created_at"].as_u64().unwrap_or_default();
        assert!(waits >= 15 * 60, "{waits} s");
        assert_eq!(authority.ordered().len(), 1);
        assert!(certificate(server.address(), HOST, &Trust::file(authority.ca_file())?).await.is_err());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_two_thirds_of_its_time_are_over_a_new_one_is_ordered() {
    story(async |world: &World| {
        let authority = Authority::start(&world.dir().join("authority")).await?;
        let (_nats, server) = start(world, &authority).await?;
        let (api, trust) = (server.api()?, Trust::file(authority.ca_file())?);
        authority.name(HOST, &[server.address()]);
        authority.issue_for(DAY * 60 - Duration::from_secs(5), DAY * 30 + Duration::from_secs(5));
        api.call("POST", "/v1/domains", &json!({ "domain": HOST }), 201).await?;
        let first = until_shown(&server, &trust).await?;
        authority.issue_for(Duration::ZERO, DAY * 90);
        until("the new one is shown", async || Ok(holds(until_shown(&server, &trust).await? != first))).await?;
        assert_eq!(authority.ordered(), [HOST, HOST]);
        assert_eq!(authority.accounts(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_orders_with_the_rights_of_its_role() {
    story(async |world: &World| {
        let authority = Authority::start(&world.dir().join("authority")).await?;
        let rights = world.rights().await?;
        let of = |role: &str| world.server_with_rights(&rights, role, role);
        let (_auth, ingress, rest) =
            tokio::try_join!(of("auth").launch(), ordering(of("ingress"), &authority).launch(), of("api").launch())?;
        ingress.until_ready().await?;
        authority.name(HOST, &[ingress.address()]);
        let api = rest.api()?;
        until("the domain is made", async || {
            Ok(holds(api.request("POST", "/v1/domains", &json!({ "domain": HOST })).await?.status == 201))
        })
        .await?;
        until_shown(&ingress, &Trust::file(authority.ca_file())?).await?;
        assert_eq!(standing(&api).await?["status"], "issued");
        assert_eq!(rights.violations()?, Vec::<String>::new());
        Ok(())
    })
    .await;
}
