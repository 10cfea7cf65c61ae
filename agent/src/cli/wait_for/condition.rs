//! One condition on an event: a name, an operator, a text.

use std::str::FromStr;

use regex::Regex;
use serde_json::Value;

use crate::rest::Log;

/// A condition.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Condition {
    subject: Subject,
    test: Test,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Method,
    Path,
    Query,
    Body,
    Status,
    StatusCode,
    Output,
    Input,
    Header(String),
    /// Keys and numbers, from the outside in.
    Json(Vec<String>),
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Matches(Regex),
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "a condition is NAME=TEXT, NAME!=TEXT or NAME~PATTERN".to_owned();
        let at = text.find(['=', '!', '~']).ok_or_else(refuse)?;
        let (name, rest) = text.split_at(at);
        let subject = name.trim().parse()?;
        let test = if let Some(pattern) = rest.strip_prefix('~') {
            Test::Matches(Regex::new(pattern).map_err(|_| format!("'{pattern}' is no regular expression"))?)
        } else if let Some(text) = rest.strip_prefix("!=") {
            Test::IsNot(text.to_owned())
        } else {
            Test::Is(rest.strip_prefix('=').ok_or_else(refuse)?.to_owned())
        };
        Ok(Self { subject, test })
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "method" => Self::Method,
            "path" => Self::Path,
            "query" => Self::Query,
            "body" => Self::Body,
            "status" => Self::Status,
            "status_code" => Self::StatusCode,
            "output" => Self::Output,
            "input" => Self::Input,
            name => match name.split_once('.') {
                Some(("header", header)) if !header.is_empty() => Self::Header(header.to_owned()),
                Some(("json", path)) if !path.is_empty() => Self::Json(path.split('.').map(str::to_owned).collect()),
                Some(_) | None => {
                    return Err(format!(
                        "'{name}' is nothing that can be compared: there are method, path, query, body, status, \
                         status_code, output, input, header.NAME and json.PATH"
                    ));
                }
            },
        })
    }
}

impl Condition {
    /// Whether it looks at what lists leave out.
    pub(super) fn needs_message(&self) -> bool {
        match self.subject {
            Subject::Header(_) | Subject::Json(_) | Subject::Body | Subject::Query => true,
            Subject::Method
            | Subject::Path
            | Subject::Status
            | Subject::StatusCode
            | Subject::Output
            | Subject::Input => false,
        }
    }

    /// Whether it holds. What is not there is not equal to anything, and matches nothing.
    pub(in crate::cli) fn holds(&self, log: &Log) -> bool {
        let found = self.look(log);
        match (&self.test, found) {
            (Test::Is(text), Some(found)) => found == *text,
            (Test::IsNot(text), Some(found)) => found != *text,
            (Test::Matches(pattern), Some(found)) => pattern.is_match(&found),
            (Test::Is(_) | Test::Matches(_), None) => false,
            (Test::IsNot(_), None) => true,
        }
    }

    fn look(&self, log: &Log) -> Option<String> {
        match &self.subject {
            Subject::Method => Some(log.method.clone()),
            Subject::Path => Some(if log.extra_path.is_empty() { "/".to_owned() } else { log.extra_path.clone() }),
            Subject::Query => Some(log.raw_query.clone()),
            Subject::Body => Some(log.body.clone()),
            Subject::Status => Some(log.status.clone()),
            Subject::StatusCode => Some(log.status_code.to_string()),
            Subject::Output => Some(log.output_id.clone()),
            Subject::Input => Some(log.input_id.clone()),
            Subject::Header(name) => log.header(name),
            Subject::Json(path) => {
                let body: Value = serde_json::from_str(&log.body).ok()?;
                let found = path.iter().try_fold(&body, |value, key| match value {
                    Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                    Value::Object(fields) => fields.get(key),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
                })?;
                Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_or_do_not() {
        let log: Log = serde_json::from_value(serde_json::json!({
            "id": "l", "method": "POST", "extra_path": "/hook/a", "raw_query": "x=1", "status": "sent", "status_code": 200,
            "output_id": "o", "headers": {"X-Foo": ["bar", "baz"]},
            "body": r#"{"action":"opened","n":5,"ok":true,"list":[{"id":7}],"none":null}"#,
        }))
        .unwrap();
        for (text, expected) in [
            ("method=POST", true),
            ("method!=POST", false),
            ("method=post", false),
            ("path~^/hook", true),
            ("path~^hook", false),
            ("path=/hook/a", true),
            ("query=x=1", true),
            ("status=sent", true),
            ("status_code~^2", true),
            ("header.x-foo=bar, baz", true),
            ("header.x-nope=", false),
            ("header.x-nope!=1", true),
            ("json.action=opened", true),
            ("json.n=5", true),
            ("json.ok=true", true),
            ("json.list.0.id=7", true),
            ("json.list.1.id=7", false),
            ("json.none=null", true),
            ("json.action.deeper=x", false),
            ("body~opened", true),
            ("output=o", true),
            ("input=", true),
        ] {
            assert_eq!(text.parse::<Condition>().unwrap().holds(&log), expected, "{text}");
        }
        assert!(!"json.a=1".parse::<Condition>().unwrap().holds(&Log::default()));
        assert!("path=/".parse::<Condition>().unwrap().holds(&Log::default()));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["", "method", "nope=1", "header.=1", "json.=1", "path~(", "path!x", "header=1"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_lists_leave_out_needs_the_whole() {
        assert!("json.a=1".parse::<Condition>().unwrap().needs_message());
        assert!(!"path=/".parse::<Condition>().unwrap().needs_message());
    }
}
