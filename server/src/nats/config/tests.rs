//! The file's text, whole.

use super::*;

fn config(dir: &str, durability: Durability) -> Config {
    Config {
        server_name: "relay-0011".to_owned(),
        port: 4321,
        user: "relay".to_owned(),
        password: Secret::from("secret".to_owned()),
        durability,
        monitor_port: 4322,
        monitor_path: Secret::from("path".to_owned()),
        dir: PathBuf::from(dir),
    }
}

#[test]
fn the_text_is_as_agreed() {
    let text = config("/data dir/nats", Durability::Always).text().unwrap();
    assert_eq!(text, include_str!("golden.conf"));
}

#[test]
fn fast_flushes_every_two_minutes() {
    let text = config("/data/nats", Durability::Fast).text().unwrap();
    assert!(text.contains("sync_interval: \"2m\""), "{text}");
    assert!(!text.contains("sync_interval: always"), "{text}");
}

#[test]
fn a_directory_that_cannot_be_quoted_is_refused() {
    for dir in ["/da\"ta", "/da\\ta", "/da\nta"] {
        assert!(config(dir, Durability::Always).text().is_err(), "{dir:?}");
    }
}
