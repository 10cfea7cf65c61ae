//! What `relay-server echo --json` says about the requests that it gets.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

/// The longest body that is shown, in bytes.
const BODY_SHOWN_BYTES: usize = 1024;

/// A request that reached the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The method.
    pub(crate) method: String,
    /// The path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Reads arrivals until `each` wants no more, or the destination ends.
pub(crate) fn read(output: impl Read, mut each: impl FnMut(Arrival) -> bool) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // A line that is none of ours is skipped.
        if let Some(arrival) = parse(&line)
            && !each(arrival)
        {
            return;
        }
    }
}

fn parse(line: &str) -> Option<Arrival> {
    let said: Value = serde_json::from_str(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let header = |pair: &Value| Some((text(&pair[0])?, text(&pair[1])?));
    Some(Arrival {
        method: text(&said["method"])?,
        target: text(&said["target"])?,
        headers: said["headers"].as_array()?.iter().filter_map(header).collect(),
        body: from_base64(said["body"].as_str()?)?,
    })
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {} {}", self.method, self.target)?;
        for (name, value) in &self.headers {
            writeln!(f, "    {name}: {value}")?;
        }
        if self.body.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        let shown = &self.body[..self.body.len().min(BODY_SHOWN_BYTES)];
        for line in String::from_utf8_lossy(shown).lines() {
            // Bodies come from anyone: nothing in them reaches the terminal but plain characters.
            let plain: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            writeln!(f, "    {plain}")?;
        }
        match self.body.len() - shown.len() {
            0 => Ok(()),
            rest => writeln!(f, "    … and {rest} more bytes"),
        }
    }
}

/// Decodes base64 with padding (RFC 4648, section 4).
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        let mut bits = 0;
        for byte in group {
            let sextet = match byte {
                b'=' => 0,
                byte => ALPHABET.iter().position(|letter| letter == byte)?,
            };
            bits = bits << 6 | u32::try_from(sextet).ok()?;
        }
        if group.len() < 4 || padding > 2 {
            return None;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_in_rfc_4648_section_10() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(from_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for text in ["Zg", "Zg=", "Z===", "Zm9*"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn an_arrival_is_shown_without_control_characters() {
        let line = r#"{"method":"POST","target":"/a?b","headers":[["X-One","1"]],"body":"aGkbWzJK"}"#;
        let shown = parse(line).map(|arrival| arrival.to_string());
        assert_eq!(shown.as_deref(), Some("    POST /a?b\n    X-One: 1\n\n    hi\u{fffd}[2J\n"));
    }
}
