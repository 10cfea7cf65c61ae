//! Regular expressions that take a bounded time, and a bounded room.
//!
//! An expression is searched for as a DFA that is made while it is searched with. Where that grows
//! without end, or meets what it cannot tell, the NFA is followed, state by state. Both cost steps.

use std::sync::Arc;

use regex_automata::Input;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::syntax;

use super::REGEX_BYTES_MAX;
use super::steps::Steps;

/// The steps that each byte of a DFA's states takes when it is made.
const STEPS_PER_STATE_BYTE: usize = 8;
/// What the states of a DFA may take while it is searched with, in bytes. Of an ordinary expression
/// they take a tenth.
const CACHE_BYTES_MAX: usize = 1024 * 1024;
/// How often they may be thrown away to make others.
const CACHE_CLEARS_MAX: usize = 2;

/// A compiled expression. Clones share it.
#[derive(Clone)]
pub(super) struct Pattern(Arc<Engines>);

struct Engines {
    dfa: DFA,
    vm: PikeVM,
}

impl Pattern {
    /// Compiles an expression, as the crate `regex` does for bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let nfa = NFA::compiler()
            .syntax(syntax::Config::new().utf8(false))
            .configure(NFA::config().utf8(false).nfa_size_limit(Some(REGEX_BYTES_MAX)))
            .build(pattern)
            .map_err(|error| what_is_wrong(&error))?;
        let config = DFA::config()
            .unicode_word_boundary(true)
            .cache_capacity(CACHE_BYTES_MAX)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(CACHE_CLEARS_MAX));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa.clone()).map_err(|error| error.to_string())?;
        let vm = PikeVM::new_from_nfa(nfa).map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Engines { dfa, vm })))
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.vm.get_nfa().memory_usage()
    }

    /// Whether a part of the text matches; `None` when there are not enough steps to say.
    pub(super) fn is_match(&self, text: &[u8], steps: &Steps) -> Option<bool> {
        let Engines { dfa, vm } = &*self.0;
        let input = Input::new(text).earliest(true);
        let mut cache = dfa.create_cache();
        let empty = cache.memory_usage();
        let found = dfa.try_search_fwd(&mut cache, &input);
        let made = cache.clear_count() * CACHE_BYTES_MAX + cache.memory_usage().saturating_sub(empty);
        steps.spend(text.len() + made * STEPS_PER_STATE_BYTE)?;
        if let Ok(found) = found {
            return Some(found.is_some());
        }
        steps.take(vm.get_nfa().states().len() as u64 * (text.len() as u64 + 1))?;
        Some(vm.is_match(&mut vm.create_cache(), input))
    }
}

/// A syntax error is drawn over several lines; its last says what it is.
fn what_is_wrong(error: &thompson::BuildError) -> String {
    if error.size_limit().is_some() {
        return format!("it exceeds the size limit of {REGEX_BYTES_MAX} bytes when it is compiled");
    }
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests;
