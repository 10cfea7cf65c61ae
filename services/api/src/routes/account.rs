//! Who asks, and what answers.

use axum::Json;

use crate::auth::Caller;
use crate::shape::account::{ServerConfig, UserInfo};

/// `GET /v1/user/info`: a cheap way to see whether credentials are good.
pub(super) async fn user_info(caller: Caller) -> Json<UserInfo> {
    Json(UserInfo::new(caller.account()))
}

/// `GET /v1/config`: the only route that anybody may ask.
pub(super) async fn config() -> Json<ServerConfig> {
    Json(ServerConfig::new())
}
