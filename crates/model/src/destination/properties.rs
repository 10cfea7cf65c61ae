//! Whatever a caller appends, an attempt stays within the destination's path.

use proptest::prelude::*;

use super::*;

/// Paths made of what is dangerous in them.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%",
        "25",
        "%25",
        "2e",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "a",
        "@",
        "?",
        "#",
        ":",
        ";",
        "http://evil/",
        "%00",
        "%e2",
        "+",
        "é",
    ]);
    let byte = any::<u8>().prop_map(|byte| vec![byte]);
    let one = prop_oneof![4 => part.prop_map(|part: &str| part.as_bytes().to_vec()), 1 => byte];
    prop::collection::vec(one, 0..24).prop_map(|parts| parts.concat())
}

/// Decodes once; what a server does, once or again and again.
fn decode_once(path: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let digits = path.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match digits.filter(|_| path[at] == b'%') {
            Some(digits) => {
                out.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
                at += 3;
            }
            None => {
                out.push(path[at]);
                at += 1;
            }
        }
    }
    out
}

/// Whether a server that resolves `.` and `..` (RFC 3986, section 5.2.4) never leaves where it began.
fn stays_below(path: &[u8]) -> bool {
    let mut depth = 0i64;
    for segment in path.split(|byte| b"/\\".contains(byte)).filter(|segment| !segment.is_empty()) {
        match segment {
            b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

proptest! {
    #[test]
    fn nothing_leads_above_the_destination_however_often_it_is_decoded(extra in path(), query in path()) {
        let destination = Destination::parse("http://host:81/a/b").unwrap();
        let Ok(target) = destination.target(&extra, Some(&query), false) else { return Ok(()) };
        prop_assert!(target.starts_with(b"/a/b"));
        prop_assert!(target.ends_with(&query), "the query is as it was");
        let mut rest = extra.clone();
        for _ in 0..8 {
            prop_assert!(stays_below(&rest), "{:?}", String::from_utf8_lossy(&rest));
            rest = decode_once(&rest);
        }
        prop_assert_eq!(destination.authority, "host:81");
    }

    #[test]
    fn a_locked_path_is_the_destinations_own(extra in path(), query in path()) {
        let destination = Destination::parse("https://host/a/b?c=d").unwrap();
        let target = destination.target(&extra, Some(&query), true).unwrap();
        prop_assert_eq!(&target[..], b"/a/b?c=d");
    }

    #[test]
    fn what_is_parsed_has_a_plain_host(url in "(http|https)://[ -~]{0,30}") {
        if let Ok(destination) = Destination::parse(&url) {
            prop_assert!(destination.port > 0 && !destination.host.is_empty());
            prop_assert!(destination.authority.bytes().all(|b| b.is_ascii_graphic() && !b"@/\\?#".contains(&b)));
        }
    }
}
