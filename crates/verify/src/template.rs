//! What is signed, as a text with places to fill in: `{time}`, `{body}`, `{url}`, `{method}`,
//! `{header:NAME}`. `{timestamp}` is `{time}`.

use std::borrow::Cow;

use crate::head::Head;
use crate::verdict::Reason;

/// A template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Time,
    Body,
    Url,
    /// As HubSpot signs it; no owner's scheme has it.
    UrlOfHubSpot,
    Method,
    Header(String),
}

/// What stands as itself in the URL that HubSpot signs, however it is written in the one that it calls.
const AS_THEMSELVES: &[u8] = b":/?@!$'()*,;";

/// What of a message lies before the body and what behind it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

/// A template that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A brace without its partner, or a place that is none.
    #[error("in a template stand {{time}}, {{body}}, {{url}}, {{method}} and {{header:NAME}}, not {0:?}")]
    Place(String),
    /// The body is not signed exactly once.
    #[error("a template has {{body}} in it once")]
    Body,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`].
    pub(crate) fn parse(mut text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        while let Some(at) = text.find(['{', '}']) {
            if at > 0 {
                parts.push(Part::Literal(text[..at].to_owned()));
            }
            let place = text[at..].split_inclusive('}').next().unwrap_or_default();
            parts.push(Part::parse(place).ok_or_else(|| InvalidTemplate::Place(place.to_owned()))?);
            text = &text[at + place.len()..];
        }
        if !text.is_empty() {
            parts.push(Part::Literal(text.to_owned()));
        }
        match parts.iter().filter(|part| **part == Part::Body).count() {
            1 => Ok(Self(parts)),
            _ => Err(InvalidTemplate::Body),
        }
    }

    /// Whether the signed time has a place in it.
    pub(crate) fn has_time(&self) -> bool {
        self.0.contains(&Part::Time)
    }

    /// Fills in what is known of a webhook.
    pub(crate) fn fill(&self, head: &Head<'_>, time: &str) -> Result<Message, Reason> {
        let mut message = Message::default();
        let mut is_behind = false;
        for part in &self.0 {
            let bytes: Cow<'_, [u8]> = match part {
                Part::Literal(text) => text.as_bytes().into(),
                Part::Time => time.as_bytes().into(),
                Part::Url => head.url.as_bytes().into(),
                Part::UrlOfHubSpot => url_of_hubspot(head.url).into_bytes().into(),
                Part::Method => head.request.method.as_bytes().into(),
                Part::Header(name) => head.needed(name)?.as_bytes().into(),
                Part::Body => {
                    is_behind = true;
                    continue;
                }
            };
            let side = if is_behind { &mut message.after } else { &mut message.before };
            side.extend_from_slice(&bytes);
        }
        Ok(message)
    }
}

impl Part {
    fn parse(place: &str) -> Option<Self> {
        Some(match place.strip_prefix('{')?.strip_suffix('}')? {
            "time" | "timestamp" => Self::Time,
            "body" => Self::Body,
            "url" => Self::Url,
            "url of hubspot" => Self::UrlOfHubSpot,
            "method" => Self::Method,
            other => Self::Header(other.strip_prefix("header:").filter(|name| !name.is_empty())?.to_owned()),
        })
    }
}

fn url_of_hubspot(url: &str) -> String {
    let mut pieces = url.split('%');
    let mut signed = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code.filter(|code| AS_THEMSELVES.contains(code)) {
            Some(code) => {
                signed.push(char::from(code));
                signed.push_str(&piece[2..]);
            }
            None => {
                signed.push('%');
                signed.push_str(piece);
            }
        }
    }
    signed
}

#[cfg(test)]
mod tests {
    use model::UnixMs;
    use model::request::{Header, Request};

    use super::*;

    #[test]
    fn a_template_is_filled_in_around_the_body() {
        let header = Header { name: "X-Id".into(), value: "7".into() };
        let request = Request { method: "PUT".into(), headers: vec![header], ..Request::default() };
        let head = Head { request: &request, url: "https://a/b?c", now: UnixMs(0) };
        let filled = |text: &str| {
            let message = Template::parse(text).unwrap().fill(&head, "12").unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (text(message.before), text(message.after))
        };
        assert_eq!(filled("{body}"), (String::new(), String::new()));
        assert_eq!(filled("v0:{time}:{body}"), ("v0:12:".into(), String::new()));
        assert_eq!(filled("{method}{url}{body}{timestamp}"), ("PUThttps://a/b?c".into(), "12".into()));
        assert_eq!(filled("{header:x-id}.{body}!"), ("7.".into(), "!".into()));
        let missing = Template::parse("{header:x-other}{body}").unwrap().fill(&head, "");
        assert_eq!(missing.unwrap_err(), Reason::MissingHeader);
    }

    #[test]
    fn hubspot_signs_a_url_with_some_characters_as_themselves() {
        for (called, signed) in [
            ("https://a/b?c=%3A%2f%3F%40%21%24%27%28%29%2A%2c%3B", "https://a/b?c=:/?@!$'()*,;"),
            ("https://a/%20b%26c%3Dd%25", "https://a/%20b%26c%3Dd%25"),
            ("https://a/%253A", "https://a/%253A"),
            ("https://a/%+3%", "https://a/%+3%"),
            ("https://a/%\u{e9}", "https://a/%\u{e9}"),
        ] {
            assert_eq!(url_of_hubspot(called), signed);
        }
    }

    #[test]
    fn a_template_that_cannot_be_read_is_refused() {
        for text in ["{bod}{body}", "{body", "}{body}", "{header:}{body}", "{{body}}"] {
            assert!(matches!(Template::parse(text), Err(InvalidTemplate::Place(_))), "{text}");
        }
        for text in ["", "{time}", "{body}{body}"] {
            assert_eq!(Template::parse(text), Err(InvalidTemplate::Body), "{text}");
        }
    }
}
