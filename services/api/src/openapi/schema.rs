//! Reads the schema of something off samples of it, in JSON Schema (2020-12) as OpenAPI 3.1 has it.
//!
//! What is in every sample is required, what is `null` in one may be `null`, and what is a text in
//! one and an object in another may be either. So a kind needs a sample with all that it can have,
//! and one with as little as it can have.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Fields whose own fields are named by people: header names, statuses.
const MAPS: [&str; 3] = ["headers", "response_headers", "counts"];
/// Fields that hold a tree of any shape.
const TREES: [&str; 1] = ["rules"];

/// Who writes what is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The API does: every field is there.
    Us,
    /// A client does: what is missing or `null` is not said.
    Client,
}

/// The schema of things that look like these. The first is its example.
pub(super) fn of(samples: &[Value], by: By) -> Value {
    let mut schema = infer(&samples.iter().collect::<Vec<_>>(), by);
    if let (Some(schema), Some(first)) = (schema.as_object_mut(), samples.first()) {
        schema.insert("examples".to_owned(), json!([first]));
    }
    schema
}

fn infer(values: &[&Value], by: By) -> Value {
    let mut schema = Map::new();
    let mut types: BTreeSet<&str> = values.iter().map(|value| type_of(value)).collect();
    if types.is_empty() {
        return json!({});
    }
    if types.contains("object") {
        let objects: Vec<_> = values.iter().filter_map(|value| value.as_object()).collect();
        schema.extend(fields(&objects, by));
    }
    if types.contains("array") {
        let items: Vec<_> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        schema.insert("items".to_owned(), infer(&items, by));
    }
    let texts: Vec<_> = values.iter().filter_map(|value| value.as_str()).collect();
    if by == By::Us && !texts.is_empty() && texts.iter().all(|text| Uuid::try_parse(text).is_ok()) {
        schema.insert("format".to_owned(), json!("uuid"));
    }
    if by == By::Client {
        types.insert("null");
    }
    let types = match types.into_iter().collect::<Vec<_>>()[..] {
        [one] => json!(one),
        ref several => json!(several),
    };
    schema.insert("type".to_owned(), types);
    Value::Object(schema)
}

fn fields(objects: &[&Map<String, Value>], by: By) -> Map<String, Value> {
    let mut schema = Map::new();
    let names: BTreeSet<_> = objects.iter().flat_map(|object| object.keys()).collect();
    let mut properties = Map::new();
    for name in &names {
        let values: Vec<_> = objects.iter().filter_map(|object| object.get(*name)).collect();
        properties.insert((*name).clone(), field(name, &values, by));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    if by == By::Us {
        let always = names.into_iter().filter(|name| objects.iter().all(|object| object.contains_key(*name)));
        schema.insert("required".to_owned(), always.cloned().collect());
    }
    schema
}

fn field(name: &str, values: &[&Value], by: By) -> Value {
    let is_map = values.iter().any(|value| value.is_object());
    if is_map && TREES.contains(&name) {
        return json!({ "type": "object" });
    }
    if !is_map || !MAPS.contains(&name) {
        return infer(values, by);
    }
    let entries: Vec<_> = values.iter().filter_map(|value| value.as_object()).flat_map(Map::values).collect();
    let types = if by == By::Client { json!(["object", "null"]) } else { json!("object") };
    json!({ "type": types, "additionalProperties": infer(&entries, By::Us) })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_everywhere_is_required_and_what_differs_may_differ() {
        let full = json!({ "a": 1, "b": { "c": "x" }, "d": [1], "headers": { "X": ["1"] } });
        let schema = of(&[full.clone(), json!({ "a": null, "b": false, "d": [] })], By::Us);
        assert_eq!(schema["required"], json!(["a", "b", "d"]));
        assert_eq!(schema["examples"], json!([full]));
        let types = |name: &str| schema["properties"][name]["type"].clone();
        assert_eq!([types("a"), types("b")], [json!(["integer", "null"]), json!(["boolean", "object"])]);
        assert_eq!(schema["properties"]["d"]["items"], json!({ "type": "integer" }));
        let lines = json!({ "type": "array", "items": { "type": "string" } });
        assert_eq!(schema["properties"]["headers"]["additionalProperties"], lines);
    }

    #[test]
    fn a_client_may_leave_out_anything() {
        let schema = of(&[json!({ "a": 1, "b": { "c": "x" } })], By::Client);
        assert_eq!(schema["properties"]["a"]["type"], json!(["integer", "null"]));
        assert!(schema.get("required").is_none() && schema["properties"]["b"].get("required").is_none());
    }
}
