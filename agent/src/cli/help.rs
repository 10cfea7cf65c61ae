//! The help of `relay` itself: its commands in groups, so that they can be found.

use std::fmt::Write as _;

use clap::Command;

/// The groups, and what is in them, in the order in which they are needed.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Bring webhooks here", &["login", "forward", "run", "service", "status"]),
    ("See what became of them", &["logs", "events", "inspect", "replay", "wait-for", "ledger"]),
    ("Manage", &["bucket", "input", "output", "token"]),
    ("For scripts and shells", &["api", "completion", "man"]),
    ("Help", &["help"]),
];

const TEMPLATE: &str = "\
{about-with-newline}
{usage-heading} {usage}

COMMANDS
Options:
{options}{after-help}";

/// The command, with its help in groups.
pub(super) fn grouped(command: Command) -> Command {
    let mut list = String::new();
    let width = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or_default();
    for (title, names) in GROUPS {
        // Writing to a text cannot fail.
        let _ = writeln!(list, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print the help of a command".to_owned());
            let _ = writeln!(list, "  {name:width$}  {about}");
        }
        list.push('\n');
    }
    command.help_template(TEMPLATE.replace("COMMANDS\n", &list))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut command = Cli::command();
        command.build();
        let mut all: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }

    #[test]
    fn the_help_has_the_groups() {
        let help = super::grouped(Cli::command()).render_long_help().to_string();
        for text in ["See what became of them:\n  logs ", "Options:\n", "Exit codes:", "Usage: relay"] {
            assert!(help.contains(text), "{text} in\n{help}");
        }
    }
}
