//! By what a provider's second try is told from a new webhook.

use model::request::Request;

use crate::json;
use crate::provider::Provider;

/// The longest delivery id that counts, in bytes.
pub const ID_BYTES_MAX: usize = 256;

/// The headers that tell it, for callers of inputs that name no provider.
const KNOWN: [&str; 8] = [
    "webhook-id",
    "svix-id",
    "X-GitHub-Delivery",
    "X-Gitea-Delivery",
    "X-Shopify-Webhook-Id",
    "Twitch-Eventsub-Message-Id",
    "X-WC-Webhook-Delivery-ID",
    "Idempotency-Key",
];

/// Where a delivery id stands.
enum Place {
    Header(&'static str),
    /// In a JSON body, by pointer (RFC 6901).
    Field(&'static str),
    /// In none that is the same for a second try.
    Nowhere,
}

/// The delivery id of a webhook of that provider; without a provider, of any that is known by a
/// header. The body must be in memory for those that have it there.
pub fn id(provider: Option<Provider>, request: &Request) -> Option<String> {
    let Some(provider) = provider else {
        return KNOWN.iter().find_map(|name| header(name, request));
    };
    match place(provider) {
        Place::Header(name) => header(name, request),
        Place::Field(pointer) => {
            let id = json::text(&json::read(&request.body)?, pointer)?;
            (!id.is_empty() && id.len() <= ID_BYTES_MAX).then_some(id)
        }
        Place::Nowhere => None,
    }
}

/// The value of a header that names a delivery; none when it is empty, too long, or no text.
pub fn header(name: &str, request: &Request) -> Option<String> {
    let value = std::str::from_utf8(request.header(name)?).ok()?;
    (!value.is_empty() && value.len() <= ID_BYTES_MAX).then(|| value.to_owned())
}

fn place(provider: Provider) -> Place {
    match provider {
        Provider::StandardWebhooks => Place::Header("webhook-id"),
        Provider::Svix => Place::Header("svix-id"),
        Provider::Bitbucket => Place::Header("X-Request-UUID"),
        Provider::Forgejo | Provider::Gitea => Place::Header("X-Gitea-Delivery"),
        Provider::GitHub => Place::Header("X-GitHub-Delivery"),
        Provider::GitLab => Place::Header("Idempotency-Key"),
        Provider::Jira => Place::Header("X-Atlassian-Webhook-Identifier"),
        Provider::Linear => Place::Header("Linear-Delivery"),
        Provider::PayPal => Place::Header("PAYPAL-TRANSMISSION-ID"),
        Provider::Sentry => Place::Header("Request-ID"),
        Provider::Shopify => Place::Header("X-Shopify-Webhook-Id"),
        Provider::Twilio => Place::Header("I-Twilio-Idempotency-Token"),
        Provider::Twitch => Place::Header("Twitch-Eventsub-Message-Id"),
        Provider::WooCommerce => Place::Header("X-WC-Webhook-Delivery-ID"),
        Provider::CircleCi | Provider::Discord | Provider::Intercom | Provider::Stripe | Provider::Vercel => {
            Place::Field("/id")
        }
        Provider::Paddle | Provider::Slack | Provider::Square | Provider::Typeform => Place::Field("/event_id"),
        Provider::Mailgun => Place::Field("/signature/token"),
        Provider::PagerDuty => Place::Field("/event/id"),
        Provider::Postmark => Place::Field("/MessageID"),
        Provider::Chargebee => Place::Field("/id"),
        Provider::Telegram => Place::Field("/update_id"),
        Provider::Hmac
        | Provider::Adyen
        | Provider::Asana
        | Provider::Buildkite
        | Provider::Calendly
        | Provider::DocuSign
        | Provider::Dropbox
        | Provider::HubSpot
        | Provider::Line
        | Provider::Meta
        | Provider::SendGrid
        | Provider::Trello
        | Provider::Twitter
        | Provider::Webflow
        | Provider::Xero
        | Provider::Zoom => Place::Nowhere,
    }
}
