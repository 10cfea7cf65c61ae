//! A key is made once, kept, and never made beside data.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_key_is_made_once_and_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let made = open(dir.path(), &store).unwrap();
    fs::create_dir(&store).unwrap();
    assert_eq!(open(dir.path(), &store).unwrap().id().to_string(), made.id().to_string());
    let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_is_not_made_beside_data() {
    let dir = tempfile::tempdir().unwrap();
    let refused = open(dir.path(), dir.path()).unwrap_err().to_string();
    assert!(refused.contains("is missing, and without it"), "{refused}");
    assert!(!dir.path().join(FILE).exists());
}
