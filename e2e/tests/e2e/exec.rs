//! Agents that run their owner's command instead of calling a destination.

use anyhow::Context;
use e2e::wait::until;
use e2e::{Token, World, story};
use model::fact::{Ending, Fact, Outcome};
use serde_json::Value;

/// The first time it fails; it notes what it was told, then and afterwards.
const SCRIPT: &str = r#"
body=$(cat)
echo "$RELAY_ATTEMPT $RELAY_EVENT_METHOD $RELAY_EVENT_PATH $RELAY_EVENT_HEADER_X_KIND $body" >> "$1"
[ "$RELAY_ATTEMPT" != 1 ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_run_for_each_event_until_it_succeeds() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let admin = Token::of_admin_file(&server.data_dir().join("admin.json"))?;
        let (script, notes) = (world.dir().join("update.sh"), world.dir().join("notes"));
        std::fs::write(&script, SCRIPT)?;
        let command = format!("sh '{}' '{}'", script.display(), notes.display());
        let args = ["forward", "-b", "deploys", "--relayer", "exec", "--command", &command];
        let mut agent = world.agent("exec").token(&admin).server(&server).args(args).start()?;
        agent.process_mut().says("Starting webhook relay agent").await?;

        let buckets = api.call("GET", "/v1/buckets", &Value::Null, 200).await?;
        let bucket = &buckets[0];
        assert_eq!(bucket["outputs"][0]["destination"], "http://command.invalid/");
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let (bucket_id, output) = (text(&bucket["id"])?.parse()?, text(&bucket["outputs"][0]["id"])?.parse()?);
        let path = format!("/v1/webhooks/{}/tag", text(&bucket["inputs"][0]["id"])?);
        let mut connection = server.connect().await?;
        let request = format!(
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nX-Kind: release\r\nContent-Length: 4\r\n\r\nv1.2",
            server.address()
        );
        connection.send(request.as_bytes()).await?;
        assert_eq!(connection.answer("PUT").await?.status, 200);

        log.until_ended(bucket_id, output, Ending::Sent, 1).await?;
        let noted = until("the command has noted both attempts", async || {
            let text = std::fs::read_to_string(&notes)?;
            Ok(Some(text).filter(|text| text.lines().count() == 2))
        });
        assert_eq!(noted.await?, "1 PUT /tag release v1.2\n2 PUT /tag release v1.2\n");
        let facts = log.facts(bucket_id).await?;
        let failed = |fact: &Fact| matches!(fact, Fact::AttemptFinished { outcome: Outcome::Answered(500), .. });
        assert!(facts.iter().any(|line| failed(&line.fact)));
        Ok(())
    })
    .await;
}
