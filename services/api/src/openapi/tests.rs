//! The description and the routes say the same.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_schema_that_is_named_is_there_and_says_something() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let named = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let named: BTreeSet<&str> = named.collect();
    assert_eq!(named, schemas.keys().map(String::as_str).collect());
    for (name, schema) in schemas {
        assert_eq!(schema["type"], "object", "{name}");
    }
    assert_eq!(schemas["Bucket"]["properties"]["inputs"]["items"]["properties"]["id"], json!({ "type": "string" }));
}

#[test]
fn each_operation_is_described_once() {
    let operations = operations();
    let distinct: BTreeSet<_> = operations.iter().map(|operation| (operation.method, operation.path)).collect();
    assert_eq!(distinct.len(), operations.len());
}
