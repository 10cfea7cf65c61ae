//! What is made is accepted by a client, kept while it will do, and made anew when it will not.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn a_client_accepts_the_names_for_the_life_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = Authority::open(dir.path(), now).unwrap();
    let issued = authority.issue(&names(&["localhost", "127.0.0.1", "::1"]), now).unwrap();
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(authority.accepts(&issued, &names(&[name]), now), "{name}");
    }
    assert!(!authority.accepts(&issued, &names(&["example.com"]), now));
    assert!(authority.accepts(&issued, &names(&["localhost"]), now + CERT_LIFE - days(1)));
    assert!(!authority.accepts(&issued, &names(&["localhost"]), now + CERT_LIFE + days(1)));
}

#[test]
fn an_authority_is_the_same_when_opened_again_and_another_elsewhere() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = SystemTime::now();
    let first = Authority::open(dir.path(), now).unwrap();
    let again = Authority::open(dir.path(), now).unwrap();
    let other = Authority::open(elsewhere.path(), now).unwrap();
    let issued = again.issue(&names(&["localhost"]), now).unwrap();
    assert!(first.accepts(&issued, &names(&["localhost"]), now));
    assert!(!other.accepts(&issued, &names(&["localhost"]), now));
    let mode = fs::metadata(dir.path().join(CA_KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn half_an_authority_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    Authority::open(dir.path(), SystemTime::now()).unwrap();
    fs::remove_file(dir.path().join(CA_KEY_FILE)).unwrap();
    let refused = Authority::open(dir.path(), SystemTime::now()).unwrap_err().to_string();
    assert!(refused.contains("holds only one of"), "{refused}");
}

#[test]
fn making_certificates_again_changes_only_what_no_longer_will_do() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let wanted = |text: &[&str]| text.iter().map(|one| one.parse::<Wanted>().unwrap()).collect::<Vec<_>>();
    let both = wanted(&["nats=nats,localhost", "dispatcher=dispatcher,edge"]);
    assert_eq!(make(dir.path(), &both, now).unwrap(), ["nats", "dispatcher"]);
    assert!(make(dir.path(), &both, now).unwrap().is_empty(), "nothing changed");
    let more = wanted(&["nats=nats,localhost,10.0.0.1", "dispatcher=dispatcher,edge"]);
    assert_eq!(make(dir.path(), &more, now).unwrap(), ["nats"], "it has another name");
    fs::copy(dir.path().join("nats.key"), dir.path().join("dispatcher.key")).unwrap();
    assert_eq!(make(dir.path(), &more, now).unwrap(), ["dispatcher"], "the key is another's");
    let near_the_end = now + CERT_LIFE - RENEW_BEFORE + days(1);
    assert_eq!(make(dir.path(), &more, near_the_end).unwrap(), ["nats", "dispatcher"]);
}

#[test]
fn a_wanted_certificate_is_a_file_and_names() {
    let one: Wanted = "edge".parse().unwrap();
    assert_eq!(one, Wanted { file: "edge".to_owned(), names: names(&["edge"]) });
    for text in ["", "=x", "../x=x", "a/b=x", "ca=x", "x=", "x=a,,b", "x=not a name"] {
        assert!(text.parse::<Wanted>().is_err(), "{text:?}");
    }
}
