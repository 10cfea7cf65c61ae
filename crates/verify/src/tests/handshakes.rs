//! Handshakes: what is answered, and what is not. Zoom's and Twitter's codes were made with
//! Python's `hmac` with the secret `a secret`.

use super::*;
use crate::handshake::{Answer, answer};

fn asked(provider: &str, method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let secret = if provider == "discord" { "00".repeat(32) } else { "a secret".to_owned() };
    let signature = Signature {
        provider: provider.into(),
        secrets: vec!["another".to_owned(), secret]
            .split_off(usize::from(provider == "discord" || provider == "twitter")),
        policy: SignaturePolicy::Reject,
        tolerance_seconds: 0,
        custom: None,
    };
    let header = |(name, value): &(&str, &str)| Header {
        name: name.as_bytes().to_vec().into(),
        value: value.as_bytes().to_vec().into(),
    };
    let request = Request {
        method: method.into(),
        query: (!query.is_empty()).then(|| query.as_bytes().to_vec().into()),
        headers: headers.iter().map(header).collect(),
        body: body.as_bytes().to_vec().into(),
        ..Request::default()
    };
    let verifier = Verifier::new(&signature).unwrap();
    // Zoom's is signed below; of the others only what follows from the verdict is looked at.
    let verdict = match provider {
        "zoom" => verifier.verify(&request, MADE.url, MADE.now()),
        _ if headers.contains(&("X-Wrong", "")) => Verdict::Failed(Reason::NoMatch),
        _ => Verdict::Verified,
    };
    answer(&verifier, &request, verdict, MADE.url, MADE.now())
}

fn body(answer: Option<Answer>) -> Option<String> {
    answer.map(|answer| String::from_utf8(answer.body.to_vec()).unwrap())
}

#[test]
fn challenges_in_a_query_are_answered_to_get_alone() {
    let meta = "hub.mode=subscribe&hub.challenge=11%3C5&hub.verify_token=a+secret";
    assert_eq!(body(asked("meta", "GET", meta, &[], "")).as_deref(), Some("11<5"));
    assert_eq!(asked("meta", "POST", meta, &[], ""), None);
    assert_eq!(asked("meta", "GET", &meta.replace("a+secret", "guess"), &[], ""), None);
    assert_eq!(asked("meta", "GET", &meta.replace("subscribe", "other"), &[], ""), None);

    let dropbox = asked("dropbox", "GET", "challenge=%3Cscript%3E", &[], "").unwrap();
    assert_eq!(&dropbox.body[..], b"<script>");
    assert!(dropbox.headers.contains(&("x-content-type-options", "nosniff".into())));
    assert_eq!(asked("dropbox", "POST", "challenge=x", &[], ""), None);

    let crc = body(asked("twitter", "GET", "crc_token=abc", &[], ""));
    assert_eq!(crc.as_deref(), Some(r#"{"response_token":"sha256=eLZZBtjt245+qFrAEVuGelzd2zB9LkIVyMNRWaW2AqU="}"#));
    for forged in ["%7B%22a%22%3A1%7D", &"a".repeat(129)] {
        assert_eq!(asked("twitter", "GET", &format!("crc_token={forged}"), &[], ""), None, "{forged}");
    }
}

#[test]
fn challenges_in_a_body_are_answered_if_they_verify() {
    let slack = r#"{"type":"url_verification","challenge":"abc"}"#;
    let twitch = [("Twitch-Eventsub-Message-Type", "webhook_callback_verification")];
    let notification = [("Twitch-Eventsub-Message-Type", "notification")];
    let wrong = [("X-Wrong", ""), twitch[0]];
    assert_eq!(body(asked("slack", "POST", "", &[], slack)).as_deref(), Some("abc"));
    assert_eq!(asked("slack", "POST", "", &wrong, slack), None);
    assert_eq!(asked("slack", "POST", "", &[], r#"{"type":"event_callback","challenge":"abc"}"#), None);
    assert_eq!(body(asked("twitch", "POST", "", &twitch, r#"{"challenge":"xyz"}"#)).as_deref(), Some("xyz"));
    assert_eq!(asked("twitch", "POST", "", &notification, r#"{"challenge":"xyz"}"#), None);
    assert_eq!(asked("twitch", "POST", "", &wrong, r#"{"challenge":"xyz"}"#), None);
    assert_eq!(body(asked("discord", "POST", "", &[], r#"{"type":1}"#)).as_deref(), Some(r#"{"type":1}"#));
    assert_eq!(asked("discord", "POST", "", &[], r#"{"type":2}"#), None);
    assert_eq!(asked("discord", "POST", "", &wrong, r#"{"type":1}"#), None);
}

#[test]
fn zooms_token_is_signed_with_the_secret_that_signed_the_request() {
    let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#;
    let headers = [
        ("x-zm-request-timestamp", "1700000000"),
        ("x-zm-signature", "v0=4cd2903c87ef3b9be9a83f1322b840e1e660116e96326bee446333e5fab9f8c2"),
    ];
    let expected =
        r#"{"encryptedToken":"78b65906d8eddb8e7ea85ac0115b867a5cdddb307d2e4215c8c35159a5b602a5","plainToken":"abc"}"#;
    assert_eq!(body(asked("zoom", "POST", "", &headers, ask)).as_deref(), Some(expected));
    assert_eq!(asked("zoom", "POST", "", &headers, &ask.replace("abc", "abd")), None);
}

#[test]
fn a_secret_is_echoed_and_a_head_request_answered() {
    let asana = asked("asana", "POST", "", &[("X-Hook-Secret", "new")], "").unwrap();
    assert_eq!(asana.headers, [("x-hook-secret", "new".to_owned())]);
    assert_eq!(asked("asana", "POST", "", &[], ""), None);
    assert_eq!(asked("trello", "HEAD", "", &[], ""), Some(Answer::default()));
    assert_eq!(asked("trello", "POST", "", &[], ""), None);
    assert_eq!(asked("github", "GET", "challenge=x", &[], ""), None);
}
