//! What can be said about an input: its answer, its own host name, and the signature it demands.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::{header, headers};
use crate::cli::bucket::said;
use crate::cli::failure::Failure;
use crate::cli::moment::duration;
use crate::cli::text;
use crate::rest::{Bucket, find_output};
use crate::secret::Secret;

/// What the API calls the first output that answers.
const ANY_OUTPUT: &str = "anyOutput";

/// What can be said when an input is made, and changed later.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct About {
    /// Free text
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    domain: Domain,
    #[command(flatten)]
    signature: Signature,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Answer to callers")]
struct Answer {
    /// The status
    #[arg(long, value_name = "STATUS")]
    status_code: Option<u16>,
    /// The body
    #[arg(long, value_name = "TEXT")]
    response_body: Option<String>,
    /// A header, as NAME=VALUE; may be repeated
    #[arg(long = "response-header", visible_alias = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Callers wait for what an output's destination answers: its name or id, `any` for the first
    /// that answers, `none` for no waiting
    #[arg(long, value_name = "OUTPUT")]
    response_from_output: Option<String>,
    /// How long they wait
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    response_timeout: Option<Duration>,
    /// The status that they get when no answer came in time [default: as without waiting]
    #[arg(long, value_name = "STATUS")]
    fallback_status_code: Option<u16>,
    /// The body that they get then
    #[arg(long, value_name = "TEXT")]
    fallback_body: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Custom domain")]
struct Domain {
    /// A host name that it also answers to; empty for none
    #[arg(long, value_name = "HOST")]
    custom_domain: Option<String>,
    /// The beginning of the paths that it answers to there
    #[arg(long, value_name = "PATH")]
    path_prefix: Option<String>,
    /// Whether that beginning is left out of what is forwarded
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    strip_path_prefix: Option<bool>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Signature of callers")]
struct Signature {
    /// Whose signature is demanded: github, stripe, standard-webhooks, …; hmac for a scheme of your
    /// own; none for nobody's
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The secret that signs: the text itself, @FILE, or - for standard input; repeat it while you
    /// rotate from one to the next
    #[arg(long = "secret", id = "signature_secret", value_name = "SECRET")]
    secrets: Vec<Secret>,
    /// What happens to a webhook that does not verify
    #[arg(long, value_name = "POLICY")]
    signature_policy: Option<Policy>,
    /// How old or new a signed time may be
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    signature_tolerance: Option<Duration>,
    /// Of a scheme of your own: the header that carries the signature
    #[arg(long, value_name = "NAME")]
    signature_header: Option<String>,
    /// Of a scheme of your own
    #[arg(long)]
    signature_algorithm: Option<Algorithm>,
    /// Of a scheme of your own
    #[arg(long)]
    signature_encoding: Option<Encoding>,
    /// Of a scheme of your own: what stands before the signature in its header, such as `sha256=`
    #[arg(long, value_name = "TEXT")]
    signature_prefix: Option<String>,
    /// Of a scheme of your own: what is signed, such as `{timestamp}.{body}`
    #[arg(long, value_name = "TEMPLATE")]
    signature_template: Option<String>,
    /// Of a scheme of your own: the header that carries the signed time
    #[arg(long, value_name = "NAME")]
    signature_timestamp_header: Option<String>,
    /// By what a sender's second try is recognised and left out: provider, header:NAME, or off
    #[arg(long, value_name = "KEY", value_parser = deduplicate)]
    deduplicate: Option<Value>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    /// Its caller gets 401, and it goes nowhere
    Reject,
    /// Its caller gets the plain answer, and it goes nowhere
    Drop,
    /// It is delivered, with the verdict beside it
    Mark,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Encoding {
    Hex,
    Base64,
}

impl About {
    /// The fields of the API, for an input of `bucket`; `before` is the input as it is, if it is
    /// there already.
    ///
    /// # Errors
    /// When an output or a file that is named does not exist.
    pub(super) fn fields(self, bucket: &Bucket, before: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        let Self { description, answer, domain, signature } = self;
        let from = answer.response_from_output.as_deref().map(|wanted| answer_from(bucket, wanted)).transpose()?;
        let deduplicate = signature.deduplicate.clone();
        let signature = signature.value(before.get("signature"))?;
        let fallback = said([
            ("status_code", answer.fallback_status_code.map(Value::from)),
            ("body", answer.fallback_body.map(Value::from)),
        ]);
        Ok(said([
            ("description", description.map(Value::from)),
            ("status_code", answer.status_code.map(Value::from)),
            ("body", answer.response_body.map(Value::from)),
            ("headers", headers(answer.headers)),
            ("response_from_output", from.map(Value::from)),
            ("response_timeout", answer.response_timeout.map(|time| time.as_secs().into())),
            ("response_fallback", (!fallback.is_empty()).then_some(Value::Object(fallback))),
            ("custom_domain", domain.custom_domain.map(Value::from)),
            ("path_prefix", domain.path_prefix.map(Value::from)),
            ("strip_path_prefix", domain.strip_path_prefix.map(Value::from)),
            ("signature", signature),
            ("deduplicate", deduplicate),
        ]))
    }
}

impl Signature {
    /// The object of the API, or null to end it. What is not said stays as it is; a scheme of one's
    /// own is replaced whole by the server, so that what was there is said again.
    fn value(self, before: Option<&Value>) -> Result<Option<Value>, Failure> {
        if self.provider.as_deref() == Some("none") {
            return Ok(Some(Value::Null));
        }
        let secrets = self.secrets.iter().map(text::secret).collect::<Result<Vec<_>, _>>()?;
        let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
            value().map(|value| Value::from(value.get_name().to_owned()))
        };
        let custom = said([
            ("header", self.signature_header.map(Value::from)),
            ("algorithm", name(&|| self.signature_algorithm.as_ref().and_then(ValueEnum::to_possible_value))),
            ("encoding", name(&|| self.signature_encoding.as_ref().and_then(ValueEnum::to_possible_value))),
            ("prefix", self.signature_prefix.map(Value::from)),
            ("template", self.signature_template.map(Value::from)),
            ("timestamp_header", self.signature_timestamp_header.map(Value::from)),
        ]);
        let mut whole = before.and_then(|before| before.get("custom")).and_then(Value::as_object).cloned();
        let custom = (!custom.is_empty()).then(|| {
            let mut whole = whole.take().unwrap_or_default();
            whole.extend(custom);
            Value::Object(whole)
        });
        let fields = said([
            ("provider", self.provider.map(Value::from)),
            ("secrets", (!secrets.is_empty()).then(|| secrets.into())),
            ("policy", name(&|| self.signature_policy.as_ref().and_then(ValueEnum::to_possible_value))),
            ("tolerance_seconds", self.signature_tolerance.map(|time| time.as_secs().into())),
            ("custom", custom),
        ]);
        Ok((!fields.is_empty()).then_some(Value::Object(fields)))
    }
}

fn deduplicate(text: &str) -> Result<Value, String> {
    match text.split_once(':') {
        None if text == "provider" => Ok(true.into()),
        None if text == "off" => Ok(false.into()),
        Some(("header", name)) if !name.is_empty() => Ok(json!({ "header": name })),
        Some(_) | None => Err("say provider, header:NAME or off".to_owned()),
    }
}

/// What the API calls the output whose answer callers get.
fn answer_from(bucket: &Bucket, wanted: &str) -> Result<String, Failure> {
    match wanted {
        "none" | "" => Ok(String::new()),
        "any" | ANY_OUTPUT => Ok(ANY_OUTPUT.to_owned()),
        wanted => Ok(find_output(std::slice::from_ref(bucket), None, wanted)?.part.id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        about: About,
    }

    fn fields(line: &str, before: Value) -> Result<Value, Failure> {
        let bucket: Bucket =
            serde_json::from_value(json!({"id": "b", "name": "b", "outputs": [{"id": "o-1", "name": "app"}]})).unwrap();
        let line = Line::try_parse_from(std::iter::once("input").chain(line.split_whitespace())).unwrap();
        line.about.fields(&bucket, before.as_object().unwrap()).map(Value::Object)
    }

    fn check(line: &str, expected: Value) {
        assert_eq!(fields(line, json!({})).unwrap(), expected, "{line}");
    }

    #[test]
    fn flags_become_the_fields_of_the_api() {
        check("", json!({}));
        check(
            "--status-code 202 --response-body ok --response-header A=b --header A=c",
            json!({"status_code": 202, "body": "ok", "headers": {"A": ["b", "c"]}}),
        );
        check(
            "--response-from-output any --response-timeout 5s --fallback-status-code 504 --fallback-body late",
            json!({"response_from_output": "anyOutput", "response_timeout": 5,
                "response_fallback": {"status_code": 504, "body": "late"}}),
        );
        check("--deduplicate provider", json!({"deduplicate": true}));
        check("--deduplicate off", json!({"deduplicate": false}));
        check("--deduplicate header:X-Id", json!({"deduplicate": {"header": "X-Id"}}));
        assert!(deduplicate("header:").is_err() && deduplicate("x").is_err());
        check(
            "--custom-domain hooks.example --path-prefix /gh --strip-path-prefix",
            json!({"custom_domain": "hooks.example", "path_prefix": "/gh", "strip_path_prefix": true}),
        );
        for (said, meant) in [("app", "o-1"), ("o-1", "o-1"), ("any", "anyOutput"), ("none", "")] {
            check(&format!("--response-from-output {said}"), json!({"response_from_output": meant}));
        }
        assert_eq!(fields("--response-from-output nope", json!({})).unwrap_err().code(), 4);
    }

    #[test]
    fn a_signature_is_an_object_of_which_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hush\n").unwrap();
        check(
            &format!("--provider github --secret @{} --secret old", path.display()),
            json!({"signature": {"provider": "github", "secrets": ["hush", "old"]}}),
        );
        check("--provider none", json!({"signature": null}));
        check(
            "--provider hmac --secret s --signature-header X-Sig --signature-algorithm sha512 --signature-encoding base64 --signature-policy mark --signature-tolerance 5m",
            json!({"signature": {"provider": "hmac", "secrets": ["s"], "policy": "mark", "tolerance_seconds": 300,
                "custom": {"header": "X-Sig", "algorithm": "sha512", "encoding": "base64"}}}),
        );
        let before =
            json!({"signature": {"provider": "hmac", "secret_count": 1, "custom": {"header": "A", "encoding": "hex"}}});
        let changed = fields("--signature-header B", before.clone()).unwrap();
        assert_eq!(changed, json!({"signature": {"custom": {"header": "B", "encoding": "hex"}}}));
        let changed = fields("--signature-policy reject", before).unwrap();
        assert_eq!(changed, json!({"signature": {"policy": "reject"}}));
    }
}
