//! The REST API, as far as tests need it to set things up and to look.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use model::{BucketId, InputId, OutputId};
use serde_json::{Value, json};

use crate::http::{Answer, Connection, Trust};

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its public half.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl Token {
    /// Reads the file that a server writes its first token to.
    ///
    /// # Errors
    /// When it is not there or has no token in it.
    pub fn of_admin_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Self::of_json(&serde_json::from_slice(&text)?)
    }

    fn of_json(json: &Value) -> anyhow::Result<Self> {
        Ok(Self { key: text(json, "key")?, secret: text(json, "secret")? })
    }
}

/// A bucket with its first input.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its id.
    pub id: BucketId,
    /// Its name.
    pub name: String,
    /// The input that was made with it.
    pub input: InputId,
}

/// A client of the REST API.
#[derive(Clone)]
pub struct Api {
    address: SocketAddr,
    trust: Option<Trust>,
    token: Token,
}

impl Api {
    /// A client with this token.
    pub fn new(address: SocketAddr, trust: Option<Trust>, token: Token) -> Self {
        Self { address, trust, token }
    }

    /// The same with another token.
    #[must_use]
    pub fn with(&self, token: &Token) -> Self {
        Self { token: token.clone(), ..self.clone() }
    }

    /// The same with an API key, as clients send one that is given as the secret.
    #[must_use]
    pub fn with_api_key(&self, api_key: &str) -> Self {
        self.with(&Token { key: "whr".to_owned(), secret: api_key.to_owned() })
    }

    /// Its token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Makes a bucket; `more` has further fields.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_bucket(&self, name: &str, more: Value) -> anyhow::Result<Bucket> {
        let made = self.call("POST", "/v1/buckets", &merged(json!({"name": name}), more), 201).await?;
        let input = &made["inputs"][0];
        Ok(Bucket { id: text(&made, "id")?.parse()?, name: name.to_owned(), input: text(input, "id")?.parse()? })
    }

    /// Makes an internal output that calls this URL; `more` has further fields.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_output(&self, bucket: &Bucket, url: &str, more: Value) -> anyhow::Result<OutputId> {
        let path = format!("/v1/buckets/{}/outputs", bucket.id);
        let output = merged(json!({"destination": url, "internal": true}), more);
        let made = self.call("POST", &path, &output, 201).await?;
        Ok(text(&made, "id")?.parse()?)
    }

    /// Makes an output that the relay itself calls at this URL; `more` has further fields.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_public_output(&self, bucket: &Bucket, url: &str, more: Value) -> anyhow::Result<OutputId> {
        self.make_output(bucket, url, merged(json!({"internal": false}), more)).await
    }

    /// Makes a further input.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_input(&self, bucket: &Bucket, more: Value) -> anyhow::Result<InputId> {
        let path = format!("/v1/buckets/{}/inputs", bucket.id);
        let made = self.call("POST", &path, &more, 201).await?;
        Ok(text(&made, "id")?.parse()?)
    }

    /// Changes an output.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn change_output(&self, bucket: &Bucket, output: OutputId, change: Value) -> anyhow::Result<Value> {
        self.call("PUT", &format!("/v1/buckets/{}/outputs/{output}", bucket.id), &change, 200).await
    }

    /// Makes a token; `more` has further fields.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_token(&self, more: Value) -> anyhow::Result<Token> {
        Token::of_json(&self.call("POST", "/v1/tokens", &more, 201).await?)
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete_token(&self, token: &Token) -> anyhow::Result<()> {
        self.call("DELETE", &format!("/v1/tokens/{}", token.key), &Value::Null, 200).await.map(drop)
    }

    /// Calls a path and reads the JSON of an answer with this status.
    ///
    /// # Errors
    /// When there is no answer, or another one; the message has its text.
    pub async fn call(&self, method: &str, path: &str, body: &Value, status: u16) -> anyhow::Result<Value> {
        let answer = self.request(method, path, body).await.with_context(|| format!("{method} {path}"))?;
        if answer.status != status {
            bail!("{method} {path} was answered {}: {}", answer.status, answer.text().trim());
        }
        match answer.body.is_empty() {
            true => Ok(Value::Null),
            false => serde_json::from_slice(&answer.body).with_context(|| format!("{method} {path}: no JSON")),
        }
    }

    /// Calls a path and returns whatever the answer is. `Value::Null` means no body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", self.token.key, self.token.secret));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        let mut connection = match &self.trust {
            Some(trust) => Connection::open_tls(self.address, trust).await?,
            None => Connection::open(self.address).await?,
        };
        connection.send(request.as_bytes()).await?;
        connection.answer(method).await
    }
}

fn text(json: &Value, field: &str) -> anyhow::Result<String> {
    json[field].as_str().map(str::to_owned).with_context(|| format!("no {field} in {json}"))
}

fn merged(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}
