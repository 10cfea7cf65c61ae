//! A secret shows its text only when asked.

use super::*;

#[derive(Debug, Serialize, Deserialize)]
struct Carrier {
    #[serde(with = "exposed")]
    secret: Secret,
}

#[test]
fn debug_hides_the_text() {
    let carrier = Carrier { secret: Secret::from("hunter2".to_owned()) };
    assert_eq!(format!("{carrier:?}"), "Carrier { secret: Secret(…) }");
}

#[test]
fn explicit_serialization_keeps_the_text() {
    let carrier: Carrier = serde_json::from_str(r#"{"secret":"hunter2"}"#).unwrap();
    assert_eq!(carrier.secret.expose(), "hunter2");
    assert_eq!(serde_json::to_string(&carrier).unwrap(), r#"{"secret":"hunter2"}"#);
}
