//! The file has the three fields that the command line reads.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_file_is_private_has_three_fields_and_follows_the_address() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    note_url(&path, "http://127.0.0.1:1").unwrap();
    assert!(!path.exists(), "nothing is made of nothing");
    let credentials =
        Credentials { url: "http://127.0.0.1:1".to_owned(), key: TokenId(Uuid::nil()), secret: "s".parse().unwrap() };
    write(&path, &credentials).unwrap();
    note_url(&path, "http://127.0.0.1:2").unwrap();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "url": "http://127.0.0.1:2", "key": "00000000-0000-0000-0000-000000000000", "secret": "s",
    });
    assert_eq!(json, expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
