//! What a client says of a delivery that it was given, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::DeliveryId;
use model::answer::Answer;
use model::fact::Ending;
use model::request::Header;
use serde::Serialize;

use super::{Fields, header};
use crate::error::Error;
use crate::limits::REQUEST_BYTES_MAX;

/// What a client says; any of it may be missing.
#[derive(Debug, Default)]
pub(crate) struct Report {
    ending: Option<Ending>,
    status_code: Option<u16>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u32,
    headers: Option<Vec<(String, String)>>,
    body: Option<Vec<u8>>,
}

impl Report {
    /// Reads what is said. Fields of a log that a client does not decide are not looked at.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        let ending = match fields.text("status", 32)?.unwrap_or_default() {
            "sent" => Some(Ending::Sent),
            "failed" | "stalled" => Some(Ending::Failed),
            "rejected" => Some(Ending::Rejected),
            "" | "preparing" | "received" => None,
            _ => return Err(fields.invalid("status", "is none that a log can have")),
        };
        let body = fields.text("response_body", REQUEST_BYTES_MAX)?.map(|text| STANDARD.decode(text)).transpose();
        Ok(Self {
            ending,
            status_code: fields.number("status_code", 0..=999)?.filter(|code| *code != 0),
            duration_ms: fields.number("duration_ms", 0..=u32::MAX)?.unwrap_or(0),
            headers: header::read(fields, "response_headers")?,
            body: body.map_err(|_| fields.invalid("response_body", "is no base64"))?,
        })
    }

    /// The status that it tells of; 0 for none.
    pub(crate) fn status_code(&self) -> u16 {
        self.status_code.unwrap_or(0)
    }

    /// How the delivery ended. Clients of this API count 300 as a success.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let by_code =
            self.status_code.map(|code| if (200..=300).contains(&code) { Ending::Sent } else { Ending::Failed });
        let by_answer = self.body.as_ref().map(|_| Ending::Sent);
        self.ending.or(by_code).or(by_answer)
    }

    /// What the caller of the webhook is to be answered; `None` when nothing of it is said.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let has_headers = self.headers.as_ref().is_some_and(|lines| !lines.is_empty());
        if self.status_code.is_none() && self.body.is_none() && !has_headers {
            return None;
        }
        let lines = self.headers.iter().flatten();
        let headers = lines.map(|(name, value)| Header { name: name.clone().into(), value: value.clone().into() });
        let body = self.body.clone().unwrap_or_default();
        Some(Answer {
            status: self.status_code.unwrap_or(200).into(),
            headers: headers.collect(),
            body_bytes: body.len() as u64,
            body: body.into(),
        })
    }
}

/// The answer to a change of a log.
#[derive(Serialize)]
pub(crate) struct Done {
    pub(crate) id: DeliveryId,
    pub(crate) status: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(json: Value) -> Result<Report, Error> {
        Report::read(&Fields::parse(json.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_status_says_how_it_ended_and_else_the_code_does() {
        for (said, ending) in [
            (json!({}), None),
            (json!({ "status": "received" }), None),
            (json!({ "retries": 3, "id": "x" }), None),
            (json!({ "status": "sent", "status_code": 500 }), Some(Ending::Sent)),
            (json!({ "status": "stalled" }), Some(Ending::Failed)),
            (json!({ "status": "rejected" }), Some(Ending::Rejected)),
            (json!({ "status_code": 300 }), Some(Ending::Sent)),
            (json!({ "status_code": 301 }), Some(Ending::Failed)),
            (json!({ "status_code": 199 }), Some(Ending::Failed)),
            (json!({ "status_code": 0, "status": "" }), None),
            (json!({ "response_body": "" }), Some(Ending::Sent)),
        ] {
            assert_eq!(read(said.clone()).unwrap().ending(), ending, "{said}");
        }
        for wrong in [json!({ "status": "lost" }), json!({ "response_body": "%" }), json!({ "status_code": 1000 })] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_has_what_was_said() {
        let said =
            json!({ "status_code": 201, "response_body": "YmFuYW5h", "response_headers": { "xkey": ["xvalue"] } });
        let answer = read(said).unwrap().answer().unwrap();
        assert_eq!((answer.status, &answer.body[..], answer.body_bytes), (201, &b"banana"[..], 6));
        assert_eq!((&answer.headers[0].name[..], &answer.headers[0].value[..]), (&b"xkey"[..], &b"xvalue"[..]));
        assert_eq!(read(json!({ "status": "sent", "duration_ms": 3 })).unwrap().answer(), None);
        assert_eq!(read(json!({ "response_body": "" })).unwrap().answer().unwrap().status, 200);
    }
}
