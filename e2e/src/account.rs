//! A further account. The REST API makes none: `auth` is asked over NATS, as the relay's own services ask it.

use anyhow::{Context, ensure};
use model::AccountId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::Token;
use crate::nats::Access;

/// Where `auth` is asked.
const SUBJECT: &str = "auth.ask";

/// Makes an account that has nothing yet, and returns a token that may do everything in it.
///
/// # Errors
/// When nobody answers for `auth`, or it refuses.
pub async fn make(access: &Access) -> anyhow::Result<Token> {
    let account = AccountId(Uuid::new_v4());
    let question = json!({
        "ask": "issue",
        "account": account,
        "description": "another account",
        "scopes": {},
        "api_access": "enabled",
    });
    let client = access.connect().await?;
    let reply = client.request(SUBJECT, serde_json::to_vec(&question)?.into()).await.context("ask auth")?;
    let answer: Value = serde_json::from_slice(&reply.payload)?;
    ensure!(answer["answer"] == "issued", "auth answered {}", answer["answer"]);
    let text = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    Ok(Token { key: text("token")?, secret: text("secret")? })
}
