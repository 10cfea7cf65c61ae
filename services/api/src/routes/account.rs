//! Who asks, and what answers.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::Api;
use crate::auth::Caller;
use crate::shape::account::{ServerConfig, UserInfo};

/// `GET /v1/user/info`: a cheap way to see whether credentials are good.
pub(super) async fn user_info(caller: Caller) -> Json<UserInfo> {
    Json(UserInfo::new(caller.account()))
}

/// `GET /v1/openapi.json`: as little a secret as the program.
pub(super) async fn openapi(State(api): State<Api>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], api.description())
}

/// `GET /v1/config`: for anybody, as is the description of the API.
pub(super) async fn config() -> Json<ServerConfig> {
    Json(ServerConfig::new())
}
