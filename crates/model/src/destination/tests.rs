//! Tests of destinations and of how targets are joined.

use super::*;

fn target(url: &str, extra: &str, query: Option<&str>, lock_path: bool) -> String {
    let destination = Destination::parse(url).unwrap();
    let bytes = destination.target(extra.as_bytes(), query.map(str::as_bytes), lock_path).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn urls_are_parsed() {
    let d = Destination::parse("https://Example.org:8443/a?b=c#frag").unwrap();
    assert_eq!((d.tls, d.host.as_str(), d.port, d.authority.as_str()), (true, "Example.org", 8443, "Example.org:8443"));
    let d = Destination::parse("http://[::1]:9000").unwrap();
    assert_eq!((d.tls, d.host.as_str(), d.port), (false, "::1", 9000));
    assert_eq!(Destination::parse("http://host").unwrap().port, 80);
}

#[test]
fn urls_that_cannot_be_used_are_refused() {
    use InvalidDestination::*;
    for (url, why) in [
        ("", Scheme),
        ("localhost:80", Scheme),
        ("ftp://h/", Scheme),
        ("http:///x", Host),
        ("http://[::1", Host),
        ("http://a b/", Character),
        ("http://h/\r\nX: y", Character),
        ("http://h\\@evil/", Character),
        ("http://u:p@h/", UserInfo),
        ("http://h:0/", Port),
        ("http://h:65536/", Port),
        ("http://h:+1/", Port),
        ("http://h:x/", Port),
    ] {
        assert_eq!(Destination::parse(url).unwrap_err(), why, "{url}");
    }
}

#[test]
fn extra_path_and_query_are_appended_as_they_came() {
    for (url, extra, query, expected) in [
        ("http://h", "", None, "/"),
        ("http://h", "/x", None, "/x"),
        ("http://h/", "/x", None, "/x"),
        ("http://h/base", "", None, "/base"),
        ("http://h/base", "/x%20y/%2e", None, "/base/x%20y/%2e"),
        ("http://h/base/", "/x//y/", Some("a=b&a=b"), "/base/x//y/?a=b&a=b"),
        ("http://h/base?k=v", "/x", Some("a=b"), "/base/x?k=v&a=b"),
        ("http://h/base?k=v", "", None, "/base?k=v"),
        ("http://h/base", "", Some(""), "/base?"),
        ("http://h/base?", "", Some("q"), "/base?q"),
        ("http://h/base", "/a/../b", Some("../c?d"), "/base/a/../b?../c?d"),
    ] {
        assert_eq!(target(url, extra, query, false), expected, "{url} {extra} {query:?}");
    }
}

#[test]
fn a_locked_path_is_exactly_the_destinations() {
    assert_eq!(target("http://h/base?k=v", "/../x", Some("a=b"), true), "/base?k=v");
    assert_eq!(target("http://h", "/x", Some("a=b"), true), "/");
}

#[test]
fn a_path_that_climbs_out_is_refused() {
    let destination = Destination::parse("http://h/base").unwrap();
    for extra in [
        "/..",
        "/../",
        "/../x",
        "/a/../../x",
        "/%2e%2e/x",
        "/.%2E/x",
        "/%252e%252e/x",
        "/..\\x",
        "/a\\..\\..\\x",
        "/%2e%2e%2fx",
        "/..%2fx",
        "/..%5cx",
        "/./../x",
        "//../x",
    ] {
        assert_eq!(destination.target(extra.as_bytes(), None, false), Err(PathEscapes), "{extra}");
    }
    for extra in ["/..x", "/x..", "/...", "/a/../b", "/a/%2e%2e/b", "/.", "/%", "/%2", "/%zz"] {
        assert!(destination.target(extra.as_bytes(), None, false).is_ok(), "{extra}");
    }
}

/// Ways to write a way out of a path: up, up and down again, absolute, another host, another resource.
fn spellings() -> Vec<String> {
    let ups = [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%25%32%65%25%32%65",
        "%c0%ae%c0%ae",
        "..%00",
        "..;",
        "..;x=y",
        "...",
        ". .",
        "%2e%2e%20",
        "..%09",
    ];
    let joints = ["/", "\\", "%2f", "%5c"];
    let up = ups.iter().flat_map(|up| joints.iter().map(move |joint| format!("/{up}{joint}etc")));
    let others = [
        "//evil/x",
        "///evil",
        "/\\evil",
        "/http://evil/",
        "/%2f%2fevil",
        "/a/../../../x",
        "/a/%2e%2e/%2e%2e/x",
        "/./..",
        "/?/../..",
        "/#/../x",
        "/x/..//../..",
        "/..",
        "/%2e%2e",
    ];
    up.chain(others.map(str::to_owned)).collect()
}

/// The path as the most obliging server would read it: escapes undone until there are none, `\\` for
/// `/`, parameters dropped, dots followed.
fn obliging(path: &str) -> Vec<String> {
    let bytes = percent_decoded(path.as_bytes()).unwrap();
    let text = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let mut segments = Vec::new();
    for segment in text.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other.to_owned()),
        }
    }
    segments
}

#[test]
fn a_path_may_be_encoded_so_often_and_no_more() {
    let destination = Destination::parse("http://h/base").unwrap();
    let encoded = |times: usize| format!("/%{}2d", "25".repeat(times - 1));
    assert!(destination.target(encoded(ENCODINGS_MAX).as_bytes(), None, false).is_ok());
    assert_eq!(destination.target(encoded(ENCODINGS_MAX + 1).as_bytes(), None, false), Err(PathEscapes));
    // As many decodings as it has pairs would take seconds.
    assert_eq!(destination.target(encoded(30_000).as_bytes(), None, false), Err(PathEscapes));
}

#[test]
fn no_spelling_leads_out_of_the_destinations_path() {
    let destination = Destination::parse("http://h/base/in").unwrap();
    let spellings = spellings();
    assert!(spellings.len() >= 60);
    for extra in &spellings {
        let locked = destination.target(extra.as_bytes(), Some(b"/../.."), true).unwrap();
        assert_eq!(locked, "/base/in", "{extra}");
        let Ok(target) = destination.target(extra.as_bytes(), None, false) else { continue };
        let target = String::from_utf8(target.to_vec()).unwrap();
        assert!(target.starts_with("/base/in/"), "{extra}: {target}");
        let path = target.split(['?', '#']).next().unwrap_or_default();
        assert_eq!(obliging(path)[..2], ["base", "in"], "{extra}: {target}");
    }
}
