//! What cannot be configured, and what is said about it.

use super::*;
use crate::{InvalidSignature, SECRETS_MAX};

fn signature(provider: &str, secrets: &[&str]) -> Signature {
    Signature { provider: provider.to_owned(), ..MADE.signature(secrets) }
}

fn error(signature: &Signature) -> String {
    Verifier::new(signature).err().map(|err| err.to_string()).unwrap_or_default()
}

#[test]
fn secrets_must_have_their_providers_form() {
    for (provider, secret, text) in [
        ("acme", "x", "no provider is called \"acme\""),
        ("github", " ", "secret 1 is empty"),
        ("standard_webhooks", "no base64!", "secret 1 must begin with whsec_ or whpk_, as the provider shows it"),
        ("standard_webhooks", "whpk_AAAA", "secret 1 must begin with whsec_ or whpk_, as the provider shows it"),
        ("gitlab", "whsec_!", "secret 1 must be base64, as the provider shows it"),
        ("adyen", "xyz", "secret 1 must be hexadecimal, as the provider shows it"),
        ("discord", "00", "secret 1 must be the provider's public key (64 hexadecimal digits)"),
        ("sendgrid", "AAAA", "secret 1 must be the provider's public key (base64, ECDSA on P-256)"),
        ("postmark", "user", "secret 1 must be user:password"),
        (
            "paypal",
            "WH-1",
            "paypal needs two secrets: the webhook's id, and PayPal's certificate in PEM, which is not fetched",
        ),
        (
            "paypal",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "secret 1 must be a certificate in PEM",
        ),
    ] {
        assert_eq!(error(&signature(provider, &[secret])), text, "{provider}");
    }
}

#[test]
fn there_may_be_so_many_secrets_and_no_more() {
    assert_eq!(error(&signature("github", &["x"; SECRETS_MAX])), "");
    assert_eq!(error(&signature("github", &["x"; SECRETS_MAX + 1])), InvalidSignature::TooManySecrets.to_string());
    assert_eq!(error(&signature("github", &[])), "has no secret");
}

#[test]
fn asana_is_configured_before_its_secret_is_known_and_verifies_nothing_then() {
    let asana = signature("asana", &[]);
    let verdict = Verifier::new(&asana).unwrap().verify(&MADE.request(), MADE.url, MADE.now());
    assert_eq!(verdict, Verdict::Failed(Reason::Unusable));
}

#[test]
fn names_may_be_written_with_dashes_and_capitals() {
    assert_eq!("Standard-Webhooks".parse(), Ok(Provider::StandardWebhooks));
}

#[test]
fn a_described_scheme_must_be_one() {
    let hmac = Case { provider: "hmac", ..MADE }.signature(&["x"]);
    assert_eq!(error(&hmac), "");
    assert_eq!(error(&Signature { custom: None, ..hmac.clone() }), InvalidSignature::Custom.to_string());
    assert_eq!(error(&Signature { provider: "github".into(), ..hmac.clone() }), InvalidSignature::Custom.to_string());
    let custom = hmac.custom.clone().unwrap();
    let plain = CustomSignature { template: String::new(), timestamp_header: String::new(), ..custom.clone() };
    for (custom, text) in [
        (plain.clone(), ""),
        (
            CustomSignature { algorithm: "md5".into(), ..plain.clone() },
            "algorithm is sha1, sha256 or sha512, not \"md5\"",
        ),
        (CustomSignature { encoding: "base32".into(), ..plain.clone() }, "encoding is hex or base64, not \"base32\""),
        (CustomSignature { header: String::new(), ..plain.clone() }, "\"\" is no name of a header"),
        (CustomSignature { header: "X Sig".into(), ..plain.clone() }, "\"X Sig\" is no name of a header"),
        (
            CustomSignature { template: "{x}".into(), ..plain.clone() },
            "in a template stand {time}, {body}, {url}, {method} and {header:NAME}, not \"{x}\"",
        ),
        (CustomSignature { template: "x".into(), ..plain.clone() }, "a template has {body} in it once"),
        (
            CustomSignature { timestamp_header: "X-T".into(), ..plain },
            "a signed time needs both {time} in the template and timestamp_header",
        ),
        (
            CustomSignature { timestamp_header: String::new(), ..custom },
            "a signed time needs both {time} in the template and timestamp_header",
        ),
    ] {
        assert_eq!(error(&Signature { custom: Some(custom), ..hmac.clone() }), text);
    }
}

#[test]
fn so_many_signatures_of_a_header_are_looked_at_and_no_more() {
    let case = cases().find(|case| case.provider == "circleci").unwrap();
    let right = case.headers[0].1;
    let verify = |others: usize| {
        let mut request = case.request();
        request.headers[0].value = format!("{}{right}", "v1=00,".repeat(others)).into();
        case.verify(&[case.secret], &request, case.now())
    };
    assert_eq!(verify(crate::row::SIGNATURES_MAX - 1), Verdict::Verified);
    assert_eq!(verify(crate::row::SIGNATURES_MAX), Verdict::Failed(Reason::NoMatch));
}
