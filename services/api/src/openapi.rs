//! The description of the API in OpenAPI 3.1, made from what the code has: a table with a line for
//! each operation, and schemas that are read off things as they are shown. A route without a line
//! fails a test, and so does a line without a route.

mod operations;
mod sample;

use serde_json::{Map, Value, json};

pub(crate) use operations::{Operation, operations};

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = describe(&operation);
    }
    let schemas: Map<_, _> = sample::all().into_iter().map(|(name, shown)| (name.to_owned(), schema(&shown))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Relay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Errors are plain text. A field that is missing or null is not changed.",
        },
        "paths": paths,
        "security": [{ "token": [] }, { "session": [] }],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "basic", "description": "Key and secret of a token." },
                "session": { "type": "http", "scheme": "bearer", "description": "A session token." },
            },
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let in_path = operation.path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let in_path = in_path.map(|(name, _)| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } })
    });
    let in_query = operation
        .query
        .iter()
        .map(|name| json!({ "name": name, "in": "query", "required": false, "schema": { "type": "string" } }));
    let parameters: Vec<_> = in_path.chain(in_query).collect();
    let mut described = json!({
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation),
    });
    if operation.is_open {
        described["security"] = json!([]);
    }
    if let Some(name) = operation.body {
        described["requestBody"] = json!({ "content": { "application/json": { "schema": reference(name) } } });
    }
    described
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let good = match operation.answer {
        None => json!({ "description": "Done." }),
        Some((name, true)) => {
            let list = json!({ "type": "array", "items": reference(name) });
            json!({ "description": "Done.", "content": { "application/json": { "schema": list } } })
        }
        Some((name, false)) => {
            json!({ "description": "Done.", "content": { "application/json": { "schema": reference(name) } } })
        }
    };
    responses.insert(operation.status.to_string(), good);
    for (status, why) in operation.refusals() {
        let text = json!({ "text/plain": { "schema": { "type": "string" } } });
        responses.insert(status.to_string(), json!({ "description": why, "content": text }));
    }
    Value::Object(responses)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schema of things that are shown like this one. What is empty here may hold anything.
fn schema(shown: &Value) -> Value {
    match shown {
        Value::Null => json!({}),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(items) => json!({ "type": "array", "items": items.first().map_or_else(|| json!({}), schema) }),
        Value::Object(fields) => {
            let properties: Map<_, _> = fields.iter().map(|(name, value)| (name.clone(), schema(value))).collect();
            json!({ "type": "object", "properties": properties })
        }
    }
}

#[cfg(test)]
mod tests;
