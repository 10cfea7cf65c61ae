//! Webhooks as providers publish them, in the pages or tests that `source` names.

use super::{Case, MADE, PAYPAL_OTHER, PAYPAL_SANDBOX, Signed, Source};

pub(super) const PUBLISHED: &[Case] = &[
    Case {
        provider: "github",
        source: Source::Published(r#"GitHub Docs, "Validating webhook deliveries""#),
        secret: "It's a Secret to Everybody",
        wrong: "another secret",
        headers: &[("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        body: "Hello, World!",
        ..MADE
    },
    Case {
        provider: "slack",
        source: Source::Published(r#"Slack API, "Verifying requests from Slack""#),
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
        source: Source::Published(r#"Twilio Docs, "Security": validating requests"#),
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
        source: Source::Published("tests of Twilio's helper libraries"),
        secret: "12345",
        wrong: "another secret",
        headers: &[("Content-Type", "application/json"), ("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=")],
        url: "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        body: r#"{"property": "value", "boolean": true}"#,
        ..MADE
    },
    Case {
        provider: "standard_webhooks",
        source: Source::Published("tests of the Standard Webhooks libraries"),
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
        source: Source::Published(r#"Svix Docs, "How to verify webhooks manually""#),
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
        source: Source::Published("tests of SendGrid's libraries"),
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
        source: Source::Published(r#"Square Developer, "Verify and Validate an Event Notification""#),
        secret: "asdf1234",
        wrong: "another secret",
        headers: &[("x-square-hmacsha256-signature", "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=")],
        url: "https://example.com/webhook",
        body: r#"{"hello":"world"}"#,
        ..MADE
    },
    Case {
        provider: "circleci",
        source: Source::Published(r#"CircleCI Docs, "Webhooks""#),
        secret: "secret",
        wrong: "another secret",
        headers: &[("circleci-signature", "v1=734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a")],
        body: "hello world",
        ..MADE
    },
    Case {
        provider: "adyen",
        source: Source::Published("tests of Adyen's libraries"),
        secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        wrong: "00",
        headers: &[],
        body: r#"{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},"amount":{"currency":"EUR","value":1130},"pspReference":"7914073381342284","merchantReference":"TestPayment-1407325143704","merchantAccountCode":"TestMerchant","eventCode":"AUTHORISATION","success":"true"}}]}"#,
        signed: Signed::Field("TestMerchant"),
        ..MADE
    },
    Case {
        provider: "standard_webhooks",
        source: Source::Published("tests of Svix's server"),
        secret: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        wrong: "whpk_wcdbfodJwj7GwyWE1Pn2XV00yAuKYYwkQ0FF+b4KmNs=",
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
        ],
        body: r#"{"test": 2432232314}"#,
        now_seconds: 1614265330,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "svix",
        source: Source::Published("tests of Svix's server"),
        secret: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        wrong: "whpk_wcdbfodJwj7GwyWE1Pn2XV00yAuKYYwkQ0FF+b4KmNs=",
        headers: &[
            ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("svix-timestamp", "1614265330"),
            (
                "svix-signature",
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
        ],
        body: r#"{"test": 2432232314}"#,
        now_seconds: 1614265330,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "bitbucket",
        source: Source::Published(r#"Bitbucket Cloud, "Manage webhooks""#),
        secret: "It's a Secret to Everybody",
        wrong: "another secret",
        headers: &[("X-Hub-Signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9")],
        body: "Hello World!",
        ..MADE
    },
    Case {
        provider: "jira",
        source: Source::Published(r#"Jira Software Cloud, "Webhooks""#),
        secret: "It's a Secret to Everybody",
        wrong: "another secret",
        headers: &[("X-Hub-Signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9")],
        body: "Hello World!",
        ..MADE
    },
    Case {
        provider: "hubspot",
        source: Source::Published(r#"HubSpot Developers, "Validating requests", version 3"#),
        secret: "cfc68c0b-4b4e-4ef8-b764-95350e4ea479",
        wrong: "another secret",
        headers: &[
            ("X-HubSpot-Request-Timestamp", "1752613922216"),
            ("X-HubSpot-Signature-v3", "gbj1XPRvUt0noT7i7fXfTzOD4sLzQmf0VT28ZYq0EYg="),
        ],
        url: "https://webhook.site/335453f5-94b3-49d9-b684-a55354d4b8df",
        body: r#"[{"eventId":531833541,"subscriptionId":3923621,"portalId":48807704,"appId":16111050,"occurredAt":1752613920733,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":138017612137,"changeFlag":"CREATED","changeSource":"CRM_UI","sourceId":"userId:76023669"}]"#,
        now_seconds: 1752613922,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "line",
        source: Source::Published("tests of LINE's Python library"),
        secret: "channel_secret",
        wrong: "another secret",
        headers: &[("x-line-signature", "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k=")],
        body: "bodybodybodybody",
        ..MADE
    },
    Case {
        provider: "paddle",
        source: Source::Published("example of Paddle's Go library"),
        secret: "pdl_ntfset_01hsdn8d43dt7mezr1ef2jtbaw_hKkRiCGyyRhbFwIUuqiTBgI7gnWoV0Gr",
        wrong: "another secret",
        headers: &[(
            "Paddle-Signature",
            "ts=1710929255;h1=6c05ef8fa83c44d751be6d259ec955ce5638e2c54095bf128e408e2fce1589c8",
        )],
        body: r#"{"data":{"id":"pri_01hsdn96k2hxjzsq5yerecdj9j","name":null,"status":"active","quantity":{"maximum":999999,"minimum":1},"tax_mode":"account_setting","product_id":"pro_01hsdn8qp7yydry3x1yeg6a9rv","unit_price":{"amount":"1000","currency_code":"USD"},"custom_data":null,"description":"testing","import_meta":null,"trial_period":null,"billing_cycle":{"interval":"month","frequency":1},"unit_price_overrides":[]},"event_id":"evt_01hsdn97563968dy0szkmgjwh3","event_type":"price.created","occurred_at":"2024-03-20T10:07:35.590857Z","notification_id":"ntf_01hsdn977e920kbgzt6r6c9rqc"}"#,
        now_seconds: 1710929255,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "paddle",
        source: Source::Published("tests of Paddle's Python library"),
        secret: "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh",
        wrong: "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_vB/yIOnTOCWIvpBadM5jzBZPHc7OmdSo",
        headers: &[(
            "Paddle-Signature",
            "ts=1696195954;h1=dummy;h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02",
        )],
        body: "hello-world",
        now_seconds: 1696195954,
        tolerance_seconds: Some(300),
        ..MADE
    },
    Case {
        provider: "pagerduty",
        source: Source::Published("tests of PagerDuty's Go library"),
        secret: "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
        wrong: "another secret",
        headers: &[("X-PagerDuty-Signature", "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd")],
        body: r#"{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}"#,
        ..MADE
    },
    Case {
        provider: "paypal",
        source: Source::Published("samples of PayPal's libraries, with the certificate that its sandbox had"),
        secret: PAYPAL_SANDBOX,
        wrong: PAYPAL_OTHER,
        beside: &["4JH86294D6297924G"],
        headers: &[
            ("PAYPAL-TRANSMISSION-ID", "dfb3be50-fd74-11e4-8bf3-77339302725b"),
            ("PAYPAL-TRANSMISSION-TIME", "2015-05-18T15:45:13Z"),
            ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
            (
                "PAYPAL-TRANSMISSION-SIG",
                "thy4/U002quzxFavHPwbfJGcc46E8rc5jzgyeafWm5mICTBdY/8rl7WJpn8JA0GKA+oDTPsSruqusw+XXg5RLAP7ip53Euh9Xu3UbUhQFX7UgwzE2FeYoY6lyRMiiiQLzy9BvHfIzNIVhPad4KnC339dr6y2l+mN8ALgI4GCdIh3/SoJO5wE64Bh/ueWtt8EVuvsvXfda2Le5a2TrOI9vLEzsm9GS79hAR/5oLexNz8UiZr045Mr5ObroH4w4oNfmkTaDk9Rj0G19uvISs5QzgmBpauKr7Nw++JI0pr/v5mFctQkoWJSGfBGzPRXawrvIIVHQ9Wer48GR2g9ZiApWg==",
            ),
        ],
        body: r#"{"id":"WH-0G2756385H040842W-5Y612302CV158622M","create_time":"2015-05-18T15:45:13Z","resource_type":"sale","event_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource":{"id":"4EU7004268015634R","create_time":"2015-05-18T15:44:02Z","update_time":"2015-05-18T15:44:21Z","amount":{"total":"20.00","currency":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","protection_eligibility":"ELIGIBLE","protection_eligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE","parent_payment":"PAY-86C81811X5228590KKVNARQQ","transaction_fee":{"value":"0.88","currency":"USD"},"links":[{"href":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R/refund","rel":"refund","method":"POST"},{"href":"https://api.sandbox.paypal.com/v1/payments/payment/PAY-86C81811X5228590KKVNARQQ","rel":"parent_payment","method":"GET"}]},"links":[{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M/resend","rel":"resend","method":"POST"}]}"#,
        now_seconds: 1431963913,
        tolerance_seconds: Some(300),
        ..MADE
    },
];
