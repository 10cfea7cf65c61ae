//! What of a webhook stands beside it in clear, as headers of its message: ids, sizes, codes.

use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use model::{EventId, InputId, OutputId};
use telemetry::TraceParent;
use uuid::Uuid;

/// Stands only where the message's id is not the event's.
pub(super) const EVENT: &str = "Relay-Event";
const INPUT: &str = "Relay-Input";
const METHOD: &str = "Relay-Method";
const BODY_BYTES: &str = "Relay-Body-Bytes";
const OUTPUTS: &str = "Relay-Outputs";
const VERDICT: &str = "Relay-Verdict";
const ANSWER_TO: &str = "Relay-Answer-To";
const ORIGIN: &str = "Relay-Origin";
const WITHHELD: &str = "Relay-Withheld";
const KEEP: &str = "Nats-TTL";
const TRACE: &str = "traceparent";

/// The longest method that stands in clear; a longer one is only in the sealed request.
const METHOD_BYTES_MAX: usize = 16;

/// What is known of an event without opening it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The method; empty for an event of an ephemeral bucket.
    pub method: String,
    /// The size of the whole body, in bytes.
    pub body_bytes: u64,
    /// The outputs that it is due to: those that the bucket had, and that were not disabled, when
    /// it came. `None` for events of older versions: due to all.
    pub outputs: Option<Vec<OutputId>>,
    /// The code of what came of verifying its signature; 0 when none was demanded.
    pub verdict: u16,
    /// Where its caller waits for an answer; see [`crate::answer`].
    pub answer_to: Option<String>,
    /// The event that it repeats, for a replay.
    pub origin: Option<EventId>,
    /// Whether it goes to no output and to no client: it was refused, or it was a handshake. It is
    /// kept for its owner to see.
    pub withheld: bool,
    /// How long it is kept, in seconds; 0 for as long as its stream keeps events.
    pub keep_seconds: u32,
    /// The span that appended it, where its way is traced.
    pub trace: Option<TraceParent>,
}

impl Meta {
    /// Whether the event is due to that output. What was due to none goes to clients of the bucket
    /// itself, for which [`OutputId::NONE`] stands.
    pub fn is_due_to(&self, output: OutputId) -> bool {
        match &self.outputs {
            _ if self.withheld => false,
            None => output != OutputId::NONE,
            Some(outputs) if outputs.is_empty() => output == OutputId::NONE,
            Some(outputs) => outputs.contains(&output),
        }
    }

    /// The headers of its message.
    pub(super) fn headers(&self, input: InputId) -> Vec<(&'static str, String)> {
        let mut headers = vec![(INPUT, input.to_string()), (BODY_BYTES, self.body_bytes.to_string())];
        let is_plain = |b: u8| b.is_ascii_graphic();
        if !self.method.is_empty() && self.method.len() <= METHOD_BYTES_MAX && self.method.bytes().all(is_plain) {
            headers.push((METHOD, self.method.clone()));
        }
        if let Some(outputs) = &self.outputs {
            let ids: Vec<String> = outputs.iter().map(|id| id.0.simple().to_string()).collect();
            headers.push((OUTPUTS, ids.join(",")));
        }
        if self.verdict != 0 {
            headers.push((VERDICT, self.verdict.to_string()));
        }
        if let Some(subject) = &self.answer_to {
            headers.push((ANSWER_TO, subject.clone()));
        }
        if let Some(origin) = self.origin {
            headers.push((ORIGIN, origin.to_string()));
        }
        if self.withheld {
            headers.push((WITHHELD, "1".to_owned()));
        }
        if self.keep_seconds != 0 {
            headers.push((KEEP, format!("{}s", self.keep_seconds)));
        }
        if let Some(trace) = &self.trace {
            headers.push((TRACE, trace.to_string()));
        }
        headers
    }

    /// Reads them; `None` when it is no event.
    pub(crate) fn read(headers: &HeaderMap) -> Option<(EventId, InputId, Self)> {
        let text = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
        let event = text(EVENT).or(text(NATS_MESSAGE_ID.as_ref()))?.parse().ok()?;
        let input = text(INPUT)?.parse().ok()?;
        let meta = Self {
            method: text(METHOD).unwrap_or_default().to_owned(),
            body_bytes: text(BODY_BYTES).and_then(|n| n.parse().ok()).unwrap_or(0),
            outputs: text(OUTPUTS).map(ids),
            verdict: text(VERDICT).and_then(|n| n.parse().ok()).unwrap_or(0),
            answer_to: text(ANSWER_TO).map(str::to_owned),
            origin: text(ORIGIN).and_then(|id| id.parse().ok()),
            withheld: text(WITHHELD).is_some(),
            keep_seconds: text(KEEP).and_then(|n| n.trim_end_matches('s').parse().ok()).unwrap_or(0),
            trace: text(TRACE).and_then(|span| span.parse().ok()),
        };
        Some((event, input, meta))
    }
}

fn ids(text: &str) -> Vec<OutputId> {
    text.split(',').filter_map(|id| Uuid::try_parse(id).ok()).map(OutputId).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(meta: &Meta) -> Meta {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, Uuid::from_u128(7).to_string());
        for (name, value) in meta.headers(InputId(Uuid::from_u128(8))) {
            headers.insert(name, value.as_str());
        }
        let (event, input, meta) = Meta::read(&headers).unwrap();
        assert_eq!((event, input), (EventId(Uuid::from_u128(7)), InputId(Uuid::from_u128(8))));
        meta
    }

    #[test]
    fn what_is_said_reads_back() {
        let (one, two) = (OutputId(Uuid::from_u128(1)), OutputId(Uuid::from_u128(2)));
        let full = Meta {
            method: "POST".into(),
            body_bytes: 12,
            outputs: Some(vec![one, two]),
            verdict: 3,
            answer_to: Some("answer.x".into()),
            origin: Some(EventId(Uuid::from_u128(9))),
            withheld: true,
            keep_seconds: 60,
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap()),
        };
        for meta in [Meta::default(), Meta { outputs: Some(vec![]), ..Meta::default() }, full] {
            assert_eq!(read_back(&meta), meta);
        }
    }

    /// The golden headers: what stood beside an event once must be read for ever, and a header that is
    /// new goes into a file of the next version beside this one.
    #[test]
    fn the_golden_headers_read_and_are_written_alike() {
        let golden = include_str!("../../testdata/meta-v1.txt");
        let (one, two) = (OutputId(Uuid::from_u128(1)), OutputId(Uuid::from_u128(2)));
        let meta = Meta {
            method: "POST".into(),
            body_bytes: 12,
            outputs: Some(vec![one, two]),
            verdict: 3,
            answer_to: Some("waiting.x".into()),
            origin: Some(EventId(Uuid::from_u128(9))),
            withheld: true,
            keep_seconds: 60,
            trace: None,
        };
        let input = InputId(Uuid::from_u128(8));
        let written: String = meta.headers(input).iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        assert_eq!(written, golden);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, Uuid::from_u128(7).to_string());
        for line in golden.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            headers.insert(name, value);
        }
        assert_eq!(Meta::read(&headers).unwrap(), (EventId(Uuid::from_u128(7)), input, meta));
    }

    #[test]
    fn an_event_whose_message_has_another_id_says_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, "not an event's");
        headers.insert(INPUT, Uuid::from_u128(8).to_string());
        assert_eq!(Meta::read(&headers), None);
        headers.insert(EVENT, Uuid::from_u128(7).to_string());
        assert_eq!(Meta::read(&headers).unwrap().0, EventId(Uuid::from_u128(7)));
    }

    #[test]
    fn a_method_that_could_break_the_headers_is_left_out() {
        for method in ["A\r\nB", "X Y", &"M".repeat(METHOD_BYTES_MAX + 1)] {
            assert_eq!(read_back(&Meta { method: method.into(), ..Meta::default() }).method, "", "{method:?}");
        }
        let longest = "M".repeat(METHOD_BYTES_MAX);
        assert_eq!(read_back(&Meta { method: longest.clone(), ..Meta::default() }).method, longest);
    }

    #[test]
    fn an_event_is_due_to_the_outputs_that_it_names() {
        let (one, two) = (OutputId(Uuid::from_u128(1)), OutputId(Uuid::from_u128(2)));
        let named = |outputs| Meta { outputs, ..Meta::default() };
        assert!(named(Some(vec![one])).is_due_to(one) && !named(Some(vec![one])).is_due_to(two));
        assert!(named(Some(vec![])).is_due_to(OutputId::NONE) && !named(Some(vec![])).is_due_to(one));
        assert!(named(None).is_due_to(one) && !named(None).is_due_to(OutputId::NONE));
        for outputs in [None, Some(vec![]), Some(vec![one])] {
            let withheld = Meta { outputs, withheld: true, ..Meta::default() };
            assert!(!withheld.is_due_to(one) && !withheld.is_due_to(OutputId::NONE));
        }
    }
}
