//! The REST API as clients read it that were written for it by others: field by field, and with the
//! habits that they have.

use anyhow::{Context, Result};
use e2e::http::Answer;
use e2e::socket::Socket;
use e2e::wait::until;
use e2e::{Api, Destination, Server, World, story};
use serde_json::{Value, json};

/// A server and its API.
async fn served(world: &World) -> Result<(Server, Api)> {
    let server = world.server("relay").start().await?;
    let api = server.api()?;
    Ok((server, api))
}

async fn get(api: &Api, path: &str) -> Result<Value> {
    api.call("GET", path, &Value::Null, 200).await
}

/// That it has these fields, each of one of these types: `s` text, `n` whole number, `b` boolean,
/// `l` list, `m` object, `0` null.
fn has(of: &Value, fields: &[(&str, &str)]) {
    for (types, names) in fields {
        for name in names.split_whitespace() {
            let value = of.get(name).unwrap_or_else(|| panic!("no {name} in {of}"));
            let found = match value {
                Value::Null => '0',
                Value::Bool(_) => 'b',
                Value::Number(number) if number.is_f64() => 'f',
                Value::Number(_) => 'n',
                Value::String(_) => 's',
                Value::Array(_) => 'l',
                Value::Object(_) => 'm',
            };
            assert!(types.contains(found), "{name} is {value}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_has_the_fields_and_types_that_clients_read() {
    story(async |world: &World| {
        let (server, api) = served(world).await?;
        let bucket = api.call("POST", "/v1/buckets", &json!({"name": "deploys", "stream": true}), 201).await?;
        let lists = "inputs outputs service_connection_inputs service_connection_outputs integration_configurations";
        has(
            &bucket,
            &[
                ("s", "id name description account_id cron_id"),
                ("m", "auth"),
                ("l", lists),
                ("b", "stream ephemeral large_webhooks static_ip suspended"),
                ("n", "created_at updated_at"),
            ],
        );
        has(&bucket["auth"], &[("s", "id type username password token"), ("n", "created_at updated_at")]);
        assert_eq!((&bucket["auth"]["type"], &bucket["stream"]), (&json!("none"), &json!(true)));
        let input = &bucket["inputs"][0];
        assert_eq!(input["name"], "Default public endpoint");
        has(
            input,
            &[
                ("s", "id name bucket_id description function_id body response_from_output custom_domain path_prefix"),
                ("s", "tls_version created_by"),
                ("m", "headers"),
                ("b", "strip_path_prefix legacy_tls"),
                ("n", "status_code created_at updated_at"),
            ],
        );
        let outputs = format!("/v1/buckets/{}/outputs", bucket["id"].as_str().unwrap_or_default());
        let output = api.call("POST", &outputs, &json!({"name": "o", "destination": "http://a.example"}), 201).await?;
        has(
            &output,
            &[
                ("s", "id name bucket_id cron_id function_id response_function_id destination description created_by"),
                ("m", "headers rules durability throttle"),
                ("b", "disabled lock_path internal tls_verification"),
                ("n", "timeout retries created_at updated_at"),
            ],
        );
        let durability = &output["durability"];
        has(
            durability,
            &[("b", "enabled"), ("s", "schedule"), ("l", "custom_delays"), ("n", "deadline handoff_after")],
        );
        let whole = "rate max_concurrent max_queue_depth deadline";
        has(&output["throttle"], &[("b", "enabled"), ("s", "mode interval"), ("n", whole)]);

        let made = api.call("POST", "/v1/tokens", &Value::Null, 201).await?;
        has(&made, &[("s", "key secret")]);
        let tokens = get(&api, "/v1/tokens").await?;
        let token = tokens.as_array().context("no list")?.iter().find(|token| token["id"] == made["key"]);
        let token = token.context("the token is not listed by its key")?;
        has(token, &[("s", "id description api_access last_login"), ("b", "active"), ("n", "created_at updated_at")]);
        has(&token["scopes"], &[("l", "buckets tunnels")]);

        let domain = api.call("POST", "/v1/domains", &json!({"domain": "a.example.com"}), 201).await?;
        has(&domain, &[("s", "id domain"), ("n", "created_at updated_at")]);
        let cron = json!({"name": "c", "schedule": "@daily", "destination": "http://a.example", "starts_at": null});
        let cron = api.call("POST", "/v1/crons", &cron, 201).await?;
        has(
            &cron,
            &[
                ("s", "id name schedule timezone method payload destination function_id account_id"),
                ("s", "created_at updated_at next_run"),
                ("0s", "starts_at ends_at"),
                ("b", "enabled recurring"),
                ("m", "headers bucket"),
            ],
        );
        has(&get(&api, "/v1/user/info").await?["data"], &[("s", "id username email auth_type plan_id role")]);
        has(&get(&api, "/v1/config").await?, &[("s", "version"), ("b", "turnstile_disabled")]);
        has(&get(&api, "/v1/regions").await?[0], &[("s", "id name domain_suffix server_address")]);
        has(&get(&api, "/v1/connected-clients").await?, &[("l", "webhook_clients tunnel_clients")]);
        let numbers = "agents inputs outputs tokens tunnels webhooks";
        has(&get(&api, "/v1/usage").await?, &[("s", "account_id"), ("n", numbers)]);
        has(&get(&api, "/v1/events?bucket=deploys").await?, &[("0", "logs"), ("b", "has_more"), ("s", "next_cursor")]);

        let posted = server.caller().post(input["id"].as_str().unwrap_or_default().parse()?, b"{}").await?;
        assert_eq!(posted.status, 200);
        let page = until("there is a log", async || {
            let page = get(&api, "/v1/logs?bucket=deploys").await?;
            Ok((page["total"] == 1).then_some(page))
        })
        .await?;
        has(&page, &[("l", "data"), ("n", "total limit offset"), ("s", "next_cursor"), ("b", "truncated")]);
        has(
            &page["data"][0],
            &[
                (
                    "s",
                    "id account_id bucket_id input_id output_id status method raw_query extra_path body response_body",
                ),
                ("s", "ip_address input_function_execution_id output_function_execution_id compression"),
                ("s", "service_connection_input_type service_connection_output_type"),
                ("m", "headers response_headers"),
                ("b", "internal ephemeral"),
                ("n", "status_code retries duration_ms created_at updated_at"),
            ],
        );
        let histogram = get(&api, "/v1/logs/histogram").await?;
        has(&histogram, &[("l", "buckets"), ("s", "resolution")]);
        let whole = "minute total retried retry_count max_retries";
        has(&histogram["buckets"][0], &[("m", "counts"), ("n", whole), ("nf", "latency_ms_avg")]);
        let stats = get(&api, "/v1/logs-stats").await?;
        has(&stats[0], &[("s", "day"), ("n", "received success failures retried retry_count max_retries")]);
        Ok(())
    })
    .await;
}

/// That a request was refused with this status and text, as plain text.
fn refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, answer.text().trim_end()), (status, text), "{}", answer.head);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{}", answer.head);
    assert!(answer.header("request-id").is_some(), "{}", answer.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_plain_texts_and_deletions_say_whose() {
    story(async |world: &World| {
        let (_server, api) = served(world).await?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, "http://a.example", json!({"name": "o"})).await?;
        let (path, outputs) = (format!("/v1/buckets/{}", bucket.id), format!("/v1/buckets/{}/outputs", bucket.id));
        let nobody = "/v1/buckets/00000000-0000-4000-8000-000000000000";
        let wrong = api.with(&e2e::Token { secret: "wrong".to_owned(), ..api.token().clone() });
        let refusal = wrong.request("GET", "/v1/buckets", &Value::Null).await?;
        refused(&refusal, 401, "credentials are missing or wrong");
        let same = json!({"name": "o", "destination": "http://b.example"});
        for (method, path, body, status, text) in [
            ("GET", nobody, Value::Null, 404, "bucket not found"),
            ("POST", "/v1/buckets", json!({"name": "deploys"}), 412, "bucket with name 'deploys' already exists"),
            ("POST", &outputs, same, 412, "output with name 'o' already exists"),
            ("POST", "/v1/buckets", json!({"name": 7}), 400, "name: must be a text"),
            ("GET", "/v1/logs", Value::Null, 400, "bucket: is missing"),
            ("DELETE", &path, Value::Null, 412, "bucket has inputs or outputs; delete them, or use ?force=true"),
        ] {
            refused(&api.request(method, path, &body).await?, status, text);
        }
        let gone = |id: &str| json!({"id": id, "status": "deleted"});
        let output = output.to_string();
        let deleted = api.call("DELETE", &format!("{outputs}/{output}"), &Value::Null, 200).await?;
        assert_eq!(deleted, gone(&output));
        let deleted = api.call("DELETE", &format!("{path}?force=true"), &Value::Null, 200).await?;
        assert_eq!(deleted, gone(&bucket.id.to_string()));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_send_by_habit_does_no_harm() {
    story(async |world: &World| {
        let (_server, api) = served(world).await?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let path = format!("/v1/buckets/{}", bucket.id);
        // One field is one change.
        let changed = api.call("PUT", &path, &json!({"description": "new"}), 200).await?;
        let kept = (&changed["name"], &changed["stream"], &changed["description"]);
        assert_eq!(kept, (&json!("deploys"), &json!(true), &json!("new")));
        // Others send back all that they know, with times that never were and lists that are not theirs.
        let mut whole = changed.clone();
        for field in ["created_at", "updated_at"] {
            whole[field] = json!(-62_135_596_800_i64);
        }
        whole["outputs"] = Value::Null;
        whole["auth"] = json!({"type": "basic", "username": "u", "password": "p"});
        let again = api.call("PUT", &path, &whole, 200).await?;
        assert_eq!((&again["auth"]["type"], &again["created_at"]), (&json!("basic"), &changed["created_at"]));

        let outputs = format!("{path}/outputs");
        let mixed = json!({"name": "o", "destination": "http://a.example", "headers": {"A": "1", "B": ["2", "3"]},
            "rules": null, "durability": null, "throttle": null, "function_id": "", "created_at": -62_135_596_800_i64});
        let output = api.call("POST", &outputs, &mixed, 201).await?;
        assert_eq!(output["headers"], json!({"A": ["1"], "B": ["2", "3"]}));
        let output_path = format!("{outputs}/{}", output["id"].as_str().unwrap_or_default());
        let delays = json!([1_000_000_000_u64, 60_000_000_000_u64]);
        let change = json!({"durability": {"enabled": true, "schedule": "custom", "custom_delays": delays,
            "deadline": 3_600_000_000_000_u64}});
        let output = api.call("PUT", &output_path, &change, 200).await?;
        assert_eq!((&output["durability"]["custom_delays"], &output["name"]), (&delays, &json!("o")));
        // The bare tree in, the whole output out.
        let tree = json!({"match": {"type": "value", "parameter": {"source": "header", "name": "X"}, "value": "1"}});
        let output = api.call("PUT", &format!("{output_path}/rules"), &tree, 200).await?;
        assert_eq!((&output["rules"], &output["name"]), (&tree, &json!("o")));
        let output = api.call("DELETE", &format!("{output_path}/rules"), &Value::Null, 200).await?;
        assert_eq!(output["rules"], json!({}));

        let input = json!({"name": "i", "body": "{\"message\":\"test\"}", "headers": {"X": "y"}});
        let input = api.call("POST", &format!("{path}/inputs"), &input, 201).await?;
        assert_eq!(input["body"], "{\"message\":\"test\"}");
        // By name or by id, with days or moments, and with parameters that say nothing.
        for bucket in ["deploys", &bucket.id.to_string()] {
            for more in ["&from=2024-01-01&to=2034-01-02T00:00:00Z&limit=5", "&status=&cursor=&offset=0"] {
                get(&api, &format!("/v1/logs?bucket={bucket}{more}")).await?;
            }
            get(&api, &format!("/v1/events?bucket={bucket}&output=&limit=100&max_age=24h&cursor=")).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_good_wherever_a_key_and_a_secret_are() {
    story(async |world: &World| {
        let (server, api) = served(world).await?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let made = api.call("POST", "/v1/tokens", &Value::Null, 201).await?;
        let api_key = made["api_key"].as_str().context("no api_key")?;
        let client = api.with_api_key(api_key);
        get(&client, "/v1/buckets").await?;
        let bearer = async |value: &str| {
            let mut connection = server.connect().await?;
            let head = format!("Host: a\r\nAuthorization: Bearer {value}\r\nConnection: close\r\n\r\n");
            connection.send(format!("GET /v1/buckets HTTP/1.1\r\n{head}").as_bytes()).await?;
            Ok::<_, anyhow::Error>(connection.answer("GET").await?.status)
        };
        assert_eq!((bearer(api_key).await?, bearer(&format!("{api_key}x")).await?), (200, 401));
        let mut socket = Socket::subscribed(server.address(), client.token(), &json!([])).await?;
        let _agent = world.agent("agent").token(client.token()).server(&server).serves("deploys").start()?;
        assert_eq!(server.caller().post(bucket.input, b"1").await?.status, 200);
        assert_eq!(socket.webhook().await?["body"], "1");
        destination.receives(1).await?;
        let clients = until("both are seen", async || {
            let clients = get(&client, "/v1/connected-clients").await?["webhook_clients"].take();
            Ok((clients.as_array().map(Vec::len) == Some(2)).then_some(clients))
        })
        .await?;
        for client in clients.as_array().into_iter().flatten() {
            let texts = "access_token_key client_ip client_type client_version destination";
            has(client, &[("s", texts), ("l", "buckets"), ("n", "subscribed_at")]);
            assert_eq!((&client["access_token_key"], &client["buckets"]), (&made["key"], &json!(["deploys"])));
        }
        Ok(())
    })
    .await;
}
