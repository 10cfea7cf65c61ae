//! `relay completion` and `relay man`: what is made from the command line's own description.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;
use super::out::Out;

const EXAMPLES: &str = "\
Examples:
  relay completion bash > ~/.local/share/bash-completion/completions/relay
  relay completion zsh > ~/.zfunc/_relay
  relay completion fish > ~/.config/fish/completions/relay.fish
  relay completion powershell >> $PROFILE";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The directory that gets a page for every command; made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn completion(args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "relay", &mut script);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&script)?;
    Ok(stdout.flush()?)
}

pub(super) fn man(args: &ManArgs, out: &mut Out) -> Result<(), Failure> {
    let pages = pages(&args.dir)?;
    Ok(out.thing(&serde_json::json!({ "dir": args.dir, "pages": pages }), format_args!("{pages} pages"))?)
}

/// Writes the pages; returns how many.
fn pages(dir: &Path) -> anyhow::Result<usize> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir).with_context(|| format!("cannot write to {}", dir.display()))?;
    Ok(std::fs::read_dir(dir)?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man1");
        assert!(pages(&dir).unwrap() > 30);
        let page = std::fs::read_to_string(dir.join("relay-output-create.1")).unwrap();
        assert!(page.contains("throttle") && page.contains(".SH"), "{page}");
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "relay", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("wait-for"), "{shell}");
        }
    }
}
