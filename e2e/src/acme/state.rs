//! Accounts and orders. An order is for one name, and has the number of its authorization and of its
//! only challenge.

use std::collections::HashSet;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Problem;
use super::jws::{Key, Signed};

/// All there is.
#[derive(Default)]
pub(super) struct Orders {
    nonces: HashSet<String>,
    accounts: Vec<Key>,
    orders: Vec<Order>,
}

struct Order {
    name: String,
    key: Key,
    token: String,
    stage: Stage,
}

enum Stage {
    /// Nothing was proven yet.
    Pending,
    /// The name is being called.
    Calling,
    /// It could not be proven.
    Refused(String),
    /// It was proven.
    Ready,
    /// The certificate is there.
    Issued(String),
}

impl Stage {
    fn of_order(&self) -> &'static str {
        match self {
            Self::Pending | Self::Calling => "pending",
            Self::Refused(_) => "invalid",
            Self::Ready => "ready",
            Self::Issued(_) => "valid",
        }
    }

    fn of_challenge(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Calling => "processing",
            Self::Refused(_) => "invalid",
            Self::Ready | Self::Issued(_) => "valid",
        }
    }
}

impl Orders {
    pub(super) fn nonce(&mut self) -> String {
        let nonce = Uuid::new_v4().simple().to_string();
        self.nonces.insert(nonce.clone());
        nonce
    }

    pub(super) fn take_nonce(&mut self, nonce: &str) -> bool {
        self.nonces.remove(nonce)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.orders.iter().map(|order| order.name.clone()).collect()
    }

    pub(super) fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// The account of a key, and whether it is new.
    pub(super) fn account(&mut self, key: &Key) -> (usize, bool) {
        if let Some(number) = self.accounts.iter().position(|one| one == key) {
            return (number, false);
        }
        self.accounts.push(key.clone());
        (self.accounts.len() - 1, true)
    }

    /// The key of an account by its URL.
    pub(super) fn key_of(&self, url: &str) -> Option<Key> {
        let number: usize = url.rsplit('/').next()?.parse().ok()?;
        self.accounts.get(number).cloned()
    }

    /// Takes an order.
    pub(super) fn order(&mut self, signed: &Signed) -> Result<usize, Problem> {
        let identifiers = signed.payload["identifiers"].as_array().cloned().unwrap_or_default();
        let [one] = &identifiers[..] else {
            return Err((400, "malformed", "exactly one name is taken".to_owned()));
        };
        let name = one["value"].as_str().filter(|_| one["type"] == "dns");
        let name = name.ok_or((400, "unsupportedIdentifier", "no name".to_owned()))?.to_owned();
        let token = Uuid::new_v4().simple().to_string();
        self.orders.push(Order { name, key: signed.key.clone(), token, stage: Stage::Pending });
        Ok(self.orders.len() - 1)
    }

    pub(super) fn show_order(&self, number: usize, url: &str) -> Result<Value, Problem> {
        let order = self.get(number)?;
        let mut shown = json!({
            "status": order.stage.of_order(),
            "identifiers": [{"type": "dns", "value": order.name}],
            "authorizations": [format!("{url}/authorization/{number}")],
            "finalize": format!("{url}/finalize/{number}"),
        });
        if let Stage::Issued(_) = order.stage {
            shown["certificate"] = json!(format!("{url}/certificate/{number}"));
        }
        Ok(shown)
    }

    pub(super) fn show_authorization(&self, number: usize, url: &str) -> Result<Value, Problem> {
        let order = self.get(number)?;
        let status = match &order.stage {
            Stage::Pending | Stage::Calling => "pending",
            Stage::Refused(_) => "invalid",
            Stage::Ready | Stage::Issued(_) => "valid",
        };
        let challenge = self.show_challenge(number, url)?;
        let other = json!({"type": "dns-01", "url": format!("{url}/none"), "token": "none", "status": "pending"});
        Ok(json!({
            "status": status,
            "identifier": {"type": "dns", "value": order.name},
            "challenges": [other, challenge],
        }))
    }

    pub(super) fn show_challenge(&self, number: usize, url: &str) -> Result<Value, Problem> {
        let order = self.get(number)?;
        let mut shown = json!({
            "type": "tls-alpn-01",
            "url": format!("{url}/challenge/{number}"),
            "token": order.token,
            "status": order.stage.of_challenge(),
        });
        if let Stage::Refused(why) = &order.stage {
            let kind = "urn:ietf:params:acme:error:unauthorized";
            shown["error"] = json!({"type": kind, "detail": why, "status": 403});
        }
        Ok(shown)
    }

    /// A challenge is to be looked at: the name, and the digest that must be shown for it.
    pub(super) fn begin(&mut self, number: usize) -> Result<(String, [u8; 32]), Problem> {
        let order = self.get_mut(number)?;
        let Stage::Pending = order.stage else {
            return Err((400, "malformed", "the challenge is over".to_owned()));
        };
        order.stage = Stage::Calling;
        let authorization = order.key.authorization(&order.token);
        let digest = digest(&SHA256, authorization.as_bytes()).as_ref().try_into();
        Ok((order.name.clone(), digest.map_err(|_| (500, "serverInternal", "no digest".to_owned()))?))
    }

    pub(super) fn end(&mut self, number: usize, proven: Result<(), String>) {
        if let Ok(order) = self.get_mut(number) {
            order.stage = match proven {
                Ok(()) => Stage::Ready,
                Err(why) => Stage::Refused(why),
            };
        }
    }

    /// The name of an order for which a certificate may be issued.
    pub(super) fn ready(&self, number: usize) -> Result<&str, Problem> {
        let order = self.get(number)?;
        match order.stage {
            Stage::Ready => Ok(&order.name),
            _ => Err((403, "orderNotReady", format!("the order is {}", order.stage.of_order()))),
        }
    }

    pub(super) fn issued(&mut self, number: usize, chain: String) {
        if let Ok(order) = self.get_mut(number) {
            order.stage = Stage::Issued(chain);
        }
    }

    pub(super) fn chain(&self, number: usize) -> Result<&str, Problem> {
        match &self.get(number)?.stage {
            Stage::Issued(chain) => Ok(chain),
            _ => Err((404, "malformed", "no certificate was issued".to_owned())),
        }
    }

    fn get(&self, number: usize) -> Result<&Order, Problem> {
        self.orders.get(number).ok_or((404, "malformed", "there is no such order".to_owned()))
    }

    fn get_mut(&mut self, number: usize) -> Result<&mut Order, Problem> {
        self.orders.get_mut(number).ok_or((404, "malformed", "there is no such order".to_owned()))
    }
}
