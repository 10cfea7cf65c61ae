//! A live list over server-sent events (WHATWG HTML, section 9.2) that goes on where it broke off.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, DATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::client::{Answering, Call, Client, Error};

/// How long the server may take to begin its answer.
const OPEN_TIME_MAX: Duration = Duration::from_secs(30);
/// A server that says nothing for so long, not even a comment, is gone: it beats much more often.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// The wait before the list is opened again; it doubles up to the longest.
const WAIT_FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const WAIT_LONGEST: Duration = Duration::from_secs(15);
/// The name of the event by which the server says that it left something out, and ends the list.
const DROPPED: &str = "dropped";
/// The largest event, in bytes: a webhook's body and an answer's, with room for their encoding.
const EVENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A live list.
#[derive(Debug)]
pub struct Tail<'a> {
    client: &'a Client,
    path: String,
    last_id: Option<String>,
    open: Option<Open>,
    /// When it was opened first, by the server's clock.
    opened_at: Option<Timestamp>,
    was_open: bool,
    wait: Duration,
}

#[derive(Debug)]
struct Open {
    answering: Answering,
    parser: Parser,
    ready: VecDeque<Event>,
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    name: Option<String>,
    id: Option<String>,
    data: String,
}

impl<'a> Tail<'a> {
    /// The list at this path; nothing is asked for yet.
    pub fn new(client: &'a Client, path: String) -> Self {
        Self { client, path, last_id: None, open: None, opened_at: None, was_open: false, wait: WAIT_FIRST }
    }

    /// Opens the list, so that nothing which happens from now on is missed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&mut self) -> Result<(), Error> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![
            (ACCEPT, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        let last = self.last_id.as_ref().and_then(|id| HeaderValue::from_str(id).ok());
        headers.extend(last.map(|id| (HeaderName::from_static("last-event-id"), id)));
        let call = Call { method: Method::GET, path: &self.path, headers, body: Bytes::new() };
        let opened = timeout(OPEN_TIME_MAX, self.client.open(&call)).await;
        let answering = opened.map_err(|_| Error::TimedOut(call.name()))??;
        let status = answering.response.status();
        if status != StatusCode::OK {
            let text = timeout(OPEN_TIME_MAX, answering.response.into_body().collect()).await;
            let text = text.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
            return Err(call.refused(status, &text));
        }
        if !self.was_open {
            let date = answering.response.headers().get(DATE).and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
            self.opened_at = date.map(|date| date.timestamp());
        }
        self.open = Some(Open { answering, parser: Parser::default(), ready: VecDeque::new() });
        self.was_open = true;
        Ok(())
    }

    /// When the list was opened first: by the server's clock if it told the time, else by ours.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at.unwrap_or_else(Timestamp::now)
    }

    /// The data of the next event, however long it takes. A list that breaks off is opened again,
    /// from the last event on; one that the server ends because too much happened, from then on.
    ///
    /// # Errors
    /// When the list cannot be opened the first time, or the server refuses it later.
    pub async fn next(&mut self) -> Result<String, Error> {
        loop {
            if let Some(open) = &mut self.open {
                let Some(event) = open.next().await else {
                    self.open = None;
                    continue;
                };
                self.wait = WAIT_FIRST;
                if event.name.as_deref() == Some(DROPPED) {
                    tracing::warn!("more happened than could be shown; the live list leaves that out and goes on");
                    (self.open, self.last_id) = (None, None);
                    continue;
                }
                if event.id.is_some() {
                    self.last_id = event.id;
                }
                return Ok(event.data);
            }
            let was_open = self.was_open;
            match self.open().await {
                Ok(()) => {}
                Err(err) if !was_open || err.is_final() => return Err(err),
                Err(err) => {
                    tracing::warn!(error = &err as &dyn std::error::Error, "the live list broke off, trying again");
                    sleep(self.wait).await;
                    self.wait = (self.wait * 2).min(WAIT_LONGEST);
                }
            }
        }
    }
}

impl Open {
    /// The next event; none when the list has ended.
    async fn next(&mut self) -> Option<Event> {
        let dead_at = || Instant::now() + SILENCE_MAX;
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let frame = timeout_at(dead_at(), self.answering.response.body_mut().frame()).await.ok()??;
            if let Ok(data) = frame.ok()?.into_data() {
                self.parser.feed(&data, &mut self.ready)?;
            }
        }
    }
}

/// Takes lines apart into events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// What came after the last line end.
    line: Vec<u8>,
    name: Option<String>,
    id: Option<String>,
    data: Option<String>,
    /// The last line ended with CR: an LF right after it belongs to it.
    after_cr: bool,
}

impl Parser {
    /// Takes bytes; `None` when an event is larger than any that is taken.
    pub(super) fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) -> Option<()> {
        for byte in bytes {
            let is_rest_of_crlf = std::mem::take(&mut self.after_cr) && *byte == b'\n';
            match byte {
                b'\n' if is_rest_of_crlf => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line_ended(&String::from_utf8_lossy(&line)));
                }
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > EVENT_BYTES_MAX {
                return None;
            }
        }
        Some(())
    }

    fn line_ended(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            // An id without data counts too, but nothing is to be shown.
            let name = self.name.take();
            let data = self.data.take()?;
            return Some(Event { name, id: self.id.clone(), data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "event" => self.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments, and fields that say nothing here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests;
