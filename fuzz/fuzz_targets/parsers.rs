//! Runs the fuzz target that `RELAY_FUZZ_TARGET` names: one program for all of them, since each would
//! link the whole relay.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("RELAY_FUZZ_TARGET").unwrap_or_default();
    let all = [
        agent::fuzz::TARGETS,
        api::fuzz::TARGETS,
        crypto::fuzz::TARGETS,
        dispatcher::fuzz::TARGETS,
        ingress::fuzz::TARGETS,
        model::fuzz::TARGETS,
        outbound::fuzz::TARGETS,
        server::fuzz::TARGETS,
        store::fuzz::TARGETS,
        verify::fuzz::TARGETS,
    ]
    .concat();
    match all.iter().find(|(of, _)| *of == name) {
        Some((_, target)) => *target,
        None => panic!("RELAY_FUZZ_TARGET is one of {:?}", all.iter().map(|(of, _)| *of).collect::<Vec<_>>()),
    }
});

fuzz_target!(|input: &[u8]| TARGET(input));
