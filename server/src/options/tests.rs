//! What the command line means, and what it refuses.

use clap::{CommandFactory, Parser};

use super::*;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn options(args: &[&str]) -> anyhow::Result<Options> {
    let cli = cli::Cli::try_parse_from([&["relay-server"], args].concat())?;
    Options::from_cli(cli.serve)
}

fn refusal(args: &[&str]) -> String {
    options(args).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_command_is_sound() {
    cli::Cli::command().debug_assert();
}

#[test]
fn every_flag_of_serving_has_its_environment_variable() {
    let command = cli::Cli::command();
    for arg in command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
        let expected = match arg.get_id().as_str() {
            "log" => "RELAY_LOG".to_owned(),
            id => format!("RELAY_{}", id.to_uppercase()),
        };
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(expected.as_str()));
    }
}

#[test]
fn without_flags_everything_runs_here_on_loopback_and_durably() {
    let options = options(&[]).unwrap();
    assert!(Role::ALL.into_iter().all(|role| options.roles.has(role)));
    assert_eq!(options.http_addr.to_string(), "127.0.0.1:8080");
    assert!(matches!(options.nats, Nats::Embedded { durability: Durability::Always, .. }));
    assert!(matches!(options.master_key, MasterKeySource::DataDir));
    assert!(options.tls.is_none() && options.admin.is_none() && options.needs_data_dir());
    assert_eq!(options.limits, Limits::default());
}

#[test]
fn one_address_has_the_memory_of_a_proxy_only_if_it_may_have_all_connections() {
    let plain = ingress::Config::default();
    for (max, expected) in [("1000", plain), ("9999", plain), ("10000", plain.behind_proxy())] {
        assert_eq!(options(&["--connections-per-address-max", max]).unwrap().ingress, expected, "{max}");
    }
}

#[test]
fn roles_are_a_list_and_at_least_one() {
    let some = options(&["--roles", "ingress,api,ingress"]).unwrap().roles;
    assert_eq!(some.to_string(), "ingress,api");
    assert!(!some.has(Role::Auth));
    assert!(options(&["--roles", ""]).is_err());
    assert!(options(&["--roles", "agent"]).is_err());
    assert_eq!(Roles::new([]), None);
}

#[test]
fn a_foreign_nats_needs_a_master_key_and_no_files() {
    let nats = ["--nats-url", "tls://one:4222,tls://two:4222", "--nats-user", "ingress", "--nats-password", "p"];
    assert!(refusal(&nats).contains("--master-key-file or RELAY_MASTER_KEY is required"));
    let options = options(&[&nats[..], &["--master-key", KEY, "--roles", "ingress"]].concat()).unwrap();
    assert!(!options.needs_data_dir());
    assert_eq!(options.durability(), None);
    match options.nats {
        Nats::External { servers, credentials: Some((user, password)), .. } => {
            assert_eq!(servers, ["tls://one:4222", "tls://two:4222"]);
            assert_eq!((user.as_str(), password.expose()), ("ingress", "p"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_are_read_from_files_without_their_line_end() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (password, key) = (write("password", "pass word\r\n"), write("key", &format!("{KEY}\n")));
    let args = ["--nats-url", "nats://x", "--nats-user", "u", "--nats-password-file", &password];
    let options = options(&[&args[..], &["--master-key-file", &key]].concat()).unwrap();
    assert!(matches!(options.master_key, MasterKeySource::Given(_)));
    assert!(matches!(options.nats, Nats::External { credentials: Some((_, p)), .. } if p.expose() == "pass word"));
}

#[test]
fn what_contradicts_itself_is_refused_with_the_flag_named() {
    let external = ["--nats-url", "nats://x", "--master-key", KEY];
    for (args, says) in [
        (vec!["--nats-replicas", "2"], "--nats-replicas is 2"),
        (vec!["--nats-replicas", "3"], "--nats-replicas 3 needs --nats-url"),
        (vec!["--shards", "0"], "--shards is 0"),
        (vec!["--shards", "257"], "--shards is 257"),
        (vec!["--public-url", "ftp://x"], "--public-url must begin with"),
        (vec!["--public-url", "https://x/path"], "--public-url must not have a path"),
        (vec!["--public-url", "https://u:p@x"], "--public-url must not hold credentials"),
        (vec!["--connections-max", "0"], "--connections-max must be"),
        (vec!["--body-bytes-max", "0"], "--body-bytes-max"),
        (vec!["--body-memory-bytes-max", "1000"], "--body-memory-bytes-max"),
        (vec!["--nats-url", "http://x"], "--nats-url must begin with"),
        (vec!["--nats-url", "nats://u:p@x"], "--nats-url must not hold credentials"),
        ([&external[..], &["--nats-user", "u"]].concat(), "--nats-user needs"),
        ([&external[..], &["--nats-password", "p"]].concat(), "RELAY_NATS_PASSWORD needs --nats-user"),
        (vec!["--master-key", "short"], "read the master key"),
        (vec!["--nats-user", "u"], "--nats-url"),
        (vec!["--tls-cert", "x"], "--tls-key"),
        (vec!["--tls-cert", "x", "--tls-key", "y", "--tls-local-ca"], "--tls-local-ca"),
        (vec!["--tls-cert", "x,y", "--tls-key", "z"], "equally often"),
        (vec!["--admin-key", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"], "--admin-secret"),
        (vec!["--admin-key", "me", "--admin-secret", "s"], "not a UUID"),
    ] {
        let refused = refusal(&args);
        assert!(refused.contains(says), "{args:?} was refused with {refused:?}");
    }
}

#[test]
fn the_local_authority_vouches_for_every_name_that_we_are_called_by() {
    let args = ["--tls-local-ca", "--http-addr", "192.0.2.1:443", "--public-url", "https://relay.example.com"];
    let Some(tls::Source::LocalAuthority { dir, names }) = options(&args).unwrap().tls else {
        panic!("no local authority");
    };
    assert_eq!(dir, Path::new("relay-data/ca"));
    assert_eq!(names, ["localhost", "127.0.0.1", "::1", "192.0.2.1", "relay.example.com"]);
    let v6 = options(&["--tls-local-ca", "--public-url", "https://[2001:db8::1]"]).unwrap().tls;
    assert!(matches!(v6, Some(tls::Source::LocalAuthority { names, .. }) if names.contains(&"2001:db8::1".to_owned())));
}

#[test]
fn secrets_do_not_print() {
    let args = ["--nats-url", "nats://x", "--master-key", KEY, "--nats-user", "u", "--nats-password", "marked"];
    let printed = format!("{:?}", options(&args).unwrap());
    assert!(!printed.contains("marked") && !printed.contains(KEY), "{printed}");
}

#[test]
fn a_bound_address_has_a_url() {
    let url = |bound: &str, is_tls| url_of(bound.parse().unwrap(), is_tls).unwrap().to_string();
    assert_eq!(url("127.0.0.1:8080", false), "http://127.0.0.1:8080/");
    assert_eq!(url("0.0.0.0:8443", true), "https://localhost:8443/");
    assert_eq!(url("[::1]:80", false), "http://[::1]/");
}
