//! Each role in a process of its own, with the rights that `nats/server.conf` gives it and no more.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use super::*;

/// The configuration as it is shipped.
const SERVER_CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nats/server.conf");

/// Users of that configuration, and the roles of the same name.
const ROLES: [&str; 4] = ["auth", "api", "ingress", "dispatcher"];

/// 32 bytes for a test.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A process that is killed in the end.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `nats-server` with the shipped configuration, its paths and port changed.
struct Broker {
    _process: Killed,
    port: u16,
    dir: PathBuf,
}

impl Broker {
    fn start(dir: &Path) -> Self {
        let certs = Command::new(PROGRAM).args(["make-certs", "--name", "tls=localhost", "--dir"]).arg(dir).output();
        assert!(certs.unwrap().status.success());
        let port = free_port();
        let dir_text = dir.to_str().unwrap();
        let conf = fs::read_to_string(SERVER_CONF)
            .unwrap()
            .replace("0.0.0.0:4222", &format!("127.0.0.1:{port}"))
            .replace("/run/relay", dir_text)
            .replace("\"/data\"", &format!("\"{dir_text}/data\""));
        fs::write(dir.join("server.conf"), conf).unwrap();
        let program = std::env::var_os("RELAY_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let mut command = Command::new(program);
        command.arg("--config").arg(dir.join("server.conf")).arg("--log").arg(dir.join("nats.log"));
        for user in ROLES.into_iter().chain(["sys"]) {
            command.env(format!("NATS_{}_PASSWORD", user.to_uppercase()), format!("of{user}"));
        }
        Self { _process: Killed(command.spawn().unwrap()), port, dir: dir.to_owned() }
    }

    fn role(&self, role: &str) -> (Killed, u16) {
        let port = free_port();
        let process = relay_server()
            .args(["--roles", role, "--http-addr", &format!("127.0.0.1:{port}"), "--nats-user", role])
            .args(["--nats-url", &format!("tls://localhost:{}", self.port), "--master-key", MASTER_KEY])
            .arg("--nats-ca-file")
            .arg(self.dir.join("ca.pem"))
            .arg("--data-dir")
            .arg(self.dir.join(role))
            .env("RELAY_NATS_PASSWORD", format!("of{role}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        (Killed(process), port)
    }
}

/// Status and body of one request.
fn ask(port: u16, request_line: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

#[test]
fn every_role_can_do_its_work_with_its_own_rights() {
    let dir = data();
    let broker = Broker::start(dir.path());
    let running: Vec<(Killed, u16)> = ROLES.into_iter().map(|role| broker.role(role)).collect();
    let [_auth, api, ingress, dispatcher] = [0, 1, 2, 3].map(|index: usize| running[index].1);
    for (role, (_, port)) in ROLES.into_iter().zip(&running) {
        until(&format!("{role} is ready"), || {
            TcpStream::connect(("127.0.0.1", *port)).is_ok() && ask(*port, "GET /readyz", "", "").0 == 200
        });
    }
    let admin: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("auth/admin.json")).unwrap()).unwrap();
    let pair = format!("{}:{}", admin["key"].as_str().unwrap(), admin["secret"].as_str().unwrap());
    let headers = format!("Authorization: Basic {}\r\nContent-Type: application/json\r\n", base64(&pair));

    let (status, bucket) = ask(api, "POST /v1/buckets", &headers, r#"{"name":"demo"}"#);
    assert!(matches!(status, 200 | 201), "{status} {bucket}");
    let bucket: serde_json::Value = serde_json::from_str(&bucket).unwrap();
    let (status, token) = ask(api, "POST /v1/tokens", &headers, "{}");
    assert!(matches!(status, 200 | 201), "{status} {token}");
    let (id, input) = (bucket["id"].as_str().unwrap(), bucket["inputs"][0]["id"].as_str().unwrap());
    let large = "x".repeat(3_000_000);
    for (target, body) in [(input, "small"), (input, &large), ("b45a0b5c-0000-4000-8000-000000000000", "nobody's")] {
        let (status, _) = ask(ingress, &format!("POST /v1/webhooks/{target}"), "", body);
        assert_eq!(status, 200, "{} bytes for {target}", body.len());
    }
    is_disabled_when_it_takes_no_alerts(api, ingress, &headers);
    assert_eq!(ask(api, &format!("DELETE /v1/buckets/{id}?force=true"), &headers, "").0 / 100, 2);
    assert_eq!(ask(dispatcher, "GET /v1/buckets", &headers, "").0, 404, "each role serves its own paths alone");

    let log = fs::read_to_string(dir.path().join("nats.log")).unwrap();
    let denied: Vec<&str> = log.lines().filter(|line| line.contains("Violation")).collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

/// The dispatcher posts to nobody on loopback unless its operator allows it, and disables an
/// integration that only fails: the one record besides groups and outputs that it writes.
fn is_disabled_when_it_takes_no_alerts(api: u16, ingress: u16, headers: &str) {
    let call = |request: &str, body: &str| -> serde_json::Value {
        let (status, answer) = ask(api, request, headers, body);
        assert!(matches!(status, 200 | 201), "{request}: {status} {answer}");
        serde_json::from_str(&answer).unwrap()
    };
    let bucket = call("POST /v1/buckets", r#"{"name":"alerts"}"#);
    let id = bucket["id"].as_str().unwrap();
    for n in 0..20 {
        let output = format!(r#"{{"name":"out-{n}","destination":"http://127.0.0.1:8080/"}}"#);
        call(&format!("POST /v1/buckets/{id}/outputs"), &output);
    }
    let integration = r#"{"plugin":"webhook","configuration":{"webhook_url":"http://127.0.0.1:8080/"}}"#;
    let integration = call("POST /v1/integrations", integration);
    let path = format!("/v1/integrations/{}", integration["id"].as_str().unwrap());
    call(&format!("POST {path}/buckets"), &format!(r#"{{"bucket_id":"{id}"}}"#));
    let input = bucket["inputs"][0]["id"].as_str().unwrap();
    assert_eq!(ask(ingress, &format!("POST /v1/webhooks/{input}"), "", "x").0, 200);
    let mut message = String::new();
    until("the integration is disabled", || {
        let integration = call(&format!("GET {path}"), "");
        message = integration["message"].as_str().unwrap().to_owned();
        integration["disabled"] == true
    });
    assert!(message.ends_with("the receiver is a loopback address"), "{message}");
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}
