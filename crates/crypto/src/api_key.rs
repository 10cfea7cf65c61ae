//! API keys: the key and the secret of a token in one text, for clients that take no more than one.

use model::TokenId;
use uuid::Uuid;

use crate::Secret;

#[cfg(test)]
mod tests;

/// What an API key begins with, and no secret that is made here.
const PREFIX: &str = "sk-";

/// How a token's key is written in it: without hyphens.
const KEY_CHARS: usize = uuid::fmt::Simple::LENGTH;

/// What stands in the place of a key where a client takes an API key for a secret.
pub const USER: &str = "whr";

/// The API key of a token.
pub fn write(key: TokenId, secret: &Secret) -> Secret {
    Secret::from(format!("{PREFIX}{}{}", key.0.simple(), secret.expose()))
}

/// The token's key and its secret; `None` for what is no API key.
pub fn read(text: &str) -> Option<(TokenId, Secret)> {
    let (key, secret) = text.strip_prefix(PREFIX)?.split_at_checked(KEY_CHARS)?;
    let key = Uuid::try_parse(key).ok()?;
    Some((TokenId(key), Secret::from(secret.to_owned())))
}

/// What a client means that gives this key and secret.
pub fn pair(key: &str, secret: Secret) -> Option<(TokenId, Secret)> {
    match key {
        USER => read(secret.expose()),
        key => Some((key.parse().ok()?, secret)),
    }
}
