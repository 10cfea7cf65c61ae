//! How the agent makes attempts: by HTTP requests, or by its owner's command.

use std::time::Duration;

use clap::ValueEnum;
use outbound::tls::Tls;
use outbound::{Client, Resolver};

use super::failure::Failure;
use super::file;
use super::moment::duration;
use crate::allow::Allow;
use crate::worker::{Exec, Relayer};

/// What the command line says.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Commands instead of requests")]
pub(super) struct Args {
    /// How events are passed on
    #[arg(long, value_name = "KIND")]
    relayer: Option<Kind>,
    /// The command to run for each event, words as in a shell but without one; the body is on its
    /// standard input, RELAY_EVENT_… variables tell the rest
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// How long the command may take [default: as long as the output says]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    command_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// By HTTP requests to the destinations of outputs
    Http,
    /// By running a command
    Exec,
}

impl Args {
    /// The command, if one is to be run; what the command line says goes before what a file says.
    ///
    /// # Errors
    /// When there is a command without `exec`, or the other way round, or it cannot be read.
    pub(super) fn exec(&self, file: Option<file::Relayer>) -> Result<Option<Exec>, Failure> {
        let usage = |text: &str| Failure::Usage(text.to_owned());
        match (self.relayer, &self.command) {
            (Some(Kind::Http), Some(_)) | (None, Some(_)) => Err(usage("--command goes with --relayer exec")),
            (Some(Kind::Http), None) => Ok(None),
            (Some(Kind::Exec), None) => match file {
                Some(file) => Ok(Some(self.of_file(file))),
                None => Err(usage("--relayer exec needs --command")),
            },
            (Some(Kind::Exec), Some(command)) => {
                let words = shlex::split(command).filter(|words| !words.is_empty());
                let mut words = words.ok_or_else(|| usage("--command: quotes do not match, or nothing is there"))?;
                let program = words.remove(0);
                Ok(Some(Exec { program, args: words, timeout: self.command_timeout }))
            }
            (None, None) => Ok(file.map(|file| self.of_file(file))),
        }
    }

    fn of_file(&self, file: file::Relayer) -> Exec {
        let file::Relayer { kind: file::Kind::Exec, command, command_args, timeout } = file;
        let timeout = self.command_timeout.or(timeout.map(|seconds| Duration::from_secs(seconds.get().into())));
        Exec { program: command, args: command_args, timeout }
    }
}

/// What the worker makes attempts with.
pub(super) fn relayer(exec: Option<Exec>, allow: Allow) -> Relayer {
    match exec {
        Some(exec) => Relayer::Exec(exec),
        None => Relayer::Http(Box::new(Client::new(Tls::new(b"http/1.1", Vec::new()), Resolver::system())), allow),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::try_parse_from(std::iter::once(&"run").chain(words)).unwrap().args
    }

    fn of_file() -> Option<file::Relayer> {
        let text = "type: exec\ncommand: bash\ncommandArgs: [/update.sh]\ntimeout: 300\n";
        Some(serde_norway::from_str(text).unwrap())
    }

    #[test]
    fn words_are_those_of_a_shell() {
        let exec = args(&["--relayer", "exec", "--command", "bash 'my script.sh' a\\ b"]).exec(None).unwrap().unwrap();
        assert_eq!((&*exec.program, &exec.args[..]), ("bash", &["my script.sh".to_owned(), "a b".to_owned()][..]));
        for command in ["", "bash 'open"] {
            assert_eq!(args(&["--relayer", "exec", "--command", command]).exec(None).unwrap_err().code(), 2);
        }
        assert_eq!(args(&[]).exec(None).unwrap(), None);
    }

    #[test]
    fn a_command_needs_exec_and_exec_a_command() {
        for words in [&["--command", "x"][..], &["--relayer", "exec"], &["--relayer", "http", "--command", "x"]] {
            assert_eq!(args(words).exec(None).unwrap_err().code(), 2, "{words:?}");
        }
    }

    #[test]
    fn the_file_has_a_command_too_and_the_command_line_goes_before_it() {
        let exec = args(&[]).exec(of_file()).unwrap().unwrap();
        let expected =
            Exec { program: "bash".into(), args: vec!["/update.sh".into()], timeout: Some(Duration::from_secs(300)) };
        assert_eq!(exec, expected);
        assert_eq!(args(&["--relayer", "exec"]).exec(of_file()).unwrap(), Some(expected));
        assert_eq!(args(&["--relayer", "http"]).exec(of_file()).unwrap(), None);
        let other = args(&["--relayer", "exec", "--command", "sh", "--command-timeout", "5s"]).exec(of_file());
        assert_eq!(other.unwrap().unwrap().timeout, Some(Duration::from_secs(5)));
    }
}
