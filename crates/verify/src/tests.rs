//! Every provider against one webhook of its own, and what is wrong with webhooks of its kind.

mod published;

mod made;

mod handshakes;

mod configuration;

use model::UnixMs;
use model::record::{CustomSignature, Signature, SignaturePolicy};
use model::request::{Header, Request};

use crate::{Head, Provider, Reason, Verdict, Verifier, WHOLE_BYTES_MAX};

/// PayPal's two secrets are the webhook's id and a certificate.
const PAYPAL: &str = include_str!("../testdata/paypal.pem");
const PAYPAL_OTHER: &str = include_str!("../testdata/paypal-other.pem");

/// A webhook that verifies.
struct Case {
    provider: &'static str,
    /// Whose the vector is.
    source: &'static str,
    secret: &'static str,
    /// A secret in the right form that did not sign it.
    wrong: &'static str,
    headers: &'static [(&'static str, &'static str)],
    url: &'static str,
    body: &'static str,
    now_seconds: u64,
    /// How old it may be, if its time is signed.
    tolerance_seconds: Option<u64>,
    body_is_signed: bool,
}

/// What the webhooks that were made have in common.
const MADE: Case = Case {
    provider: "",
    source: "made",
    secret: "",
    wrong: "",
    headers: &[],
    url: "https://relay.example/v1/webhooks/x?a=b",
    body: r#"{"id":"evt_1","type":"test","n":1}"#,
    now_seconds: 1_700_000_000,
    tolerance_seconds: None,
    body_is_signed: true,
};

impl Case {
    fn signature(&self, secrets: &[&str]) -> Signature {
        let mut secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        if self.provider == "paypal" {
            secrets.push("WH-1".into());
        }
        let custom = CustomSignature {
            algorithm: "sha512".into(),
            header: "X-Sig".into(),
            encoding: "base64".into(),
            prefix: "sig ".into(),
            template: "{header:X-Id}|{timestamp}|{body}|{method}".into(),
            timestamp_header: "X-Time".into(),
        };
        Signature {
            provider: self.provider.into(),
            secrets,
            policy: SignaturePolicy::Reject,
            tolerance_seconds: 0,
            custom: (self.provider == "hmac").then_some(custom),
        }
    }

    fn request(&self) -> Request {
        let header = |(name, value): &(&'static str, &'static str)| Header {
            name: name.as_bytes().into(),
            value: value.as_bytes().into(),
        };
        Request {
            method: "POST".into(),
            headers: self.headers.iter().map(header).collect(),
            body: self.body.as_bytes().into(),
            ..Request::default()
        }
    }

    fn now(&self) -> UnixMs {
        UnixMs(self.now_seconds * 1000)
    }

    fn verify(&self, secrets: &[&str], request: &Request, now: UnixMs) -> Verdict {
        let signature = self.signature(secrets);
        let verifier = Verifier::new(&signature).unwrap_or_else(|err| panic!("{}: {err}", self.provider));
        verifier.verify(request, self.url, now)
    }

    /// The names of the headers that matter, without those that only say what the body is.
    fn needed_headers(&self) -> impl Iterator<Item = &'static str> {
        self.headers.iter().map(|(name, _)| *name).filter(|name| *name != "Content-Type")
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    published::PUBLISHED.iter().chain(made::CASES)
}

#[test]
fn every_provider_has_a_case() {
    for provider in Provider::ALL {
        assert!(cases().any(|case| case.provider == provider.name()), "{provider}");
        assert_eq!(provider.name().parse(), Ok(*provider));
    }
    assert!(published::PUBLISHED.iter().all(|case| case.source != MADE.source));
}

#[test]
fn the_right_secret_verifies_alone_and_among_others() {
    for case in cases() {
        let verify = |secrets: &[&str]| case.verify(secrets, &case.request(), case.now());
        let name = case.provider;
        assert_eq!(verify(&[case.secret]), Verdict::Verified, "{name}");
        assert_eq!(verify(&[case.wrong, case.secret]), Verdict::Verified, "{name}: rotated");
        assert_eq!(verify(&[case.secret, case.wrong]), Verdict::Verified, "{name}: rotated");
        assert_eq!(verify(&[case.wrong]), Verdict::Failed(Reason::NoMatch), "{name}: wrong secret");
    }
}

#[test]
fn a_changed_byte_does_not_verify() {
    for case in cases().filter(|case| case.body_is_signed) {
        let mut request = case.request();
        // Anywhere, but where the change leaves the signed fields of a signature in the body alone.
        let at = case.body.find("TestMerchant").or_else(|| case.body.find("1130")).unwrap_or(case.body.len() - 2);
        let mut body = case.body.as_bytes().to_vec();
        body[at] ^= 1;
        request.body = body.into();
        assert_eq!(
            case.verify(&[case.secret], &request, case.now()),
            Verdict::Failed(Reason::NoMatch),
            "{}",
            case.provider
        );
    }
}

#[test]
fn a_stale_time_does_not_verify() {
    for case in cases() {
        let at = |seconds: u64| case.verify(&[case.secret], &case.request(), UnixMs(seconds * 1000));
        let name = case.provider;
        let Some(tolerance) = case.tolerance_seconds else {
            assert_eq!(at(case.now_seconds + 1_000_000), Verdict::Verified, "{name}: has no time");
            continue;
        };
        assert_eq!(at(case.now_seconds + tolerance), Verdict::Verified, "{name}");
        assert_eq!(at(case.now_seconds + tolerance + 2), Verdict::Failed(Reason::TooOld), "{name}");
        assert_eq!(at(case.now_seconds - tolerance - 2), Verdict::Failed(Reason::FromTheFuture), "{name}");

        let mut signature = case.signature(&[case.secret]);
        signature.tolerance_seconds = 5000;
        let later = UnixMs((case.now_seconds + 5000) * 1000);
        let verdict = Verifier::new(&signature).unwrap().verify(&case.request(), case.url, later);
        assert_eq!(verdict, Verdict::Verified, "{name}: the owner is more patient");
    }
}

#[test]
fn every_header_must_be_there_once() {
    for case in cases() {
        for name in case.needed_headers() {
            let mut without = case.request();
            without.headers.retain(|header| !header.is(name));
            let verdict = case.verify(&[case.secret], &without, case.now());
            assert_eq!(verdict, Verdict::Failed(Reason::MissingHeader), "{}: {name}", case.provider);

            let mut twice = case.request();
            let again = twice.headers.iter().find(|header| header.is(name)).unwrap().clone();
            twice.headers.push(again);
            let verdict = case.verify(&[case.secret], &twice, case.now());
            assert_eq!(verdict, Verdict::Failed(Reason::RepeatedHeader), "{}: {name}", case.provider);
        }
    }
}

#[test]
fn what_is_no_signature_is_said_to_be_none() {
    for case in cases() {
        for name in case.needed_headers() {
            let mut request = case.request();
            let header = request.headers.iter_mut().find(|header| header.is(name)).unwrap();
            header.value = "~".into();
            let verdict = case.verify(&[case.secret], &request, case.now());
            assert!(verdict.is_failed(), "{}: {name}", case.provider);
            assert_ne!(verdict, Verdict::Failed(Reason::MissingHeader), "{}: {name}", case.provider);
        }
    }
}

#[test]
fn a_body_may_come_in_any_pieces() {
    for case in cases() {
        let signature = case.signature(&[case.secret]);
        let verifier = Verifier::new(&signature).unwrap();
        let request = case.request();
        for size in [1, 7, 1000] {
            let mut watch = verifier.watch(&Head { request: &request, url: case.url, now: case.now() });
            case.body.as_bytes().chunks(size).for_each(|piece| watch.update(piece));
            assert_eq!(watch.finish(), Verdict::Verified, "{}: {size}", case.provider);
        }
    }
}

#[test]
fn a_body_that_is_needed_whole_may_be_so_large_and_no_larger() {
    let case = cases().find(|case| case.provider == "discord").unwrap();
    let verdict = |bytes: usize| {
        let signature = case.signature(&[case.secret]);
        let verifier = Verifier::new(&signature).unwrap();
        let request = case.request();
        let mut watch = verifier.watch(&Head { request: &request, url: case.url, now: case.now() });
        watch.update(&vec![b'x'; bytes - 1]);
        watch.update(b"x");
        watch.finish()
    };
    assert_eq!(verdict(WHOLE_BYTES_MAX), Verdict::Failed(Reason::NoMatch));
    assert_eq!(verdict(WHOLE_BYTES_MAX + 1), Verdict::Failed(Reason::BodyTooLarge));
}

#[test]
fn what_we_sign_verifies() {
    let case = cases().find(|case| case.provider == "standard_webhooks").unwrap();
    let mut request = case.request();
    let lines = crate::sign::standard_webhooks(case.secret, "event-1", case.now(), &request.body).unwrap();
    request.headers =
        lines.map(|(name, value)| Header { name: name.into(), value: value.into() }).into_iter().collect();
    assert_eq!(case.verify(&[case.secret], &request, case.now()), Verdict::Verified);
    assert!(crate::sign::standard_webhooks("whpk_AAAA", "event-1", case.now(), b"").is_err());
}
