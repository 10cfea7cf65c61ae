//! `relay` on the command line, afterwards: what became of webhooks, and bringing them again.

use anyhow::{Context, Result};
use e2e::wait::{holds, until};
use e2e::{Api, Destination, Reply, World, story};
use serde_json::{Value, json};

use crate::command_line::{login, relay, relay_ends};
use crate::straight::{Straight, send};

/// A person who has logged in at a relay that forwards.
struct Person<'a> {
    world: &'a World,
    straight: Straight,
}

impl<'a> Person<'a> {
    async fn new(world: &'a World) -> Result<Self> {
        let straight = Straight::new(world).await?;
        login(world, &straight.server).await?;
        Ok(Self { world, straight })
    }

    /// Sends these, of which the second is refused for good, and waits until their deliveries ended.
    async fn send_three(&self) -> Result<()> {
        let refuses = |number| if number == Some(2) { 404 } else { 200 };
        self.straight.destination.replies(move |arrival| Reply::Status(refuses(arrival.number())));
        self.straight.send(1..=3).await?;
        self.until_all(&[("sent", 2), ("failed", 1), ("pending", 0)]).await
    }

    async fn until_all(&self, counts: &[(&str, u64)]) -> Result<()> {
        until("the ledger shows it", async || {
            let lines = self.json(&["ledger"]).await;
            // It says by its exit code when it does not balance yet.
            let Ok(lines) = lines else { return Ok(None) };
            Ok(holds(counts.iter().all(|(name, count)| lines[0]["outputs"][0][name] == *count)))
        })
        .await
    }

    async fn text(&self, args: &[&str]) -> Result<String> {
        relay(self.world, args).await
    }

    async fn json(&self, args: &[&str]) -> Result<Value> {
        let args = [args, &["--json"]].concat();
        Ok(serde_json::from_str(&self.text(&args).await?)?)
    }

    /// The ids of the deliveries with this status.
    async fn with_status(&self, status: &str) -> Result<Vec<String>> {
        let logs = self.json(&["logs", "-b", "deploys", "--status", status]).await?;
        let all = logs.as_array().context("no list")?.iter();
        all.map(|log| Ok(log["id"].as_str().context("no id")?.to_owned())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_a_failure_and_brings_it_again() {
    story(async |world: &World| {
        let person = Person::new(world).await?;
        person.send_three().await?;
        let table = person.text(&["logs", "-b", "deploys"]).await?;
        assert_eq!(table.lines().count(), 4, "{table}");
        let failed = person.with_status("failed").await?;
        let [failed] = failed.as_slice() else { anyhow::bail!("one has failed: {failed:?}") };

        let shown = person.text(&["inspect", failed]).await?;
        assert!(shown.contains("failed (404)") && shown.contains("POST /"), "{shown}");
        let unknown = uuid::Uuid::new_v4().to_string();
        assert_eq!(relay_ends(world, &["inspect", &unknown]).await?, Some(4));

        person.straight.destination.replies(|_| Reply::Status(200));
        person.text(&["replay", failed]).await?;
        person.until_all(&[("received", 4), ("sent", 3), ("failed", 1), ("pending", 0)]).await?;
        assert_eq!(arrivals_of(&person.straight.destination, 2), 2);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_brings_many_again_after_looking_how_many() {
    story(async |world: &World| {
        let person = Person::new(world).await?;
        person.send_three().await?;
        assert_eq!(relay_ends(world, &["replay", "-b", "deploys"]).await?, Some(2), "a filter, or --all");
        let filter = ["replay", "-b", "deploys", "--status", "sent", "--from", "1h"];
        let dry = person.json(&[filter.as_slice(), &["--dry-run"]].concat()).await?;
        assert_eq!((&dry["matched"], &dry["status"]), (&json!(2), &json!("dry_run")), "{dry}");

        let done = person.json(&filter).await?;
        assert_eq!((&done["done"], &done["status"]), (&json!(2), &json!("done")), "{done}");
        person.until_all(&[("received", 5), ("sent", 4), ("failed", 1), ("pending", 0)]).await?;
        let arrived = [1, 2, 3].map(|number| arrivals_of(&person.straight.destination, number));
        assert_eq!(arrived, [2, 1, 2], "none but those that the filter names, and nothing by the dry run");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_waits_for_a_webhook() {
    story(async |world: &World| {
        let person = Person::new(world).await?;
        let waits = ["wait-for", "-b", "deploys", "--match", "json.number=2", "--timeout", "60s", "--json"];
        let mut waiting = world.agent("person").args(waits).start()?;
        // It counts what comes after it began; so webhooks come until it has ended.
        until("it has ended", async || {
            send_json(&person.straight, &[1, 2]).await?;
            Ok(holds(!waiting.process_mut().is_running()?))
        })
        .await?;
        assert!(waiting.process_mut().exit().await?.success(), "{}", waiting.process().last_words());
        let found: Value = serde_json::from_str(&waiting.process().output()?)?;
        assert!(found["body"].as_str().context("no body")?.contains(r#""number":2"#), "{found}");

        let never = ["wait-for", "-b", "deploys", "--match", "json.number=9", "--timeout", "1s"];
        assert_eq!(relay_ends(world, &never).await?, Some(1));
        let since = ["wait-for", "-b", "deploys", "--match", "json.number=1", "--since", "1h", "--timeout", "30s"];
        assert_eq!(relay_ends(world, &since).await?, Some(0));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_events_by_polling() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        login(world, &server).await?;
        let bucket = server.api()?.make_bucket("jobs", json!({})).await?;
        send(&server, &bucket, 1..=5).await?;
        until_listed(&server.api()?, 5).await?;
        let taken = relay(world, &["events", "-b", "jobs", "--json"]).await?;
        assert_eq!(lines_of_json(&taken)?, 5, "{taken}");
        let again = relay(world, &["events", "-b", "jobs", "--json"]).await?;
        assert_eq!(lines_of_json(&again)?, 0, "each is handed out once: {again}");
        Ok(())
    })
    .await;
}

fn arrivals_of(destination: &Destination, number: u64) -> usize {
    destination.arrivals().iter().filter(|arrival| arrival.number() == Some(number)).count()
}

async fn send_json(straight: &Straight, numbers: &[u64]) -> Result<()> {
    for number in numbers {
        let body = json!({ "number": number }).to_string();
        let answer = straight.server.caller().post(straight.bucket.input, body.as_bytes()).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
    }
    Ok(())
}

async fn until_listed(api: &Api, count: u64) -> Result<()> {
    until("all are in the logs", async || {
        let logs = api.call("GET", "/v1/logs?bucket=jobs", &Value::Null, 200).await?;
        Ok(holds(logs["total"] == count))
    })
    .await
}

fn lines_of_json(text: &str) -> Result<usize> {
    let lines = text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.len())
}
