//! The process table is read right.

use super::*;

#[test]
fn the_state_follows_the_last_bracket() {
    assert_eq!(state_of("12 (nats-server) S 1 12 12"), Some('S'));
    assert_eq!(state_of("12 (odd) name)) Z 1 12"), Some('Z'));
    assert_eq!(state_of("12"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn only_a_process_with_our_configuration_is_ours() {
    let config = Path::new("/data/nats/nats.conf");
    for (line, ours) in [
        ("/usr/bin/nats-server\0--config\0/data/nats/nats.conf\0", true),
        ("nats-server\0--config\0/data/nats/nats.conf\0", true),
        ("nats-server\0--config\0/data2/nats/nats.conf\0", false),
        ("vim\0/data/nats/nats.conf\0", false),
        ("relay-server\0nats-guard\0/bin/nats-server\0/data/nats/nats.conf\0", false),
        ("", false),
    ] {
        assert_eq!(is_ours(line.as_bytes(), config), ours, "{line:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_table_can_be_read() {
    let none = processes_of(Path::new("/nowhere/nats.conf")).unwrap();
    assert!(none.is_empty());
}
