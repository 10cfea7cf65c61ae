//! What went wrong, as one line and an exit code.

use std::io;
use std::process::ExitCode;

use http::StatusCode;

use crate::rest;
use crate::session;

/// A command that did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, the environment or a file cannot be read.
    #[error("{0}")]
    Usage(String),
    /// There are no credentials.
    #[error("no credentials: use `relay login`, or set RELAY_KEY and RELAY_SECRET")]
    NoCredentials,
    /// What was named does not exist.
    #[error(transparent)]
    NotFound(#[from] rest::NotFound),
    /// A call failed.
    #[error(transparent)]
    Rest(#[from] rest::Error),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        Self::Other(err.into())
    }
}

impl Failure {
    /// The exit code; they are listed in `relay --help`.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NoCredentials => 3,
            Self::NotFound(_) => 4,
            Self::Rest(rest::Error::Answer { status, .. }) => match *status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 3,
                StatusCode::NOT_FOUND => 4,
                _ => 1,
            },
            Self::Rest(_) => 1,
            Self::Other(err) => match err.downcast_ref() {
                Some(session::Error::Refused) => 3,
                Some(session::Error::NotFound(_)) => 4,
                Some(session::Error::Unsafe(_)) | None => 1,
            },
        }
    }

    /// Says what went wrong on standard error and returns the exit code. A reader of our output
    /// who has read enough is no failure.
    pub(super) fn exit(self) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let code = self.code();
        let line = format!("{:#}", anyhow::Error::from(self));
        // When standard error is closed as well, the exit code says it.
        let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("relay: {line}\n"));
        ExitCode::from(code)
    }

    fn is_broken_pipe(&self) -> bool {
        let Self::Other(err) = self else { return false };
        err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_help() {
        let answer = |status| Failure::from(rest::Error::Answer { call: String::new(), status, text: String::new() });
        let session = |err: session::Error| Failure::from(anyhow::Error::from(err));
        for (failure, code) in [
            (Failure::Usage(String::new()), 2),
            (Failure::NoCredentials, 3),
            (answer(StatusCode::UNAUTHORIZED), 3),
            (answer(StatusCode::FORBIDDEN), 3),
            (answer(StatusCode::NOT_FOUND), 4),
            (answer(StatusCode::PRECONDITION_FAILED), 1),
            (Failure::NotFound(rest::NotFound::None { kind: "bucket", wanted: String::new() }), 4),
            (session(session::Error::Refused), 3),
            (session(session::Error::NotFound(String::new())), 4),
            (Failure::from(anyhow::anyhow!("x")), 1),
        ] {
            assert_eq!(failure.code(), code, "{failure}");
        }
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_broken_pipe());
    }
}
