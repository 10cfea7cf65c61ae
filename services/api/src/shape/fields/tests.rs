//! Fields are taken as they were meant, and complaints name them.

use super::*;

fn fields(json: &str) -> Fields {
    Fields::parse(json.as_bytes()).unwrap()
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T, Error>, text: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_body_is_a_json_object() {
    check_refused(Fields::parse(b" \n"), "the body is empty; a JSON object is expected");
    check_refused(Fields::parse(b"[]"), "the body must be a JSON object");
    check_refused(Fields::parse(b"\"x\""), "the body must be a JSON object");
    check_refused(Fields::parse(b"{"), "the body is not valid JSON: EOF while parsing an object at line 1 column 1");
    assert!(Fields::parse(b"\xff").is_err());
    assert!(Fields::parse(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn a_deep_body_is_refused_and_not_followed() {
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Fields::parse(deep(100).as_bytes()).is_ok());
    assert!(Fields::parse(deep(500_000).as_bytes()).is_err());
}

#[test]
fn missing_and_null_are_not_said() {
    let fields = fields(r#"{"a":null}"#);
    for field in ["a", "b"] {
        assert_eq!(fields.text(field, 9).unwrap(), None);
        assert_eq!(fields.flag(field).unwrap(), None);
        assert_eq!(fields.number(field, 0..=9_u32).unwrap(), None);
        assert_eq!(fields.texts(field, 9, 9).unwrap(), None);
        assert!(fields.object(field).unwrap().is_none());
    }
}

#[test]
fn texts_have_a_length() {
    let fields = fields(r#"{"a":"1234","n":1}"#);
    assert_eq!(fields.text("a", 4).unwrap(), Some("1234"));
    check_refused(fields.text("a", 3), "a: has more than 3 bytes");
    check_refused(fields.text("n", 3), "n: must be a text");
}

#[test]
fn descriptions_have_a_length() {
    let of = |bytes: usize| fields(&format!(r#"{{"description":"{}"}}"#, "x".repeat(bytes))).description();
    assert_eq!(of(DESCRIPTION_BYTES_MAX).unwrap().unwrap().len(), DESCRIPTION_BYTES_MAX);
    check_refused(of(DESCRIPTION_BYTES_MAX + 1), "description: has more than 4096 bytes");
    assert_eq!(of(0).unwrap().as_deref(), Some(""));
}

#[test]
fn labels_are_printable_and_short() {
    let of = |name: &str| fields(&serde_json::json!({ "name": name }).to_string()).label();
    for good in ["a", "Default public endpoint", "http://localhost:8080/x?y=z", "größer", &"x".repeat(LABEL_BYTES_MAX)]
    {
        assert_eq!(of(good).unwrap().as_deref(), Some(good));
    }
    assert_eq!(of("").unwrap(), None);
    check_refused(of(&"x".repeat(LABEL_BYTES_MAX + 1)), "name: has more than 128 bytes");
    check_refused(of("a\nb"), "name: a name has no control characters");
    check_refused(of("a\0"), "name: a name has no control characters");
    check_refused(of(" a"), "name: a name does not begin or end with a space");
    check_refused(of(" "), "name: a name does not begin or end with a space");
}

#[test]
fn numbers_are_whole_and_within_their_range() {
    let of = |value: &str| fields(&format!(r#"{{"n":{value}}}"#)).number("n", -1..=180_i32);
    assert_eq!(of("-1").unwrap(), Some(-1));
    assert_eq!(of("180").unwrap(), Some(180));
    for bad in ["-2", "181", "1.5", "99999999999999999999", "\"1\"", "true", "[]"] {
        check_refused(of(bad), "n: must be a whole number from -1 to 180");
    }
}

#[test]
fn flags_are_true_or_false() {
    assert_eq!(fields(r#"{"a":false}"#).flag("a").unwrap(), Some(false));
    check_refused(fields(r#"{"a":"false"}"#).flag("a"), "a: must be true or false");
    check_refused(fields(r#"{"a":0}"#).flag("a"), "a: must be true or false");
}

#[test]
fn lists_have_a_length_and_so_have_their_texts() {
    let fields = fields(r#"{"a":["1","22"],"b":[1],"c":"1"}"#);
    assert_eq!(fields.texts("a", 2, 2).unwrap().unwrap(), ["1", "22"]);
    check_refused(fields.texts("a", 1, 2), "a: has more than 1 entries");
    check_refused(fields.texts("a", 2, 1), "a: has an entry of more than 1 bytes");
    check_refused(fields.texts("b", 2, 2), "b: must be a list of texts");
    check_refused(fields.texts("c", 2, 2), "c: must be a list of texts");
}

#[test]
fn complaints_about_inner_fields_name_the_way_to_them() {
    let fields = fields(r#"{"a":{"b":1},"c":1}"#);
    check_refused(fields.object("a").unwrap().unwrap().flag("b"), "a.b: must be true or false");
    check_refused(fields.object("c"), "c: must be an object");
}

#[test]
fn what_is_not_built_yet_may_be_empty_and_nothing_else() {
    let empty = r#"{"a":null,"b":"","c":0,"d":false,"e":[],"f":{},"g":{"h":false,"i":[],"j":"","k":0.0}}"#;
    fields(empty).refuse_unsupported(&["a", "b", "c", "d", "e", "f", "g", "z"]).unwrap();
    for said in ["true", "1", "-1", "\"x\"", "[1]", "{\"a\":{\"b\":[true]}}"] {
        let fields = fields(&format!(r#"{{"rules":{said}}}"#));
        check_refused(fields.refuse_unsupported(&["other", "rules"]), "rules is not supported yet");
    }
}
