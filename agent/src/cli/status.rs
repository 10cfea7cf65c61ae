//! `relay status`

mod people;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::out::{Out, plain};
use crate::rest::Client;
use people::People;

/// Shows what can be shown and fails with the first thing that is wrong.
pub(super) async fn run(global: &Global, out: &mut Out) -> Result<(), Failure> {
    let account = Account::known(global)?;
    // Anybody may ask for this, so it tells a server that is away from credentials that are wrong.
    let config: Result<Value, _> = Client::new(account.server.clone(), None).get("/v1/config").await;
    let version = config.as_ref().ok().and_then(|config| config["version"].as_str()).map(plain);
    let buckets = match &config {
        Ok(_) => Some(all(&account.rest()).await),
        Err(_) => None,
    };
    let people = match &buckets {
        Some(Ok(_)) => Some(People::ask(&account.rest()).await),
        Some(Err(_)) | None => None,
    };
    let shown = people.as_ref().and_then(|people| people.as_ref().ok());
    let names = buckets.as_ref().and_then(|found| found.as_ref().ok());
    let names: Option<Vec<_>> = names.map(|found| found.iter().map(|bucket| plain(&bucket.name)).collect());
    if out.is_json() {
        out.json(&json!({
            "url": account.address,
            "reachable": config.is_ok(),
            "version": version,
            "key": account.key,
            "credentials_accepted": names.is_some(),
            "buckets": names,
            "connected": shown,
        }))?;
    } else {
        let reachable = if config.is_ok() { "reachable" } else { "not reachable" };
        let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
        out.line(format_args!("Server:  {} ({reachable}{version})", account.address))?;
        let accepted = match &buckets {
            Some(Ok(_)) => " (accepted)",
            Some(Err(_)) => " (not accepted)",
            None => "",
        };
        out.line(format_args!("Key:     {}{accepted}", plain(&account.key)))?;
        if let Some(names) = &names {
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            out.line(format_args!("Buckets: {list}"))?;
        }
        if let (Some(people), Some(Ok(buckets))) = (shown, &buckets) {
            people.show(buckets, Timestamp::now(), out)?;
        }
    }
    config?;
    match (buckets, people) {
        (Some(Err(failure)), _) | (_, Some(Err(failure))) => Err(failure),
        (Some(Ok(_)) | None, Some(Ok(_)) | None) => Ok(()),
    }
}
