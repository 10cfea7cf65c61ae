//! Expressions at their limits.

use super::*;

fn found(pattern: &str, text: &[u8]) -> Option<bool> {
    Pattern::new(pattern).unwrap().is_match(text, &Steps::new())
}

#[test]
fn they_match_as_those_of_the_crate_regex_do() {
    let texts: [&[u8]; 9] = [
        b"",
        b"a",
        b"refs/heads/main",
        "straße".as_bytes(),
        b"\xff\xfe",
        b"a\nb",
        b"DEPLOY now",
        "ein é".as_bytes(),
        b"x y",
    ];
    for pattern in [
        "",
        "^$",
        "a",
        "(?i)deploy",
        r"\bnow\b",
        r"\be",
        r"\B",
        "^b",
        "(?m)^b",
        "a.b",
        "(?s)a.b",
        r"\w+ \w+",
        "ß",
        "(?-u)\\xff",
        "[^a-z]",
        "heads/(main|release-.*)$",
        r"\p{Lu}{6}",
        "(a|b)*$",
    ] {
        let regex = regex::bytes::Regex::new(pattern).unwrap();
        for text in texts {
            assert_eq!(found(pattern, text), Some(regex.is_match(text)), "{pattern} in {text:?}");
        }
    }
}

/// Letters without an order that an automaton could make use of.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 4
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn what_would_take_too_many_steps_is_given_up() {
    let hard = "(?s-u)[ab].{3000}[^a-z]";
    assert_eq!(found(hard, &noise(1024)), Some(false), "a short text");
    assert_eq!(found(hard, &noise(1024 * 1024)), None);
    assert_eq!(found("[ab]zz", &noise(1024 * 1024)), Some(false), "an ordinary expression");
}

#[test]
fn the_expressions_of_an_evaluation_share_their_steps() {
    // An automaton of bytes cannot tell where words of letters beyond ASCII end.
    let (pattern, text) = (Pattern::new(r"\bx\b").unwrap(), "é".as_bytes());
    let one = pattern.0.vm.get_nfa().states().len() as u64 * (text.len() as u64 + 1);
    let answers = |steps: Steps| (0..3).map(|_| pattern.is_match(text, &steps)).collect::<Vec<_>>();
    // The automaton is made first, which is not for nothing.
    let made = (0..).find(|made| answers(Steps::of(made + one))[0].is_some()).unwrap();
    assert_eq!(answers(Steps::of(2 * (made + one))), [Some(false), Some(false), None]);
}

#[test]
fn automata_that_grow_without_end_leave_no_steps_to_others() {
    let (hard, text) = (Pattern::new("(?s-u)[ab].{20}[^a-z]").unwrap(), noise(256 * 1024));
    let easy = Pattern::new("[ab]zz").unwrap();
    let steps = Steps::new();
    assert_eq!(easy.is_match(&text, &steps), Some(false));
    for _ in 0..8 {
        hard.is_match(&text, &steps);
    }
    assert_eq!(easy.is_match(&text, &steps), None);
}
