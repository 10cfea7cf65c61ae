//! A session token is believed as long, and for what, it was signed.

use pasetors::footer::Footer as PasetoFooter;

use super::*;

const NOW: u64 = 1_800_000_000;

fn claims() -> Claims {
    Claims {
        id: Uuid::from_u128(1),
        account: AccountId(Uuid::from_u128(2)),
        token: TokenId(Uuid::from_u128(3)),
        generation: 4,
        audience: Audience::Dispatcher,
        issued_at: NOW,
        expires_at: NOW + 600,
    }
}

fn signer() -> Signer {
    Signer::generate().unwrap()
}

fn check(token: &str, signer: &Signer, now: u64) -> Result<Claims, SessionError> {
    verify(token, &[signer.public_key()], Audience::Dispatcher, now)
}

#[test]
fn verifies_what_it_signed() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    assert!(token.starts_with("v4.public."));
    assert_eq!(check(&token, &signer, NOW), Ok(claims()));
}

#[test]
fn finds_the_key_among_several() {
    let (old, new) = (signer(), signer());
    let token = old.sign(&claims()).unwrap();
    let keys = [new.public_key(), old.public_key()];
    assert_eq!(verify(&token, &keys, Audience::Dispatcher, NOW), Ok(claims()));
}

#[test]
fn names_an_unknown_signer() {
    let (known, unknown) = (signer(), signer());
    let token = unknown.sign(&claims()).unwrap();
    let error = SessionError::UnknownSigner(unknown.id());
    assert_eq!(check(&token, &known, NOW), Err(error.clone()));
    assert_eq!(verify(&token, &[], Audience::Dispatcher, NOW), Err(error));
}

#[test]
fn ends_at_its_last_second_without_leeway() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    assert_eq!(check(&token, &signer, NOW + 599), Ok(claims()));
    assert_eq!(check(&token, &signer, NOW + 600), Err(SessionError::Expired));
    assert_eq!(check(&token, &signer, u64::MAX), Err(SessionError::Expired));
}

#[test]
fn bears_a_signer_whose_clock_is_ahead_by_the_leeway_and_no_more() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    assert_eq!(check(&token, &signer, NOW - LEEWAY_SECONDS), Ok(claims()));
    assert_eq!(check(&token, &signer, NOW - LEEWAY_SECONDS - 1), Err(SessionError::SignedInFuture));
}

#[test]
fn refuses_another_audience() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    let result = verify(&token, &[signer.public_key()], Audience::Api, NOW);
    assert_eq!(result, Err(SessionError::WrongAudience));
}

#[test]
fn refuses_every_changed_character() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    for position in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        match check(&changed, &signer, NOW) {
            // The key id itself was changed.
            Err(SessionError::Refused | SessionError::UnknownSigner(_)) => {}
            other => panic!("position {position}: {other:?}"),
        }
    }
}

#[test]
fn refuses_a_signature_by_another_key_under_this_kid() {
    let (good, bad) = (signer(), signer());
    let footer = serde_json::to_vec(&Footer { kid: good.id() }).unwrap();
    let payload = serde_json::to_vec(&claims()).unwrap();
    let token = PublicToken::sign(&bad.secret, &payload, Some(&footer), None).unwrap();
    assert_eq!(check(&token, &good, NOW), Err(SessionError::Refused));
}

#[test]
fn refuses_signed_text_that_is_no_claims() {
    let signer = signer();
    let footer = serde_json::to_vec(&Footer { kid: signer.id() }).unwrap();
    for payload in ["{}", "[]", "text"] {
        let token = PublicToken::sign(&signer.secret, payload.as_bytes(), Some(&footer), None).unwrap();
        assert_eq!(check(&token, &signer, NOW), Err(SessionError::Refused));
    }
}

#[test]
fn refuses_garbage_and_other_purposes() {
    let signer = signer();
    let token = signer.sign(&claims()).unwrap();
    let (without_footer, _) = token.rsplit_once('.').unwrap();
    let local = token.replacen("public", "local", 1);
    let older = token.replacen("v4", "v2", 1);
    for text in ["", "v4.public.", "v4.public..", "....", without_footer, &local, &older] {
        assert_eq!(check(text, &signer, NOW), Err(SessionError::Refused), "{text}");
    }
}

#[test]
fn refuses_a_token_over_the_limit() {
    let signer = signer();
    let pad = |bytes: usize| {
        let footer = format!(r#"{{"kid":"{}","pad":"{}"}}"#, signer.id(), "x".repeat(bytes));
        let payload = serde_json::to_vec(&claims()).unwrap();
        PublicToken::sign(&signer.secret, &payload, Some(footer.as_bytes()), None).unwrap()
    };
    // Base64 writes three bytes as four characters, so no token is longer than this one and fits.
    let room = (SESSION_BYTES_MAX - pad(0).len()) * 3 / 4;
    let longest = pad(room);
    assert!((SESSION_BYTES_MAX - 2..=SESSION_BYTES_MAX).contains(&longest.len()));
    assert_eq!(check(&longest, &signer, NOW), Ok(claims()));
    let longer = pad(room + 3);
    assert_eq!(check(&longer, &signer, NOW), Err(SessionError::Refused));
}

#[test]
fn a_real_token_is_well_below_the_limit() {
    let largest = Claims { generation: u64::MAX, issued_at: u64::MAX, expires_at: u64::MAX, ..claims() };
    let token = signer().sign(&largest).unwrap();
    assert!(token.len() < SESSION_BYTES_MAX * 3 / 4, "{}", token.len());
}

#[test]
fn a_signer_reads_what_it_writes() {
    let signer = signer();
    let again = Signer::from_secret_bytes(signer.to_secret_bytes().as_slice()).unwrap();
    assert_eq!(again.id(), signer.id());
    let token = again.sign(&claims()).unwrap();
    assert_eq!(check(&token, &signer, NOW), Ok(claims()));
}

#[test]
fn refuses_signing_keys_of_the_wrong_form() {
    let mut halves = *signer().to_secret_bytes();
    halves[63] ^= 1;
    let mut longer = signer().to_secret_bytes().to_vec();
    longer.push(0);
    for bytes in [&[][..], &[1; 31], &[1; 63], &longer, &halves, &[0; 64]] {
        let error = Signer::from_secret_bytes(bytes).unwrap_err();
        assert!(matches!(error, Error::InvalidKey { what: "signing key", .. }));
    }
}

#[test]
fn public_keys_and_signer_ids_have_a_text_form() {
    let signer = signer();
    let key = signer.public_key();
    assert_eq!(key.to_string().parse(), Ok(key));
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, format!("\"{key}\""));
    assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key);
    assert_eq!(signer.id().to_string().parse(), Ok(signer.id()));
    assert!("short".parse::<PublicKey>().is_err());
    assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.id()));
}

#[test]
fn the_footer_is_one_that_paseto_readers_understand() {
    let mut footer = PasetoFooter::new();
    let ours = serde_json::to_string(&Footer { kid: signer().id() }).unwrap();
    footer.parse_string(&ours).unwrap();
    assert!(footer.contains_claim("kid"));
}

/// The golden token: what was signed once must verify with the same key for ever.
#[test]
fn the_golden_token_verifies() {
    let token = include_str!("../../testdata/session-v1.txt").trim_end();
    let key: PublicKey = "waAI3rLqXS3MygPUtse2KCOzQ04Rzzr5CbpTeeSvG8o=".parse().unwrap();
    assert_eq!(verify(token, &[key], Audience::Dispatcher, NOW), Ok(claims()));
}
