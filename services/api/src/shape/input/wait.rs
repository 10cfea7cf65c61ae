//! Whether callers wait for a destination's answer, and for how long.

use model::record::{AnswerFrom, WAIT_SECONDS_MAX, Wait};

use super::answer;
use crate::error::Error;
use crate::shape::Fields;

/// What asks for the first answer that comes.
const ANY_OUTPUT: &str = "anyOutput";
/// Longer than the id of an output.
const FROM_BYTES_MAX: usize = 64;

/// What a request says about waiting.
#[derive(Debug)]
pub(super) struct Change {
    /// `Some(None)` ends it.
    from: Option<Option<AnswerFrom>>,
    seconds: Option<u32>,
    fallback: Fallback,
}

#[derive(Debug)]
enum Fallback {
    NotSaid,
    None,
    Said(answer::Change),
}

impl Change {
    /// Reads what is said.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        let from = fields.text("response_from_output", FROM_BYTES_MAX)?;
        let from = from.map(|text| read_from(text).map_err(|why| fields.invalid("response_from_output", why)));
        let fallback = match fields.object("response_fallback")? {
            Some(fallback) => Fallback::Said(answer::Change::read(&fallback)?),
            None if fields.is_null("response_fallback") => Fallback::None,
            None => Fallback::NotSaid,
        };
        Ok(Self {
            from: from.transpose()?,
            seconds: fields.number("response_timeout", 0..=WAIT_SECONDS_MAX)?,
            fallback,
        })
    }

    /// Changes whether and how long callers wait.
    pub(super) fn apply(&self, wait: &mut Option<Wait>) -> Result<(), Error> {
        match self.from {
            Some(None) => *wait = None,
            Some(Some(answer_from)) => match wait {
                Some(wait) => wait.answer_from = answer_from,
                None => *wait = Some(Wait { answer_from, seconds: 0, fallback: None }),
            },
            None => {}
        }
        let Some(wait) = wait else {
            let unused = self.seconds.is_some_and(|seconds| seconds != 0) || matches!(self.fallback, Fallback::Said(_));
            return match unused {
                true => Err(Error::invalid("response_from_output", "is missing; without it nobody waits")),
                false => Ok(()),
            };
        };
        wait.seconds = self.seconds.unwrap_or(wait.seconds);
        match &self.fallback {
            Fallback::NotSaid => {}
            Fallback::None => wait.fallback = None,
            Fallback::Said(change) => change.apply(wait.fallback.get_or_insert_default()),
        }
        Ok(())
    }
}

/// The empty text is nobody's answer.
fn read_from(text: &str) -> Result<Option<AnswerFrom>, &'static str> {
    match text {
        "" => Ok(None),
        ANY_OUTPUT => Ok(Some(AnswerFrom::AnyOutput)),
        id => id.parse().map(|id| Some(AnswerFrom::Output(id))).map_err(|_| "must be anyOutput or the id of an output"),
    }
}

/// Whose answer callers wait for.
pub(super) fn shown(wait: Option<&Wait>) -> String {
    match wait.map(|wait| wait.answer_from) {
        None => String::new(),
        Some(AnswerFrom::AnyOutput) => ANY_OUTPUT.to_owned(),
        Some(AnswerFrom::Output(id)) => id.to_string(),
    }
}
