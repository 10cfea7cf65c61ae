//! The account and the server as JSON.

use model::AccountId;
use serde::Serialize;

/// Who asks, as `GET /v1/user/info` says it.
#[derive(Serialize)]
pub(crate) struct UserInfo {
    status: &'static str,
    data: User,
}

#[derive(Serialize)]
struct User {
    id: AccountId,
    username: String,
    email: &'static str,
    auth_type: &'static str,
    plan_id: &'static str,
    role: &'static str,
}

impl UserInfo {
    /// Shows an account. It has no name but its id.
    pub(crate) fn new(account: AccountId) -> Self {
        let data = User {
            id: account,
            username: account.to_string(),
            email: "",
            auth_type: "token",
            plan_id: "",
            role: "user",
        };
        Self { status: "ok", data }
    }
}

/// What `GET /v1/config` says to anybody.
#[derive(Serialize)]
pub(crate) struct ServerConfig {
    version: &'static str,
    turnstile_disabled: bool,
}

impl ServerConfig {
    /// Shows this build.
    pub(crate) fn new() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), turnstile_disabled: true }
    }
}

/// Where a relay is, as `GET /v1/regions` says it.
#[derive(Serialize)]
pub(crate) struct Region {
    id: &'static str,
    name: &'static str,
    domain_suffix: String,
    server_address: String,
}

impl Region {
    /// The region of the relay with this host.
    pub(crate) fn new(host: &str) -> Self {
        Self { id: "default", name: "default", domain_suffix: host.to_owned(), server_address: host.to_owned() }
    }
}
