//! Every provider against one webhook of its own, and what is wrong with webhooks of its kind.

mod published;

mod made;

mod coverage;

mod handshakes;

mod configuration;

use model::UnixMs;
use model::record::{CustomSignature, Signature, SignaturePolicy};
use model::request::{Header, Request};

use crate::sign::Signer;
use crate::{Head, Provider, Reason, Verdict, Verifier, WHOLE_BYTES_MAX};

/// PayPal's two secrets are the webhook's id and a certificate: one made here, one that PayPal's
/// sandbox had, and one that signed nothing.
const PAYPAL: &str = include_str!("../testdata/paypal.pem");
const PAYPAL_SANDBOX: &str = include_str!("../testdata/paypal-sandbox.pem");
const PAYPAL_OTHER: &str = include_str!("../testdata/paypal-other.pem");

/// A webhook that verifies.
struct Case {
    provider: &'static str,
    source: Source,
    secret: &'static str,
    /// A secret in the right form that did not sign it.
    wrong: &'static str,
    /// Secrets of another form that go along with each.
    beside: &'static [&'static str],
    headers: &'static [(&'static str, &'static str)],
    url: &'static str,
    body: &'static str,
    now_seconds: u64,
    /// How old it may be, if its time is signed.
    tolerance_seconds: Option<u64>,
    signed: Signed,
}

/// Whose a vector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The provider's: the page or the test of its own in which it stands.
    Published(&'static str),
    /// Made from the provider's description with another implementation, which is named.
    Derived(&'static str),
    /// Nothing is computed: the webhook carries the secret itself.
    Carried,
}

/// Where a changed byte must be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    /// In the body, anywhere.
    Body,
    /// In the body, at this text: only some of its fields are signed.
    Field(&'static str),
    /// In the last header: the body is not signed.
    Header,
}

/// What the webhooks that were made have in common.
const MADE: Case = Case {
    provider: "",
    source: Source::Derived("Python's hmac"),
    secret: "",
    wrong: "",
    beside: &[],
    headers: &[],
    url: "https://relay.example/v1/webhooks/x?a=b",
    body: r#"{"id":"evt_1","type":"test","n":1}"#,
    now_seconds: 1_700_000_000,
    tolerance_seconds: None,
    signed: Signed::Body,
};

impl Case {
    fn signature(&self, secrets: &[&str]) -> Signature {
        let secrets = secrets.iter().chain(self.beside).map(|secret| (*secret).to_owned()).collect();
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

    /// The request with one bit of what is signed turned over.
    fn changed(&self) -> Request {
        let mut request = self.request();
        let turn = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            bytes.into()
        };
        match self.signed {
            Signed::Body => request.body = turn(&request.body, self.body.len() - 2),
            Signed::Field(text) => request.body = turn(&request.body, self.body.find(text).unwrap()),
            Signed::Header => {
                let header = request.headers.last_mut().unwrap();
                header.value = turn(&header.value, header.value.len() / 2);
            }
        }
        request
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
    for case in cases() {
        let verdict = case.verify(&[case.secret], &case.changed(), case.now());
        assert_eq!(verdict, Verdict::Failed(Reason::NoMatch), "{}", case.provider);
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
    let mut signer = Signer::new(case.secret, "event-1", case.now()).unwrap();
    request.body.chunks(3).for_each(|piece| signer.update(piece));
    request.headers =
        signer.finish().map(|(name, value)| Header { name: name.into(), value: value.into() }).into_iter().collect();
    assert_eq!(case.verify(&[case.secret], &request, case.now()), Verdict::Verified);
    assert!(Signer::new("whpk_AAAA", "event-1", case.now()).is_err());
}
