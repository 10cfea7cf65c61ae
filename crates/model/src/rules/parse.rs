//! From JSON to the tree, saying where something is wrong.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::node::{Condition, Hash, Node, Parameter, Source};
use super::pattern::Pattern;
use super::{DEPTH_MAX, InvalidRules, NODES_MAX, Problem, REGEXES_BYTES_MAX, RULES_BYTES_MAX};

/// The operators in the order in which they are looked for: the first that is there decides.
const OPERATORS: [&str; 4] = ["and", "or", "not", "match"];

/// What a tree has taken so far of what it may take.
#[derive(Default)]
struct Taken {
    nodes: usize,
    regex_bytes: usize,
}

/// The tree that `given` means; nothing when it is no rules at all.
pub(super) fn root(given: &Value) -> Result<Option<Node>, InvalidRules> {
    let place = Place::Root;
    let fields = match given {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        _ => return Err(place.error(Problem::NotAnObject)),
    };
    let is_known = |(name, value): (&String, &Value)| OPERATORS.contains(&name.as_str()) && value.is_null();
    if fields.iter().all(is_known) {
        return Ok(None);
    }
    if Counter::json_bytes(given) > RULES_BYTES_MAX {
        return Err(place.error(Problem::TooLarge));
    }
    node(given, &place, 1, &mut Taken::default()).map(Some)
}

fn node(value: &Value, place: &Place<'_>, depth: usize, taken: &mut Taken) -> Result<Node, InvalidRules> {
    if depth > DEPTH_MAX {
        return Err(place.error(Problem::TooDeep));
    }
    taken.nodes += 1;
    if taken.nodes > NODES_MAX {
        return Err(place.error(Problem::TooMany));
    }
    let fields = object(value, place)?;
    let found = OPERATORS.iter().find_map(|name| Some((*name, fields.get(*name).filter(|value| !value.is_null())?)));
    let Some((operator, operand)) = found else {
        return Err(place.error(Problem::NoOperator));
    };
    let place = Place::Field(place, operator);
    match operator {
        "and" => list(operand, &place, depth, taken).map(Node::And),
        "or" => list(operand, &place, depth, taken).map(Node::Or),
        "not" => Ok(Node::Not(Box::new(node(operand, &place, depth + 1, taken)?))),
        _ => condition(object(operand, &place)?, &place, taken).map(Node::Match),
    }
}

fn list(value: &Value, place: &Place<'_>, depth: usize, taken: &mut Taken) -> Result<Vec<Node>, InvalidRules> {
    let items = value.as_array().ok_or_else(|| place.error(Problem::NotAList))?;
    let item = |(at, value)| node(value, &Place::Item(place, at), depth + 1, taken);
    items.iter().enumerate().map(item).collect()
}

fn condition(fields: &Map<String, Value>, place: &Place<'_>, taken: &mut Taken) -> Result<Condition, InvalidRules> {
    let hash = |hash| {
        let secret = needed(fields, "secret", place)?;
        Ok(Condition::Signed { parameter: parameter(fields, place)?, hash, secret })
    };
    match needed(fields, "type", place)?.as_str() {
        "value" => {
            let value = text(fields, "value", place)?.unwrap_or_default();
            Ok(Condition::Equals { parameter: parameter(fields, place)?, value })
        }
        "contains" | "substring" => contains(fields, place, false),
        "does-not-contain" => contains(fields, place, true),
        "regex" => Ok(Condition::Matches { parameter: parameter(fields, place)?, regex: regex(fields, place, taken)? }),
        "payload-hash-sha1" | "payload-hmac-sha1" => hash(Hash::Sha1),
        "payload-hash-sha256" | "payload-hmac-sha256" => hash(Hash::Sha256),
        "payload-hash-sha512" | "payload-hmac-sha512" => hash(Hash::Sha512),
        "ip-whitelist" => ranges(fields, place).map(Condition::CalledFrom),
        other => Err(Place::Field(place, "type").error(Problem::UnknownType(other.to_owned()))),
    }
}

/// Takes the text to look for from `substring`, or from `value` where only that is given.
fn contains(fields: &Map<String, Value>, place: &Place<'_>, negated: bool) -> Result<Condition, InvalidRules> {
    let part = match text(fields, "substring", place)?.filter(|part| !part.is_empty()) {
        Some(part) => part,
        None => text(fields, "value", place)?
            .filter(|part| !part.is_empty())
            .ok_or_else(|| Place::Field(place, "substring").error(Problem::Missing))?,
    };
    Ok(Condition::Contains { parameter: parameter(fields, place)?, part, negated })
}

fn regex(fields: &Map<String, Value>, place: &Place<'_>, taken: &mut Taken) -> Result<Pattern, InvalidRules> {
    let pattern = needed(fields, "regex", place)?;
    let place = Place::Field(place, "regex");
    let compiled = Pattern::new(&pattern).map_err(|wrong| place.error(Problem::Regex(wrong)))?;
    taken.regex_bytes += compiled.bytes();
    if taken.regex_bytes > REGEXES_BYTES_MAX {
        return Err(place.error(Problem::RegexesTooLarge));
    }
    Ok(compiled)
}

/// Ranges are separated by white space or commas; an address alone is a range of one.
fn ranges(fields: &Map<String, Value>, place: &Place<'_>) -> Result<Vec<IpNet>, InvalidRules> {
    let texts = needed(fields, "ip-range", place)?;
    let place = Place::Field(place, "ip-range");
    let texts = texts.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty());
    let range = |text: &str| {
        let range = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        range.map_err(|_| place.error(Problem::Range(text.to_owned())))
    };
    let ranges: Vec<IpNet> = texts.map(range).collect::<Result<_, _>>()?;
    if ranges.is_empty() { Err(place.error(Problem::Missing)) } else { Ok(ranges) }
}

fn parameter(fields: &Map<String, Value>, place: &Place<'_>) -> Result<Parameter, InvalidRules> {
    let place = &Place::Field(place, "parameter");
    let fields = match fields.get("parameter") {
        None | Some(Value::Null) => return Err(place.error(Problem::Missing)),
        Some(value) => object(value, place)?,
    };
    let name = || needed(fields, "name", place);
    let source = match needed(fields, "source", place)?.as_str() {
        "header" => Source::Header(name()?),
        "payload" => Source::Payload(name()?),
        "query" | "url" => Source::Query(name()?),
        "body" | "raw-request-body" => Source::Body,
        "path" => Source::Path,
        "ip" => Source::Ip,
        other => return Err(Place::Field(place, "source").error(Problem::UnknownSource(other.to_owned()))),
    };
    let base64 = match fields.get("base64decode") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(base64)) => *base64,
        Some(_) => return Err(Place::Field(place, "base64decode").error(Problem::NotABool)),
    };
    Ok(Parameter { source, base64 })
}

fn object<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a Map<String, Value>, InvalidRules> {
    value.as_object().ok_or_else(|| place.error(Problem::NotAnObject))
}

/// The text of a field that must be there and not be empty.
fn needed(fields: &Map<String, Value>, name: &'static str, place: &Place<'_>) -> Result<String, InvalidRules> {
    let text = text(fields, name, place)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| Place::Field(place, name).error(Problem::Missing))
}

/// The text of a field; numbers and booleans are compared as text, so they may be given as such.
fn text(fields: &Map<String, Value>, name: &'static str, place: &Place<'_>) -> Result<Option<String>, InvalidRules> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(bool)) => Ok(Some(bool.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => Err(Place::Field(place, name).error(Problem::NotText)),
    }
}

/// Where in the tree we are; written out only when something is wrong.
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'static str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn error(&self, problem: Problem) -> InvalidRules {
        InvalidRules { place: self.to_string(), problem }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("rules"),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

/// Counts what is written to it.
struct Counter(usize);

impl Counter {
    /// The size of a value as compact JSON, in bytes.
    fn json_bytes(value: &Value) -> usize {
        let mut counter = Self(0);
        // Counting cannot fail.
        let _ = write!(counter, "{value}");
        counter.0
    }
}

impl fmt::Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
