//! What some providers ask of an endpoint before they send to it, and the answer they wait for.

use bytes::Bytes;
use model::UnixMs;
use model::record::{Signature, SignaturePolicy};
use model::request::Request;
use serde_json::{Value, json};

use crate::encoding::Encoding;
use crate::json;
use crate::mac::{Mac, same};
use crate::provider::Provider;
use crate::row::Algorithm;
use crate::verdict::Verdict;
use crate::verifier::Verifier;

/// The longest token that Twitter gets signed, in bytes; its own have about 50.
const CRC_TOKEN_BYTES_MAX: usize = 128;

/// The answer to a handshake: 200, these header lines and this body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Header lines, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// The answer that a provider waits for; none when the webhook is no handshake.
///
/// `verdict` is what came of verifying it, at `now` by the clock and for a call to `url`. Handshakes
/// that a provider signs are answered if they verify; those that come without a signature prove no
/// more than that somebody knows the URL, and the answers say nothing else.
pub fn answer(verifier: &Verifier<'_>, request: &Request, verdict: Verdict, url: &str, now: UnixMs) -> Option<Answer> {
    match verifier.provider() {
        Provider::Asana => asana(request),
        Provider::Dropbox => get_parameter(request, "challenge").map(plain),
        Provider::Meta => meta(verifier.secrets(), request),
        Provider::Trello => (request.method == "HEAD").then(Answer::default),
        Provider::Twitter => twitter(verifier.secrets(), request),
        Provider::Discord if verdict == Verdict::Verified => {
            let ping = json::read(&request.body)?;
            (ping.get("type") == Some(&json!(1))).then(|| json_answer(&json!({"type": 1})))
        }
        Provider::Slack if verdict == Verdict::Verified => {
            let body = json::read(&request.body)?;
            let is_challenge = json::text(&body, "/type")? == "url_verification";
            json::text(&body, "/challenge").filter(|_| is_challenge).map(plain)
        }
        Provider::Twitch if verdict == Verdict::Verified => {
            let kind = request.header("Twitch-Eventsub-Message-Type")?;
            let is_challenge = kind == b"webhook_callback_verification";
            json::text(&json::read(&request.body)?, "/challenge").filter(|_| is_challenge).map(plain)
        }
        Provider::Zoom if verdict == Verdict::Verified => zoom(verifier, request, url, now),
        Provider::Discord | Provider::Slack | Provider::Twitch | Provider::Zoom => None,
        Provider::Hmac
        | Provider::StandardWebhooks
        | Provider::Svix
        | Provider::Adyen
        | Provider::Bitbucket
        | Provider::Buildkite
        | Provider::Calendly
        | Provider::Chargebee
        | Provider::CircleCi
        | Provider::DocuSign
        | Provider::Forgejo
        | Provider::Gitea
        | Provider::GitHub
        | Provider::GitLab
        | Provider::HubSpot
        | Provider::Intercom
        | Provider::Jira
        | Provider::Line
        | Provider::Linear
        | Provider::Mailgun
        | Provider::Paddle
        | Provider::PagerDuty
        | Provider::PayPal
        | Provider::Postmark
        | Provider::SendGrid
        | Provider::Sentry
        | Provider::Shopify
        | Provider::Square
        | Provider::Stripe
        | Provider::Telegram
        | Provider::Twilio
        | Provider::Typeform
        | Provider::Vercel
        | Provider::Webflow
        | Provider::WooCommerce
        | Provider::Xero => None,
    }
}

/// Asana tells its secret and wants it back; the owner finds it in the log and configures it.
fn asana(request: &Request) -> Option<Answer> {
    let secret = std::str::from_utf8(request.header("X-Hook-Secret")?).ok()?;
    Some(Answer { headers: vec![("x-hook-secret", secret.to_owned())], body: Bytes::new() })
}

/// The owner's verify token is among the secrets.
fn meta(secrets: &[String], request: &Request) -> Option<Answer> {
    let token = get_parameter(request, "hub.verify_token")?;
    let is_subscription = get_parameter(request, "hub.mode")? == "subscribe";
    let is_known = secrets.iter().any(|secret| same(secret.as_bytes(), token.as_bytes()));
    get_parameter(request, "hub.challenge").filter(|_| is_subscription && is_known).map(plain)
}

/// Whoever asks gets a code made with the secret that signs webhooks, so nothing is signed that could
/// be the body of one: only a short token.
fn twitter(secrets: &[String], request: &Request) -> Option<Answer> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let token = get_parameter(request, "crc_token")?;
    if token.len() > CRC_TOKEN_BYTES_MAX || !token.bytes().all(is_plain) {
        return None;
    }
    let code = Mac::of(Algorithm::HmacSha256, secrets.first()?.as_bytes(), token.as_bytes());
    Some(json_answer(&json!({"response_token": format!("sha256={}", Encoding::Base64.encode(&code))})))
}

/// The token is to be signed with the secret that signed the request.
fn zoom(verifier: &Verifier<'_>, request: &Request, url: &str, now: UnixMs) -> Option<Answer> {
    let body = json::read(&request.body)?;
    if json::text(&body, "/event")? != "endpoint.url_validation" {
        return None;
    }
    let token = json::text(&body, "/payload/plainToken")?;
    let secret = verifier.secrets().iter().find(|secret| {
        let alone = Signature {
            provider: verifier.provider().name().to_owned(),
            secrets: vec![(*secret).clone()],
            policy: SignaturePolicy::Reject,
            tolerance_seconds: 0,
            custom: None,
        };
        Verifier::new(&alone).is_ok_and(|verifier| verifier.verify(request, url, now) == Verdict::Verified)
    })?;
    let code = Mac::of(Algorithm::HmacSha256, secret.as_bytes(), token.as_bytes());
    Some(json_answer(&json!({"plainToken": token, "encryptedToken": Encoding::Hex.encode(&code)})))
}

/// A query parameter of a GET request.
fn get_parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.query.as_deref().filter(|_| request.method == "GET")?;
    form_urlencoded::parse(query).find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// A text, which a browser must not take for anything else: it is whatever the caller sent.
fn plain(text: String) -> Answer {
    let headers = vec![
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    Answer { headers, body: text.into() }
}

fn json_answer(value: &Value) -> Answer {
    Answer { headers: vec![("content-type", "application/json".to_owned())], body: value.to_string().into() }
}
