//! The certificate in memory is renewed; the handshake is tested with the listener.

use super::*;

#[test]
fn a_certificate_is_kept_for_a_while_and_then_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = Authority::open(dir.path(), now).unwrap();
    let renewing = Renewing::new(authority, vec!["localhost".to_owned()], now).unwrap();
    let first = renewing.at(now);
    assert!(Arc::ptr_eq(&first, &renewing.at(now + RENEW_BEFORE / 2)));
    let second = renewing.at(now + RENEW_BEFORE);
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &renewing.at(now + RENEW_BEFORE)));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path(), SystemTime::now()).unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let names = ["localhost".to_owned()];
    let (one, other) =
        (authority.issue(&names, SystemTime::now()).unwrap(), authority.issue(&names, SystemTime::now()).unwrap());
    let (cert, key) = (write("cert", &one.cert_pem), write("key", &one.key_pem));
    let wrong = write("wrong", &other.key_pem);
    let open = |cert: &PathBuf, key: &PathBuf| {
        Certificates::open(&Source::Files(vec![Pair { cert: cert.clone(), key: key.clone() }]))
    };
    assert!(open(&cert, &key).is_ok());
    assert!(open(&cert, &wrong).is_err());
    assert!(open(&key, &key).is_err(), "a key is no certificate");
}
