//! `relay api`: any call to the REST API.

use std::io::{self, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Response};
use serde_json::{Map, Value};

use super::account::Account;
use super::failure::Failure;
use super::global::Global;
use super::jq::Jq;
use super::text;
use crate::rest::Call;

const EXAMPLES: &str = "\
Examples:
  relay api /v1/buckets --jq '.[].name'
  relay api /v1/buckets -f name=orders -F ephemeral=true
  relay api -X PUT /v1/buckets/ID --input bucket.json
  relay api /v1/logs -X GET -f bucket=orders -f status=failed

Without -X the method is GET, or POST when there are fields or --input. The fields of a GET or
DELETE go into the query, all others into a JSON body. The exit code is not 0 when the status is
400 or above.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The path, such as /v1/buckets
    path: String,
    /// The method
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<Method>,
    /// A field that is text; may be repeated
    #[arg(short = 'f', long = "raw-field", value_name = "KEY=TEXT", value_parser = field)]
    texts: Vec<(String, String)>,
    /// A field that is JSON where it can be read as such: 5, true, null, [1], {"a":1}; may be repeated
    #[arg(short = 'F', long = "field", value_name = "KEY=JSON", value_parser = field)]
    typed: Vec<(String, String)>,
    /// A header, as NAME=VALUE; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = super::input::header)]
    headers: Vec<(String, String)>,
    /// The body from a file, or from standard input with -
    #[arg(long, value_name = "FILE", conflicts_with_all = ["texts", "typed"])]
    input: Option<PathBuf>,
    /// Print what a jq expression makes of the answer
    #[arg(short = 'q', long, value_name = "EXPRESSION")]
    jq: Option<String>,
    /// Print the status line and the headers of the answer too
    #[arg(short, long)]
    include: bool,
}

pub(super) async fn run(global: &Global, args: Args) -> Result<(), Failure> {
    let jq = args.jq.as_deref().map(Jq::new).transpose()?;
    let (path, call) = args.call()?;
    let call = Call { path: &path, ..call };
    let answer = Account::known(global)?.rest().raw(call.clone()).await?;
    let is_refused = answer.status().is_client_error() || answer.status().is_server_error();
    let mut shown = if args.include { head(&answer) } else { Vec::new() };
    match &jq {
        Some(jq) if !is_refused => {
            for line in jq.lines(answer.body())? {
                shown.extend_from_slice(line.as_bytes());
                shown.push(b'\n');
            }
        }
        Some(_) | None => {
            shown.extend_from_slice(answer.body());
            if !matches!(shown.last(), None | Some(b'\n')) {
                shown.push(b'\n');
            }
        }
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(&shown)?;
    stdout.flush()?;
    // The text of the refusal is on standard output already.
    if is_refused { Err(call.refused(answer.status(), b"").into()) } else { Ok(()) }
}

impl Args {
    /// The call, and its path.
    fn call(&self) -> Result<(String, Call<'static>), Failure> {
        let fields = self.fields();
        let has_body = self.input.is_some() || !fields.is_empty();
        let method = self.method.clone().unwrap_or(if has_body { Method::POST } else { Method::GET });
        let mut path = format!("/{}", self.path.trim_start_matches('/'));
        let mut headers = self.headers.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
        let mut body = Bytes::new();
        if let Some(file) = &self.input {
            body = text::read_bytes(file)?.into();
        } else if [Method::GET, Method::HEAD, Method::DELETE].contains(&method) {
            add_query(&mut path, &fields);
        } else if has_body {
            body = Value::Object(fields).to_string().into();
        }
        if !body.is_empty() {
            headers.insert(0, (CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        Ok((path, Call { method, path: "", headers, body }))
    }

    fn fields(&self) -> Map<String, Value> {
        let texts = self.texts.iter().map(|(key, text)| (key.clone(), Value::from(text.as_str())));
        let typed = self.typed.iter().map(|(key, text)| {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            (key.clone(), value)
        });
        texts.chain(typed).collect()
    }
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("a field is KEY=VALUE".to_owned()),
    }
}

fn parsed((name, value): &(String, String)) -> Result<(HeaderName, HeaderValue), Failure> {
    let refuse = || Failure::Usage(format!("--header {name}: not a header"));
    Ok((name.parse().map_err(|_| refuse())?, value.parse().map_err(|_| refuse())?))
}

fn add_query(path: &mut String, fields: &Map<String, Value>) {
    let mut query = text::Query::default();
    for (key, value) in fields {
        match value {
            Value::String(text) => query.add(key, text),
            other => query.add(key, &other.to_string()),
        }
    }
    let query = query.finish();
    if !query.is_empty() {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(&query);
    }
}

fn head(answer: &Response<Bytes>) -> Vec<u8> {
    let mut head = format!("{:?} {}\n", answer.version(), answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
    head.push(b'\n');
    head
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn call(line: &str) -> (String, Call<'static>) {
        let line = std::iter::once("api").chain(line.split_whitespace());
        Line::try_parse_from(line).unwrap().args.call().unwrap()
    }

    #[test]
    fn the_method_follows_the_body_and_fields_go_where_they_belong() {
        let (path, made) = call("v1/buckets");
        assert_eq!((&*path, made.method, made.body.len()), ("/v1/buckets", Method::GET, 0));
        let (_, made) = call("/v1/buckets -f name=7 -F n=7 -F on=true -F none=null -F list=[1,2] -F text=x=y");
        assert_eq!(made.method, Method::POST);
        assert_eq!(made.headers[0].1, "application/json");
        let body: Value = serde_json::from_slice(&made.body).unwrap();
        let expected =
            serde_json::json!({"name": "7", "n": 7, "on": true, "none": null, "list": [1, 2], "text": "x=y"});
        assert_eq!(body, expected);
        let (path, made) = call("/v1/logs?limit=1 -X GET -f bucket=a&b -F n=2");
        assert_eq!((&*path, made.body.len()), ("/v1/logs?limit=1&bucket=a%26b&n=2", 0));
        let (path, made) = call("/v1/x -X DELETE -f force=true");
        assert_eq!((&*path, made.method), ("/v1/x?force=true", Method::DELETE));
    }

    #[test]
    fn a_field_has_a_key() {
        assert!(field("=x").is_err() && field("x").is_err());
        assert_eq!(field("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
    }
}
