//! A key is made once, kept, and never made beside data.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_key_is_made_once_and_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let made = open(dir.path(), &store).unwrap();
    fs::create_dir(&store).unwrap();
    assert_eq!(open(dir.path(), &store).unwrap().active_id(), made.active_id());
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

#[test]
fn the_first_of_several_keys_wraps() {
    let dir = tempfile::tempdir().unwrap();
    let made = open(dir.path(), &dir.path().join("store")).unwrap();
    let path = dir.path().join(FILE);
    let newer = MasterKey::generate().unwrap();
    let text = format!("{}\n{}", newer.to_base64().expose(), fs::read_to_string(&path).unwrap());
    fs::write(&path, text).unwrap();
    let both = find(dir.path()).unwrap();
    assert_eq!(both.ids().collect::<Vec<_>>(), [newer.id(), made.active_id()]);
    fs::remove_file(&path).unwrap();
    assert!(find(dir.path()).unwrap_err().to_string().contains("is missing"));
}
