//! The description of the API in OpenAPI 3.1, made from what the code has: a table with a line for
//! each operation, and schemas that are read off things as they are
//! shown and asked for. A route without a line
//! fails a test, and so does a line without a route.

mod asked;
mod link;
mod operations;
mod parameter;
mod sample;
mod schema;

use schema::By;
use serde_json::{Map, Value, json};

pub(crate) use operations::{Operation, operations};

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = describe(&operation);
    }
    let shown = sample::all().into_iter().map(|(name, samples)| (name.to_owned(), schema::of(&samples, By::Us)));
    let asked = asked::all().into_iter().map(|asked| {
        // A tree has no fields of its own.
        let schema = match asked.name {
            "Rules" => json!({ "type": "object", "examples": [asked.example] }),
            _ => schema::of(&[asked.example], By::Client),
        };
        (asked.name.to_owned(), schema)
    });
    let schemas: Map<_, _> = shown.chain(asked).collect();
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
    let in_path = in_path.map(|(name, _)| parameter::in_path(name));
    let in_query = operation.query.iter().map(|name| parameter::in_query(operation.path, name));
    let parameters: Vec<_> = in_path.chain(in_query).collect();
    let mut described = json!({
        "operationId": operation.id(),
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation),
    });
    if operation.is_open {
        described["security"] = json!([]);
    }
    if let Some(name) = operation.body {
        described["requestBody"] = request_body(operation, name);
    }
    described
}

/// What makes something new has to say more than what changes it.
fn request_body(operation: &Operation, name: &str) -> Value {
    let asked = asked::all().into_iter().find(|asked| asked.name == name);
    let needed = asked.as_ref().map_or(&[][..], |asked| asked.needed);
    let schema = match operation.method {
        "POST" if !needed.is_empty() => json!({ "allOf": [reference(name), { "required": needed }] }),
        _ => reference(name),
    };
    let example = asked.map(|asked| asked.example);
    json!({ "required": true, "content": { "application/json": { "schema": schema, "example": example } } })
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let mut good = match operation.answer {
        None => json!({ "description": "Done." }),
        Some((name, _)) if operation.is_stream => {
            let text = json!({ "type": "string", "description": format!("Server-sent events, each with a {name}.") });
            json!({ "description": "Done.", "content": { "text/event-stream": { "schema": text } } })
        }
        Some((name, true)) => {
            let list = json!({ "type": "array", "items": reference(name) });
            json!({ "description": "Done.", "content": { "application/json": { "schema": list } } })
        }
        Some((name, false)) => {
            json!({ "description": "Done.", "content": { "application/json": { "schema": reference(name) } } })
        }
    };
    let links = link::from(operation);
    if !links.is_empty() {
        good["links"] = Value::Object(links);
    }
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

#[cfg(test)]
mod tests;
