//! Where an answer leads: the ids in it are those that other operations take.

use serde_json::{Map, Value, json};

use super::operations::{Operation, operations};

/// The operations that take an id which this one answers.
pub(super) fn from(operation: &Operation) -> Map<String, Value> {
    let (below, id) = match (operation.method, operation.path) {
        // Its answer has a key, and whoever follows it may end the token that is asked with.
        (_, "/v1/tokens") => return Map::new(),
        ("GET", "/v1/logs") => (operation.path, "$response.body#/data/0/id"),
        ("POST", path) if operation.is_made() => (path, "$response.body#/id"),
        _ => return Map::new(),
    };
    let leads = |other: &Operation| {
        let (name, rest) = other.path.strip_prefix(below)?.strip_prefix("/{")?.split_once('}')?;
        // One id is known, and no second one.
        if rest.contains('{') {
            return None;
        }
        let above = below.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let mut parameters: Map<_, _> =
            above.map(|(name, _)| (name.to_owned(), json!(format!("$request.path.{name}")))).collect();
        parameters.insert(name.to_owned(), json!(id));
        Some((other.id(), json!({ "operationId": other.id(), "parameters": parameters })))
    };
    operations().iter().filter_map(leads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_leads_to_what_is_done_with_it() {
        let links = |method: &str, path: &str| {
            let all = operations();
            from(all.iter().find(|operation| (operation.method, operation.path) == (method, path)).unwrap())
        };
        let input = links("POST", "/v1/buckets/{id}/inputs");
        let parameters = json!({ "id": "$request.path.id", "input": "$response.body#/id" });
        assert_eq!(input["get_v1_buckets_id_inputs_input"]["parameters"], parameters);
        assert!(links("GET", "/v1/logs").contains_key("post_v1_logs_id_action"));
        assert!(links("GET", "/v1/buckets").is_empty() && links("POST", "/v1/tokens").is_empty());
    }
}
