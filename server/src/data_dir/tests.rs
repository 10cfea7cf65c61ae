//! One holder at a time; secrets are written 0600 and whole.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

#[test]
fn a_second_server_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data");
    let first = DataDir::open(&path).unwrap();
    let refused = DataDir::open(&path).unwrap_err().to_string();
    assert!(refused.contains("in use by another relay-server"), "{refused}");
    drop(first);
    DataDir::open(&path).unwrap();
}

#[test]
fn the_directory_and_its_secrets_are_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(&dir.path().join("data")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data.path()), 0o700);

    let secret = data.path().join("secret");
    fs::write(&secret, "old").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    write_private(&secret, b"new").unwrap();
    assert_eq!(fs::read(&secret).unwrap(), b"new");
    assert_eq!(mode(&secret), 0o600);
    assert_eq!(mode(&data.path().join(LOCK_FILE)), 0o600);
}
