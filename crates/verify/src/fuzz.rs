//! Fuzz targets: what is read here of outsiders' bytes.

use model::UnixMs;
use model::record::{Signature, SignaturePolicy};
use model::request::{Header, Request};

use crate::{Head, Provider, Verifier, handshake};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("signature", signature), ("signature_settings", signature_settings)];

/// Header lines up to an empty one, then a body: what every provider makes of it.
fn signature(input: &[u8]) {
    let end = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let body = input.get(end + 2..).unwrap_or_default();
    let line = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = line[at + 1..].trim_ascii().to_vec().into();
        Some(Header { name: line[..at].to_vec().into(), value })
    };
    let headers: Vec<Header> = input[..end].split(|byte| *byte == b'\n').filter_map(line).collect();
    let request = Request {
        method: "POST".into(),
        headers,
        body: body.to_vec().into(),
        body_bytes: body.len() as u64,
        has_body: true,
        ..Request::default()
    };
    for provider in Provider::ALL {
        let settings = Signature {
            provider: provider.name().to_owned(),
            secrets: vec!["whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0".to_owned()],
            policy: SignaturePolicy::default(),
            tolerance_seconds: 0,
            custom: None,
        };
        let Ok(verifier) = Verifier::new(&settings) else { continue };
        let (url, now) = ("https://example.org/hook?a=b", UnixMs(1_700_000_000_000));
        let verdict = verifier.verify(&request, url, now);
        let mut watch = verifier.watch(&Head { request: &request, url, now });
        body.chunks(3).for_each(|piece| watch.update(piece));
        assert_eq!(watch.finish(), verdict, "in pieces or as a whole");
        handshake::answer(&verifier, &request, verdict, url, now);
    }
}

fn signature_settings(input: &[u8]) {
    if let Ok(settings) = serde_json::from_slice::<Signature>(input) {
        let _ = Verifier::new(&settings).map(drop);
    }
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
