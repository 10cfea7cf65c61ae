//! Host names, prefixes and what is left of paths.

use model::{AccountId, BucketId, UnixMs};

use super::*;

fn input(n: u128, path_prefix: &str, strip_path_prefix: bool) -> Arc<Input> {
    let nil = Uuid::nil();
    let new = Input::new(InputId(Uuid::from_u128(n)), AccountId(nil), BucketId(nil), "in".into(), UnixMs(0));
    Arc::new(Input { path_prefix: path_prefix.into(), strip_path_prefix, ..new })
}

#[test]
fn host_names_are_told_from_other_authorities() {
    for (authority, host) in [
        ("Hooks.Example.COM", Some("hooks.example.com")),
        ("hooks.example.com:8443", Some("hooks.example.com")),
        ("hooks.example.com.:80", Some("hooks.example.com")),
        ("localhost", None),
        ("127.0.0.1:80", None),
        ("[::1]:80", None),
        ("", None),
    ] {
        assert_eq!(host_name(authority).as_deref(), host, "{authority}");
    }
}

#[test]
fn the_longest_prefix_at_the_end_of_a_segment_wins() {
    let inputs = [input(1, "", false), input(2, "/a", false), input(3, "/a/b/", false), input(4, "/a", false)];
    let found = |path: &str| longest(inputs.iter().cloned(), path.as_bytes()).map(|input| input.id.0.as_u128());
    for (path, n) in [("/", 1), ("", 1), ("/ab", 1), ("/a", 2), ("/a/", 2), ("/a/c", 2), ("/a/b", 3), ("/a/b/c", 3)] {
        assert_eq!(found(path), Some(n), "{path}");
    }
    let only = [input(2, "/a", false)];
    assert!(longest(only.into_iter(), b"/b").is_none());
}

#[test]
fn a_prefix_goes_on_unless_it_is_stripped() {
    for (prefix, strip, path, extra) in [
        ("", false, "/", ""),
        ("", false, "/x", "/x"),
        ("", true, "/x", "/x"),
        ("/a", false, "/a", "/a"),
        ("/a", false, "/a/x//y", "/a/x//y"),
        ("/a", true, "/a", ""),
        ("/a", true, "/a/", "/"),
        ("/a/", true, "/a/x", "/x"),
    ] {
        let path = Bytes::copy_from_slice(path.as_bytes());
        assert_eq!(extra_path(&input(1, prefix, strip), &path), extra, "{prefix} {path:?}");
    }
}
