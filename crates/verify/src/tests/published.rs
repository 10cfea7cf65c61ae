//! Webhooks as providers publish them, in the pages or tests that `source` names.

use super::{Case, MADE};

pub(super) const PUBLISHED: &[Case] = &[
    Case {
        provider: "github",
        source: r#"GitHub Docs, "Validating webhook deliveries""#,
        secret: "It's a Secret to Everybody",
        wrong: "another secret",
        headers: &[("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        body: "Hello, World!",
        ..MADE
    },
    Case {
        provider: "slack",
        source: r#"Slack API, "Verifying requests from Slack""#,
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        wrong: "another secret",
        headers: &[
            ("X-Slack-Request-Timestamp", "1531420618"),
            ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ],
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        now_seconds: 1531420618,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "twilio",
        source: r#"Twilio Docs, "Webhooks Security""#,
        secret: "12345",
        wrong: "another secret",
        headers: &[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
        ],
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        body: "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212",
        ..MADE
    },
    Case {
        provider: "twilio",
        source: "tests of Twilio's helper libraries",
        secret: "12345",
        wrong: "another secret",
        headers: &[("Content-Type", "application/json"), ("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=")],
        url: "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        body: r#"{"property": "value", "boolean": true}"#,
        ..MADE
    },
    Case {
        provider: "standard_webhooks",
        source: "tests of the Standard Webhooks libraries",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        wrong: "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        body: r#"{"test": 2432232314}"#,
        now_seconds: 1614265330,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "svix",
        source: r#"Svix Docs, "How to verify webhooks manually""#,
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        wrong: "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[
            ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("svix-timestamp", "1614265330"),
            ("svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        body: r#"{"test": 2432232314}"#,
        now_seconds: 1614265330,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "sendgrid",
        source: "tests of SendGrid's libraries",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
        wrong: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7cUz5Bujb948vTRVp5z2DkDCv8SiTKzzzSRrrxIZKrOwVyaB0NPQNYuXZiv2/dCTMR2w5OMPDrlIQTMu0NM/bw==",
        headers: &[
            (
                "X-Twilio-Email-Event-Webhook-Signature",
                "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
            ),
            ("X-Twilio-Email-Event-Webhook-Timestamp", "1600112502"),
        ],
        body: "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n",
        now_seconds: 1600112502,
        ..MADE
    },
    Case {
        provider: "square",
        source: r#"Square Developer, "Verify and Validate an Event Notification""#,
        secret: "asdf1234",
        wrong: "another secret",
        headers: &[("x-square-hmacsha256-signature", "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=")],
        url: "https://example.com/webhook",
        body: r#"{"hello":"world"}"#,
        ..MADE
    },
    Case {
        provider: "circleci",
        source: r#"CircleCI Docs, "Webhooks""#,
        secret: "secret",
        wrong: "another secret",
        headers: &[("circleci-signature", "v1=734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a")],
        body: "hello world",
        ..MADE
    },
    Case {
        provider: "adyen",
        source: "tests of Adyen's libraries",
        secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        wrong: "00",
        headers: &[],
        body: r#"{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},"amount":{"currency":"EUR","value":1130},"pspReference":"7914073381342284","merchantReference":"TestPayment-1407325143704","merchantAccountCode":"TestMerchant","eventCode":"AUTHORISATION","success":"true"}}]}"#,
        ..MADE
    },
];
