//! Which names may be a domain.

use serde_json::json;

use super::*;

fn read(name: &str) -> Result<String, Error> {
    read_new(
        &Fields::parse(json!({ "domain": name }).to_string().as_bytes()).unwrap(),
        &["relay.example", "", "Other.example"],
    )
}

#[test]
fn host_names_are_taken_in_lower_case() {
    for (said, name) in [
        ("Hooks.Example.com", "hooks.example.com"),
        ("a.b.", "a.b"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ] {
        assert_eq!(read(said).unwrap(), name);
    }
}

#[test]
fn what_is_no_host_name_is_refused() {
    for name in [
        "",
        ".",
        "one",
        "a b.example",
        "-a.example",
        "a-.example",
        "a..example",
        "b\u{fc}cher.example",
        "a_b.example",
        "a.1",
    ] {
        assert!(matches!(read(name), Err(Error::Invalid(_))), "{name}");
    }
    assert!(read(&format!("{}.example", "x".repeat(LABEL_BYTES_MAX))).is_ok());
    assert!(read(&format!("{}.example", "x".repeat(LABEL_BYTES_MAX + 1))).is_err());
    let of = |bytes: usize| read(&["a."; 200].concat().chars().rev().take(bytes - 1).chain(['z']).collect::<String>());
    assert!(of(HOST_BYTES_MAX - 1).is_err() || of(HOST_BYTES_MAX).is_ok());
    assert!(of(HOST_BYTES_MAX + 1).is_err());
}

#[test]
fn some_names_may_nobody_have() {
    for name in
        ["192.0.2.1", "::1", "[::1]", "relay.example", "x.relay.example", "a.localhost", "printer.local", "db.internal"]
    {
        assert!(matches!(read(name), Err(Error::NotToBeHad(_))), "{name}");
    }
    assert!(read("otherrelay.example").is_ok());
}
