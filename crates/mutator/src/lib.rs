//! Throws changed inputs at fuzz targets, in ordinary tests: a target is a function that takes any
//! bytes and must not panic.
//!
//! `fuzz/corpus/<target>/` has the inputs to begin with, one a file: some that the target takes, and
//! every one that once broke it. The same targets run under `cargo fuzz`, which looks for inputs by
//! what code they reach; see `fuzz/README.md`. Here inputs are changed blindly, from a fixed seed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// A fuzz target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// How many changed inputs each target is given, unless `RELAY_FUZZ_RUNS` says otherwise.
const RUNS: u64 = 1500;
/// No input grows beyond this, in bytes.
const INPUT_BYTES_MAX: usize = 4096;
/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"%2e",
    b"..",
    b"\"",
    b"{}",
    b"[]",
    b"null",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"1e999",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b",",
    b";",
    b"=",
    b":",
    b"*",
    b"\\",
];

/// Runs every target over its corpus and over inputs made from that.
///
/// # Panics
/// When a target does, with the input that it was given.
pub fn shake(targets: &[Target]) {
    let runs = std::env::var("RELAY_FUZZ_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS);
    for (name, target) in targets {
        let corpus = corpus(name);
        corpus.iter().for_each(|input| run(name, *target, input));
        let mut rng = Rng::seed_from_u64(runs);
        for _ in 0..runs {
            run(name, *target, &changed(&corpus, &mut rng));
        }
    }
}

fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        print(name, input);
        resume_unwind(panic);
    }
}

#[expect(clippy::print_stderr, reason = "tests alone call this, and show it when they fail")]
fn print(name: &str, input: &[u8]) {
    eprintln!("the target {name} broke at b\"{}\"", input.escape_ascii());
}

/// The checked-in inputs of a target; a single empty one when there are none.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    let mut inputs: Vec<_> = files.into_iter().filter_map(|file| fs::read(file).ok()).collect();
    if inputs.is_empty() {
        inputs.push(Vec::new());
    }
    inputs
}

/// One input of the corpus, changed in one to eight places.
fn changed(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = corpus.choose(rng).cloned().unwrap_or_default();
    for _ in 0..rng.random_range(1..=8) {
        change(&mut input, corpus, rng);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.random_range(0..=input.len());
    let end = rng.random_range(at..=input.len().min(at + 16));
    match rng.random_range(0..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
        1 if at < input.len() => input[at] = rng.random(),
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => _ = input.splice(at..at, [rng.random::<u8>()]),
        5 => {
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        6 => {
            let other = corpus.choose(rng).map(Vec::as_slice).unwrap_or_default();
            let from = rng.random_range(0..=other.len());
            input.splice(at..end, other[from..].iter().copied());
        }
        _ => {
            let token = TOKENS.choose(rng).copied().unwrap_or_default();
            input.splice(at..end, token.iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_breaks_is_found() {
        let target: Target = ("none", |input| assert!(!input.contains(&b'%')));
        assert!(catch_unwind(|| shake(&[target])).is_err());
        shake(&[("none", |_| {})]);
    }
}
