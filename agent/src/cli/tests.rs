//! Tests of the command line as such.

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn known_lines_are_read() {
    for line in [
        "relay login -k KEY -s SECRET --url https://relay.example --ca-file ca.pem",
        "relay login --admin-file relay-data/admin.json",
        "relay forward",
        "relay forward http://localhost:3000 -b github --type internal --group blue --allow localhost --allow 10.0.0.0/8",
        "relay forward http://localhost:3000 --bucket github --type public --no-agent --no-interactive",
        "relay run -c relay.yml",
        "relay run -b one -b two,three --health-addr 127.0.0.1:9000 --concurrency 4096",
        "relay status --json",
        "relay --json bucket ls",
        "relay bucket create one --description x --ephemeral --window 60 --stream false",
        "relay bucket update one --name two",
        "relay bucket rm -f one two",
        "relay input create -b one in --status-code 201 --response-body ok --header A=b",
        "relay input ls --bucket one",
        "relay output create out -b one -d http://localhost --type public --header K=V --timeout 5 --retries -1",
        "relay output update out --disabled --lock-path false --tls-verification=false",
        "relay output rm a b -b one",
        "relay token create --description ci -b one -b two --api-access disabled",
        "relay token update KEY --all-buckets",
        "relay token rm KEY",
        "relay run -b one -k K -s S --mode forward --ws",
        "relay forward -b one --relayer exec --command x --command-timeout 5m",
        "relay logs -b one -f --status failed --from 1h --to 2026-01-31",
        "relay replay -b one --all --to other --dry-run",
        "relay wait-for -b one --match method=POST status=sent --timeout 2m",
        "relay service install -c relay.yml --system --print",
        "relay service status --name other",
        "relay completion zsh",
        "relay man pages",
    ] {
        if let Err(err) = parse(line) {
            panic!("{line}: {err}");
        }
    }
}

#[test]
fn other_lines_are_refused() {
    for line in [
        "relay",
        "relay nope",
        "relay bucket",
        "relay bucket rm",
        "relay output create out -b one",
        "relay run --concurrency 0",
        "relay run --concurrency 4097",
        "relay forward --type sideways",
        "relay input create in -b one --header novalue",
        "relay login --admin-file f -k K",
        "relay token update KEY --all-buckets -b one",
        "relay run --mode tunnel",
        "relay replay",
        "relay replay L -b one",
        "relay logs",
        "relay service install",
        "relay service status --name a/b",
        "relay completion tcsh",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn the_help_lists_exit_codes() {
    let help = help::grouped(Cli::command()).render_help().to_string();
    assert!(help.contains("Exit codes:") && help.contains("3  the server refused"), "{help}");
}

#[test]
fn a_secret_on_the_command_line_is_not_printed_again() {
    let cli = parse("relay login -k KEY -s hush").unwrap();
    assert!(!format!("{cli:?}").contains("hush"));
}
