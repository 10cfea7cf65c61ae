//! Tests of the owner's list of destinations.

use super::*;

fn allow(rules: &[&str]) -> Allow {
    Allow::new(rules.iter().map(|rule| rule.parse().unwrap_or_else(|err| panic!("{rule}: {err}"))).collect())
}

/// Whether a request for `url` may connect to `address` under `rules`.
fn check(rules: &[&str], url: &str, address: &str) -> bool {
    let destination = Destination::parse(url).unwrap();
    let target = destination.target(b"", None, true).unwrap();
    let permit = allow(rules).permit(&destination, &target);
    permit
        .is_some_and(|permit| permit.check_address(SocketAddr::new(address.parse().unwrap(), destination.port)).is_ok())
}

#[test]
fn without_rules_everything_but_metadata_is_allowed() {
    assert!(check(&[], "http://localhost:3000/x", "127.0.0.1"));
    assert!(check(&[], "https://example.com/", "93.184.216.34"));
    assert!(!check(&[], "http://169.254.169.254/latest", "169.254.169.254"));
    assert!(!check(&[], "http://innocent.example/", "169.254.169.254"));
    assert!(!check(&[], "http://innocent.example/", "::ffff:169.254.169.254"));
    assert!(!check(&[], "http://innocent.example/", "64:ff9b::a9fe:a9fe"));
    assert!(!check(&[], "http://innocent.example/", "fd00:ec2::254"));
}

#[test]
fn a_host_is_allowed_at_any_address_but_metadata() {
    let rules = ["Jenkins.internal"];
    assert!(check(&rules, "http://jenkins.internal:8080/", "10.1.2.3"));
    assert!(check(&rules, "https://JENKINS.internal/", "192.0.2.1"));
    assert!(!check(&rules, "http://jenkins.internal/", "169.254.169.254"));
    assert!(!check(&rules, "http://other.internal/", "10.1.2.3"));
    assert!(!check(&rules, "http://jenkins.internal.example/", "10.1.2.3"));
}

#[test]
fn a_port_binds() {
    assert!(check(&["localhost:3000"], "http://localhost:3000/", "127.0.0.1"));
    assert!(!check(&["localhost:3000"], "http://localhost:3001/", "127.0.0.1"));
    assert!(check(&["[::1]:3000"], "http://[::1]:3000/", "::1"));
    assert!(!check(&["[::1]:3000"], "http://[::1]:3001/", "::1"));
    assert!(check(&["::1"], "http://[::1]:3001/", "::1"));
    assert!(check(&["host:80"], "http://host/", "10.0.0.1"));
    assert!(!check(&["host:80"], "https://host/", "10.0.0.1"));
}

#[test]
fn a_network_is_asked_about_the_resolved_address() {
    let rules = ["10.0.0.0/8", "fd12::/16"];
    assert!(check(&rules, "http://anything/", "10.255.0.1"));
    assert!(check(&rules, "http://anything/", "::ffff:10.0.0.1"));
    assert!(check(&rules, "http://anything/", "fd12::7"));
    assert!(!check(&rules, "http://anything/", "11.0.0.1"));
    assert!(!check(&rules, "http://10.0.0.1/", "192.0.2.1"));
    assert!(check(&["0.0.0.0/0"], "http://anything/", "8.8.8.8"));
    assert!(!check(&["0.0.0.0/0"], "http://anything/", "::1"));
}

#[test]
fn metadata_needs_a_rule_that_names_the_address() {
    let url = "http://169.254.169.254/latest";
    for rule in ["0.0.0.0/0", "169.254.0.0/16", "metadata.internal"] {
        assert!(!check(&[rule], url, "169.254.169.254"), "{rule}");
    }
    for rule in ["169.254.169.254", "169.254.169.254:80", "169.254.169.254/32", "http://169.254.169.254/"] {
        assert!(check(&[rule], url, "169.254.169.254"), "{rule}");
    }
    assert!(check(&["fd00:ec2::254"], "http://[fd00:ec2::254]/", "fd00:ec2::254"));
}

#[test]
fn a_url_allows_what_is_below_it() {
    let rules = ["http://app:3000/hooks/"];
    for url in [
        "http://app:3000/hooks",
        "http://APP:3000/hooks/a/b",
        "http://app:3000/hooks?x=1",
        "http://app:3000/hooks/a/../b",
    ] {
        assert!(check(&rules, url, "10.0.0.1"), "{url}");
    }
    for url in [
        "https://app:3000/hooks",
        "http://app:3001/hooks",
        "http://other:3000/hooks",
        "http://app:3000/hooksy",
        "http://app:3000/",
        "http://app:3000/hooks/../admin",
        "http://app:3000/hooks/%2e%2e/admin",
        "http://app:3000/hooks/..%2fadmin",
        "http://app:3000/%68ooks",
    ] {
        assert!(!check(&rules, url, "10.0.0.1"), "{url}");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    for (text, expected) in [
        ("", InvalidRule::Host),
        ("a b", InvalidRule::Host),
        ("host:0", InvalidRule::Host),
        ("host:x", InvalidRule::Host),
        ("user@host", InvalidRule::Host),
        ("host?x", InvalidRule::Host),
        ("10.0.0.0/33", InvalidRule::Network),
        ("10.0.0/8", InvalidRule::Network),
        ("host/path", InvalidRule::Network),
        ("ftp://host/", InvalidRule::Url),
    ] {
        assert_eq!(text.parse::<Rule>(), Err(expected), "{text}");
    }
}
