//! Whose scheme is which.

use crate::encoding::Encoding::Base64;
use crate::key::KeyForm;
use crate::odd::Odd;
use crate::provider::Provider;
use crate::row::{Algorithm, HMAC_SHA256, Row, Time, TimeAt, Unit};

/// A scheme: most are rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Row(Row<'static>),
    Odd(Odd),
}

/// How far from now a signed time may be where the provider says nothing else, in seconds.
pub(crate) const TOLERANCE_SECONDS: u32 = 300;

const fn seconds(at: TimeAt<'static>) -> Option<Time<'static>> {
    Some(Time { at, unit: Unit::Seconds, tolerance_seconds: TOLERANCE_SECONDS })
}

const fn millis(at: TimeAt<'static>, tolerance_seconds: u32) -> Option<Time<'static>> {
    Some(Time { at, unit: Unit::Millis, tolerance_seconds })
}

/// HMAC-SHA256 of the body, hexadecimal, in a header alone.
const fn hex(header: &'static str) -> Row<'static> {
    Row { header, ..HMAC_SHA256 }
}

/// HMAC-SHA256 of the body, in base64, in a header alone.
const fn base64(header: &'static str) -> Row<'static> {
    Row { encoding: Base64, ..hex(header) }
}

/// As GitHub began it.
const fn hub(header: &'static str) -> Row<'static> {
    Row { prefix: "sha256=", ..hex(header) }
}

const STANDARD: Row<'static> = Row {
    separator: Some(' '),
    prefix: "v1,",
    encoding: Base64,
    message: "{header:webhook-id}.{time}.{body}",
    time: seconds(TimeAt::Header("webhook-timestamp")),
    key: KeyForm::StandardSecret,
    ..hex("webhook-signature")
};

const SVIX: Row<'static> = Row {
    header: "svix-signature",
    message: "{header:svix-id}.{time}.{body}",
    time: seconds(TimeAt::Header("svix-timestamp")),
    ..STANDARD
};

const V1A: Row<'static> =
    Row { algorithm: Algorithm::Ed25519, prefix: "v1a,", key: KeyForm::StandardPublic, ..STANDARD };

/// `t=…,v1=…`, as Stripe began it.
const STRIPE: Row<'static> = Row {
    separator: Some(','),
    prefix: "v1=",
    message: "{time}.{body}",
    time: seconds(TimeAt::Item("t=")),
    ..hex("Stripe-Signature")
};

/// `v0=…` over `v0:time:body`, as Slack began it.
const SLACK: Row<'static> = Row {
    prefix: "v0=",
    message: "v0:{time}:{body}",
    time: seconds(TimeAt::Header("X-Slack-Request-Timestamp")),
    ..hex("X-Slack-Signature")
};

/// DocuSign signs with each of an account's keys, and numbers the headers.
const DOCUSIGN_MORE: [&str; 9] = [
    "X-DocuSign-Signature-2",
    "X-DocuSign-Signature-3",
    "X-DocuSign-Signature-4",
    "X-DocuSign-Signature-5",
    "X-DocuSign-Signature-6",
    "X-DocuSign-Signature-7",
    "X-DocuSign-Signature-8",
    "X-DocuSign-Signature-9",
    "X-DocuSign-Signature-10",
];

/// The schemes of a provider; none for the one that the owner describes.
pub(crate) fn schemes(provider: Provider) -> Vec<Scheme> {
    use Algorithm::{EcdsaP256, Ed25519, HmacSha1};
    let row = |row| vec![Scheme::Row(row)];
    let odd = |odd| vec![Scheme::Odd(odd)];
    match provider {
        Provider::Hmac => Vec::new(),
        Provider::StandardWebhooks => vec![Scheme::Row(STANDARD), Scheme::Row(V1A)],
        Provider::Svix => vec![
            Scheme::Row(SVIX),
            Scheme::Row(Row { algorithm: Ed25519, prefix: "v1a,", key: KeyForm::StandardPublic, ..SVIX }),
        ],
        Provider::Adyen => odd(Odd::Adyen),
        Provider::Asana => row(hex("X-Hook-Signature")),
        Provider::Bitbucket | Provider::Jira => row(hub("X-Hub-Signature")),
        Provider::Buildkite => row(Row {
            header: "X-Buildkite-Signature",
            prefix: "signature=",
            time: seconds(TimeAt::Item("timestamp=")),
            ..STRIPE
        }),
        Provider::Calendly => row(Row { header: "Calendly-Webhook-Signature", ..STRIPE }),
        Provider::Chargebee | Provider::Postmark => odd(Odd::UserPassword),
        Provider::CircleCi => row(Row { separator: Some(','), prefix: "v1=", ..hex("circleci-signature") }),
        Provider::Discord => row(Row {
            algorithm: Ed25519,
            message: "{time}{body}",
            time: seconds(TimeAt::Header("X-Signature-Timestamp")),
            key: KeyForm::Ed25519,
            ..hex("X-Signature-Ed25519")
        }),
        Provider::DocuSign => row(Row { or_headers: &DOCUSIGN_MORE, ..base64("X-DocuSign-Signature-1") }),
        Provider::Dropbox => row(hex("X-Dropbox-Signature")),
        Provider::Forgejo | Provider::Gitea => {
            row(Row { or_headers: &["X-Forgejo-Signature"], ..hex("X-Gitea-Signature") })
        }
        Provider::GitHub | Provider::Meta => row(hub("X-Hub-Signature-256")),
        Provider::GitLab => vec![
            Scheme::Row(Row { key: KeyForm::Signing, ..STANDARD }),
            Scheme::Odd(Odd::Token { header: "X-Gitlab-Token", key: KeyForm::Token }),
        ],
        Provider::HubSpot => row(Row {
            message: "{method}{url of hubspot}{body}{time}",
            time: millis(TimeAt::Header("X-HubSpot-Request-Timestamp"), TOLERANCE_SECONDS),
            ..base64("X-HubSpot-Signature-v3")
        }),
        Provider::Intercom => row(Row { algorithm: HmacSha1, prefix: "sha1=", ..hex("X-Hub-Signature") }),
        Provider::Line => row(base64("X-Line-Signature")),
        Provider::Linear => {
            row(Row { time: millis(TimeAt::Field("/webhookTimestamp"), 60), ..hex("Linear-Signature") })
        }
        Provider::Mailgun => odd(Odd::Mailgun),
        Provider::Paddle => row(Row {
            separator: Some(';'),
            prefix: "h1=",
            message: "{time}:{body}",
            time: seconds(TimeAt::Item("ts=")),
            ..hex("Paddle-Signature")
        }),
        Provider::PagerDuty => row(Row { separator: Some(','), prefix: "v1=", ..hex("X-PagerDuty-Signature") }),
        Provider::PayPal => odd(Odd::PayPal),
        Provider::SendGrid => row(Row {
            algorithm: EcdsaP256,
            message: "{time}{body}",
            // SendGrid says nothing of how long it tries again with the same time.
            time: Some(Time {
                at: TimeAt::Header("X-Twilio-Email-Event-Webhook-Timestamp"),
                unit: Unit::Seconds,
                tolerance_seconds: 0,
            }),
            key: KeyForm::P256,
            ..base64("X-Twilio-Email-Event-Webhook-Signature")
        }),
        Provider::Sentry => row(hex("Sentry-Hook-Signature")),
        Provider::Shopify => row(base64("X-Shopify-Hmac-SHA256")),
        Provider::Slack => row(SLACK),
        Provider::Square => row(Row { message: "{url}{body}", ..base64("x-square-hmacsha256-signature") }),
        Provider::Stripe => row(STRIPE),
        Provider::Telegram => odd(Odd::Token { header: "X-Telegram-Bot-Api-Secret-Token", key: KeyForm::Text }),
        Provider::Trello => row(Row { algorithm: HmacSha1, message: "{body}{url}", ..base64("X-Trello-Webhook") }),
        Provider::Twilio => odd(Odd::Twilio),
        Provider::Twitch => row(Row {
            message: "{header:Twitch-Eventsub-Message-Id}{time}{body}",
            time: Some(Time {
                at: TimeAt::Header("Twitch-Eventsub-Message-Timestamp"),
                unit: Unit::Rfc3339,
                tolerance_seconds: 600,
            }),
            ..hub("Twitch-Eventsub-Message-Signature")
        }),
        Provider::Twitter => row(Row { prefix: "sha256=", ..base64("X-Twitter-Webhooks-Signature") }),
        Provider::Typeform => row(Row { prefix: "sha256=", ..base64("Typeform-Signature") }),
        Provider::Vercel => row(Row { algorithm: HmacSha1, ..hex("x-vercel-signature") }),
        Provider::Webflow => row(Row {
            message: "{time}:{body}",
            time: millis(TimeAt::Header("x-webflow-timestamp"), TOLERANCE_SECONDS),
            ..hex("x-webflow-signature")
        }),
        Provider::WooCommerce => row(base64("X-WC-Webhook-Signature")),
        Provider::Xero => row(base64("x-xero-signature")),
        Provider::Zoom => {
            row(Row { header: "x-zm-signature", time: seconds(TimeAt::Header("x-zm-request-timestamp")), ..SLACK })
        }
    }
}
