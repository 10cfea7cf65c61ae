//! Which deliveries of an output belong together when it keeps order by key.

use std::hash::{DefaultHasher, Hash as _, Hasher};

use serde_json::Value;

use crate::record::OrderKey;
use crate::request::Request;

/// The key of a delivery. Different values may share one: then one waits in vain, and that is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

/// Reads the key of a request. Requests without the header, or without that place in a JSON body
/// that lies in the event, share one key: nobody knows which of them belong together.
pub fn key(from: &OrderKey, request: &Request) -> Key {
    let mut hasher = DefaultHasher::new();
    match from {
        OrderKey::Header(name) => request.header(name).hash(&mut hasher),
        OrderKey::Pointer(pointer) => {
            let body: Option<Value> = serde_json::from_slice(&request.body).ok();
            let value = body.as_ref().and_then(|body| body.pointer(pointer));
            value.map(Value::to_string).hash(&mut hasher);
        }
    }
    Key(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Header;

    fn request(header: &[&str], body: &'static str) -> Request {
        let line = |value: &&str| Header { name: "X-Order".into(), value: (*value).to_owned().into() };
        Request { headers: header.iter().map(line).collect(), body: body.into(), ..Request::default() }
    }

    #[test]
    fn the_first_header_line_of_the_name_decides() {
        let key = |values: &[&str]| key(&OrderKey::Header("x-order".into()), &request(values, "{}"));
        assert_eq!(key(&["1"]), key(&["1", "2"]));
        assert_ne!(key(&["1"]), key(&["2"]));
        assert_eq!(key(&[]), key(&[]));
        assert_ne!(key(&[]), key(&[""]), "a header that is missing is no empty one");
    }

    #[test]
    fn a_place_in_the_body_decides() {
        let key = |body| key(&OrderKey::Pointer("/order/id".into()), &request(&[], body));
        assert_eq!(key(r#"{"order":{"id":1}}"#), key(r#"{"a":0,"order":{"id":1,"b":2}}"#));
        assert_ne!(key(r#"{"order":{"id":1}}"#), key(r#"{"order":{"id":"1"}}"#));
        assert_eq!(key("no json"), key("{}"), "those without a key share one");
        assert_ne!(key("{}"), key(r#"{"order":{"id":1}}"#));
    }
}
