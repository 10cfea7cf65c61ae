//! TLS as sslyze sees it: everything that it knows to be wrong is tried on a running server.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::judged::Judged;
use crate::tools::pypi::SSLYZE;
use crate::{say, steps, tools, up, workspace};

/// The name by which this step is asked for.
pub(crate) const NAME: &str = "sslyze";
/// The protocols that nobody may speak with us, as sslyze names them.
const REFUSED: [&str; 4] = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"];
/// What TLS 1.2 may be spoken with: a key of the moment, and encryption that also authenticates.
const KEY_EXCHANGE: &str = "TLS_ECDHE_";
const AEAD: [&str; 2] = ["_GCM_", "_CHACHA20_POLY1305_"];
/// What is tried; without a list sslyze leaves some of it out.
const TRIED: [&str; 16] = [
    "--certinfo",
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--early_data",
    "--heartbleed",
    "--openssl_ccs",
    "--compression",
    "--reneg",
    "--fallback",
    "--robot",
    "--elliptic_curves",
    "--ems",
];
/// What must be so, and where it stands.
const FINDINGS: [(&str, &str, bool); 6] = [
    ("heartbleed", "is_vulnerable_to_heartbleed", false),
    ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false),
    ("tls_compression", "supports_compression", false),
    ("tls_1_3_early_data", "supports_early_data", false),
    ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false),
    ("tls_fallback_scsv", "supports_fallback_scsv", true),
];

/// Finds what is needed, builds the programs, and checks.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_and_run() -> anyhow::Result<()> {
    let nats_server = tools::nats_server::find_or_fetch()?;
    let sslyze = SSLYZE.find_or_install()?;
    steps::run(workspace::cargo().args(["build", "--package", "server", "--package", "agent"]))?;
    run(&sslyze, &nats_server)
}

/// Starts a server with TLS on a fresh data directory and has it tried.
///
/// # Errors
/// Where it speaks what it must not, or is not as Mozilla's "intermediate" asks.
pub(crate) fn run(sslyze: &Path, nats_server: &Path) -> anyhow::Result<()> {
    let address = up::free((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut judged = Judged::start(NAME, nats_server, address, true)?;
    let found = judged.dir().join("found.json");
    let mut command = Command::new(sslyze);
    command
        .args(TRIED)
        .args(["--mozilla_config", "intermediate"])
        .arg("--json_out")
        .arg(&found)
        .arg(address.to_string());
    command.arg("--certinfo_ca_file").arg(judged.dir().join("ca/ca.pem"));
    // Ends with 1 where Mozilla would have it otherwise, and says what.
    let scanned = command.output().context("start sslyze")?;
    judged.check()?;
    let text = fs::read_to_string(&found).with_context(|| {
        format!(
            "sslyze found nothing: {}{}",
            String::from_utf8_lossy(&scanned.stdout),
            String::from_utf8_lossy(&scanned.stderr)
        )
    })?;
    check(&serde_json::from_str(&text).context("read what sslyze found")?)?;
    if !scanned.status.success() {
        bail!("not as Mozilla asks:\n{}", verdict(&String::from_utf8_lossy(&scanned.stdout)));
    }
    say::line("TLS 1.2 and 1.3 with forward secrecy and AEAD alone, and as Mozilla's \"intermediate\" asks")
}

/// The end of what sslyze prints, where it compares with Mozilla's.
fn verdict(text: &str) -> &str {
    text.find("COMPLIANCE").map_or(text, |at| &text[at..])
}

fn check(found: &Value) -> anyhow::Result<()> {
    let results = &found["server_scan_results"][0]["scan_result"];
    let result = |name: &str| -> anyhow::Result<&Value> {
        ensure!(results[name]["status"] == "COMPLETED", "{name} was not tried: {}", results[name]["error_reason"]);
        Ok(&results[name]["result"])
    };
    for version in REFUSED {
        let accepted = accepted(result(&format!("{version}_cipher_suites"))?)?;
        ensure!(accepted.is_empty(), "{version} is spoken: {accepted:?}");
    }
    let (old, new) = (accepted(result("tls_1_2_cipher_suites")?)?, accepted(result("tls_1_3_cipher_suites")?)?);
    ensure!(!old.is_empty() && !new.is_empty(), "TLS 1.2 and 1.3 must both be spoken: {old:?}, {new:?}");
    for suite in old {
        let is_good = suite.starts_with(KEY_EXCHANGE) && AEAD.iter().any(|kind| suite.contains(kind));
        ensure!(is_good, "{suite} is spoken");
    }
    for (name, field, wanted) in FINDINGS {
        let seen = &result(name)?[field];
        ensure!(*seen == wanted, "{name}: {field} is {seen}");
    }
    let robot = &result("robot")?["robot_result"];
    ensure!(robot.as_str().is_some_and(|robot| robot.starts_with("NOT_VULNERABLE")), "robot: {robot}");
    Ok(())
}

/// The suites that were accepted.
fn accepted(result: &Value) -> anyhow::Result<Vec<&str>> {
    let suites = result["accepted_cipher_suites"].as_array().context("no list of suites")?;
    suites.iter().map(|suite| suite["cipher_suite"]["name"].as_str().context("a suite without a name")).collect()
}
