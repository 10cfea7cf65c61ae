//! Webhooks of providers that publish none that can be computed, and of schemes of a provider beside
//! the one that it publishes.

use super::{Case, MADE, PAYPAL, PAYPAL_OTHER, Signed, Source};

/// What made the signatures with public keys.
const CRYPTOGRAPHY: Source = Source::Derived("Python's package cryptography");

pub(super) const CASES: &[Case] = &[
    Case {
        provider: "stripe",
        secret: "whsec_text",
        wrong: "another secret",
        headers: &[(
            "Stripe-Signature",
            "t=1700000000,v1=0000000000000000000000000000000000000000000000000000000000000000,v1=56bd19156bcb90912446ce4a7c0fda6283e5196c07a954855aebcf4a505462b7,v0=ignored",
        )],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "discord",
        source: CRYPTOGRAPHY,
        secret: "2ac7ed3b9cc6ba83f99a1e50ae103a03e45c34724643bc56f6721b7c38683d5a",
        wrong: "c1c75b7e8749c23ec6c32584d4f9f65d5d34c80b8a618c24434145f9be0a98db",
        headers: &[
            ("X-Signature-Timestamp", "1700000000"),
            (
                "X-Signature-Ed25519",
                "c7d27ebf6f6a3ccf1a3d25de28e74b8e1f07d0cb7aff88d7c221bcc2941d342422c31a7a478239c66070aee6b8505c61f17fa358d10627056435858d4a692f06",
            ),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "gitlab",
        source: Source::Carried,
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Gitlab-Token", "a secret")],
        signed: Signed::Header,
        ..MADE
    },
    Case {
        provider: "gitlab",
        secret: "whsec_YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgb3Igc28=",
        wrong: "whsec_AAAA",
        headers: &[
            ("webhook-id", "u1"),
            ("webhook-timestamp", "1700000000"),
            ("webhook-signature", "v1,bSz7y54++aaTofO3HE2P1W1xN4vkJzfqRHq+pt1XhlU="),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "gitea",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Gitea-Signature", "bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "forgejo",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Forgejo-Signature", "bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "asana",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Hook-Signature", "bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "dropbox",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Dropbox-Signature", "bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "sentry",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("Sentry-Hook-Signature", "bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "shopify",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Shopify-Hmac-SHA256", "u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "woocommerce",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-WC-Webhook-Signature", "u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "xero",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("x-xero-signature", "u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "docusign",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-DocuSign-Signature-2", "u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "meta",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Hub-Signature-256", "sha256=bb6f513ffb5ba13e4a2241622acf5bb8f4b6f8b25755e13ec6b4ea44028d9f81")],
        ..MADE
    },
    Case {
        provider: "intercom",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Hub-Signature", "sha1=ce6240657c512e8bdf659ba159167022112ac78f")],
        ..MADE
    },
    Case {
        provider: "vercel",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("x-vercel-signature", "ce6240657c512e8bdf659ba159167022112ac78f")],
        ..MADE
    },
    Case {
        provider: "typeform",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("Typeform-Signature", "sha256=u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "twitter",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("x-twitter-webhooks-signature", "sha256=u29RP/tboT5KIkFiKs9buPS2+LJXVeE+xrTqRAKNn4E=")],
        ..MADE
    },
    Case {
        provider: "trello",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Trello-Webhook", "sF4V7+7UQ4+tzjM65I0tAuvW4Xc=")],
        ..MADE
    },
    Case {
        provider: "webflow",
        secret: "a secret",
        wrong: "another secret",
        headers: &[
            ("x-webflow-timestamp", "1700000000000"),
            ("x-webflow-signature", "3402319136ac9f223b93e5e27222b241243190377a24f70f2eb71b00920d2d1e"),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "zoom",
        secret: "a secret",
        wrong: "another secret",
        headers: &[
            ("x-zm-request-timestamp", "1700000000"),
            ("x-zm-signature", "v0=b18c5f39c644456a35d7676aefe9d464875c5f9ead9a82c85b8eeb9bf04cb5b5"),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "calendly",
        secret: "a secret",
        wrong: "another secret",
        headers: &[(
            "Calendly-Webhook-Signature",
            "t=1700000000,v1=0490b7d9304ef071446c22be140865221fbaad1095598138312d3f7b8927eb63",
        )],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "buildkite",
        secret: "a secret",
        wrong: "another secret",
        headers: &[(
            "X-Buildkite-Signature",
            "timestamp=1700000000,signature=0490b7d9304ef071446c22be140865221fbaad1095598138312d3f7b8927eb63",
        )],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "twitch",
        secret: "a secret",
        wrong: "another secret",
        headers: &[
            ("Twitch-Eventsub-Message-Id", "m1"),
            ("Twitch-Eventsub-Message-Timestamp", "2023-11-14T22:13:20.123456789Z"),
            (
                "Twitch-Eventsub-Message-Signature",
                "sha256=5deffcd1da4b412323f693537be206921ca225fc806f76361d19dd507ed31386",
            ),
        ],
        tolerance_seconds: Some(600),
        ..MADE
    },
    Case {
        provider: "linear",
        secret: "a secret",
        wrong: "another secret",
        headers: &[("Linear-Signature", "2a7860abad64b94392c6951a9f766dbe52e6f3c0b94bc21fcbdfb61b31ce698b")],
        body: r#"{"action":"create","webhookTimestamp":1700000000000}"#,
        tolerance_seconds: Some(60),
        ..MADE
    },
    Case {
        provider: "mailgun",
        secret: "a secret",
        wrong: "another secret",
        headers: &[],
        body: r#"{"signature":{"timestamp":"1700000000","token":"tok","signature":"435a9f5e7ac2178cd921acd6477bbd8770b19708ada53a4f44a18a6142addf3b"},"event-data":{}}"#,
        tolerance_seconds: Some(300),
        signed: Signed::Field("tok\""),
        ..MADE
    },
    Case {
        provider: "mailgun",
        secret: "a secret",
        wrong: "another secret",
        headers: &[],
        body: "recipient=a%40b.example&timestamp=1700000000&token=tok&signature=435a9f5e7ac2178cd921acd6477bbd8770b19708ada53a4f44a18a6142addf3b",
        tolerance_seconds: Some(300),
        signed: Signed::Field("tok&"),
        ..MADE
    },
    Case {
        provider: "telegram",
        source: Source::Carried,
        secret: "a secret",
        wrong: "another secret",
        headers: &[("X-Telegram-Bot-Api-Secret-Token", "a secret")],
        signed: Signed::Header,
        ..MADE
    },
    Case {
        provider: "postmark",
        source: Source::Carried,
        secret: "user:pass word",
        wrong: "user:other",
        headers: &[("Authorization", "Basic dXNlcjpwYXNzIHdvcmQ=")],
        signed: Signed::Header,
        ..MADE
    },
    Case {
        provider: "chargebee",
        source: Source::Carried,
        secret: "user:pass word",
        wrong: "user:other",
        headers: &[("Authorization", "Basic dXNlcjpwYXNzIHdvcmQ=")],
        signed: Signed::Header,
        ..MADE
    },
    Case {
        provider: "paypal",
        source: CRYPTOGRAPHY,
        secret: PAYPAL,
        wrong: PAYPAL_OTHER,
        beside: &["WH-1"],
        headers: &[
            ("PAYPAL-TRANSMISSION-ID", "tx1"),
            ("PAYPAL-TRANSMISSION-TIME", "2023-11-14T22:13:20Z"),
            ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
            (
                "PAYPAL-TRANSMISSION-SIG",
                "aShI8oRtqNdRGWiZeRHMYC0Y9HbErnl6+1wMo7US26IaXhqNHNr6noutneQ12YFHPE4qudAy8bbuUfwLLnTUnOs5IC3gld3ROk+QtYIFPFnf8ks4jaLZwIH1kU11redbTFXCUYUxoOCPzAhs8oeMK3DWi0RbPixlWsloKPflbBexoPM17SXU45IizFQ2OhMQOpruNTKav/j5ASfFSDjeL8htT6VaEUaeAVw3d820KPIuyp6c6pHj6Z7X0ghLRwybLh+ubX6z8tf3eQ4lhSdWUAgxAPwdLDWK1zCQ2SMMxGJEDEiAYGjyQPXb9P3UZd6bq6xtRmytZix53WH3La00CQ==",
            ),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "hmac",
        secret: "a secret",
        wrong: "another secret",
        headers: &[
            ("X-Time", "1700000000"),
            ("X-Id", "7"),
            ("X-Sig", "sig 3Ja+RnCP6T8XqejuOX6KnXSYN8/Wf10nFyN9ISLUrrUBTCVTmyU7jW0oGhB4smvyrB4qLGqETBypLE+tkSRqmg=="),
        ],
        tolerance_seconds: Some(300),
        ..MADE
    },
];
