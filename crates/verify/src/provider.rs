//! The providers whose schemes are known, by name.

use std::fmt;
use std::str::FromStr;

macro_rules! providers {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A provider of webhooks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Provider {
            $($(#[$doc])* $name,)*
        }

        impl Provider {
            /// Every provider.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

providers! {
    /// An HMAC scheme that the owner describes.
    Hmac = "hmac";
    /// Standard Webhooks, as OpenAI, Replicate and others send them.
    StandardWebhooks = "standard_webhooks";
    /// Svix, as Clerk, Resend and others use it.
    Svix = "svix";
    /// Adyen.
    Adyen = "adyen";
    /// Asana.
    Asana = "asana";
    /// Bitbucket.
    Bitbucket = "bitbucket";
    /// Buildkite.
    Buildkite = "buildkite";
    /// Calendly.
    Calendly = "calendly";
    /// Chargebee, by user and password.
    Chargebee = "chargebee";
    /// CircleCI.
    CircleCi = "circleci";
    /// Discord.
    Discord = "discord";
    /// DocuSign Connect.
    DocuSign = "docusign";
    /// Dropbox.
    Dropbox = "dropbox";
    /// Forgejo.
    Forgejo = "forgejo";
    /// Gitea.
    Gitea = "gitea";
    /// GitHub.
    GitHub = "github";
    /// GitLab: signing tokens and secret tokens.
    GitLab = "gitlab";
    /// HubSpot, version 3.
    HubSpot = "hubspot";
    /// Intercom.
    Intercom = "intercom";
    /// Jira.
    Jira = "jira";
    /// LINE.
    Line = "line";
    /// Linear.
    Linear = "linear";
    /// Mailgun.
    Mailgun = "mailgun";
    /// Meta: Facebook, Instagram, WhatsApp.
    Meta = "meta";
    /// Paddle Billing.
    Paddle = "paddle";
    /// PagerDuty, version 3.
    PagerDuty = "pagerduty";
    /// PayPal, with a certificate that the owner gives.
    PayPal = "paypal";
    /// Postmark, by user and password.
    Postmark = "postmark";
    /// SendGrid's signed event webhook.
    SendGrid = "sendgrid";
    /// Sentry.
    Sentry = "sentry";
    /// Shopify.
    Shopify = "shopify";
    /// Slack.
    Slack = "slack";
    /// Square.
    Square = "square";
    /// Stripe.
    Stripe = "stripe";
    /// Telegram bots.
    Telegram = "telegram";
    /// Trello.
    Trello = "trello";
    /// Twilio.
    Twilio = "twilio";
    /// Twitch EventSub.
    Twitch = "twitch";
    /// Twitter, now X: the account activity API.
    Twitter = "twitter";
    /// Typeform.
    Typeform = "typeform";
    /// Vercel.
    Vercel = "vercel";
    /// Webflow.
    Webflow = "webflow";
    /// WooCommerce.
    WooCommerce = "woocommerce";
    /// Xero.
    Xero = "xero";
    /// Zoom.
    Zoom = "zoom";
}

/// No provider of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no provider is called {0:?}")]
pub struct UnknownProvider(pub String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        let name = text.to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|p| p.name() == name).ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
