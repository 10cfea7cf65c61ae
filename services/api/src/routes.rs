//! Every route of the API. What is not here is answered 404.

mod account;
mod audit;
mod bucket;
mod canary;
mod client;
mod count;
mod cron;
mod domain;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod input;
mod integration;
mod log;
mod output;
mod poll;
mod preview;
mod replay;
mod report;
mod tail;
mod token;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::Api;
use crate::error::Error;
use crate::limits::REQUEST_BYTES_MAX;
use crate::request;

/// The routes below `/v1`. The router has its own fallback: give it the paths that are the API's.
pub fn router(api: Api) -> Router {
    let routes = routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    routes
        .fallback(|| async { Error::NotFound("path") })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(middleware::from_fn(request::attend))
        .with_state(api)
}

/// A list, so that tests can ask every route for what no route may give.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Api>)> {
    vec![
        ("/v1/buckets", get(bucket::list).post(bucket::create)),
        ("/v1/buckets/{id}", get(bucket::get).put(bucket::update).delete(bucket::delete)),
        ("/v1/buckets/{id}/inputs", get(input::list).post(input::create)),
        ("/v1/buckets/{id}/inputs/{input}", get(input::get).put(input::update).delete(input::delete)),
        ("/v1/buckets/{id}/outputs", get(output::list).post(output::create)),
        ("/v1/buckets/{id}/outputs/{output}", get(output::get).put(output::update).delete(output::delete)),
        ("/v1/buckets/{id}/outputs/{output}/rules", put(output::set_rules).delete(output::clear_rules)),
        ("/v1/buckets/{id}/canary", get(canary::get)),
        ("/v1/buckets/{id}/outputs/{output}/rules/preview", post(preview::judge)),
        ("/v1/crons", get(cron::list).post(cron::create)),
        ("/v1/crons/{id}", get(cron::get).put(cron::update).delete(cron::delete)),
        ("/v1/domains", get(domain::list).post(domain::create)),
        ("/v1/domains/{id}", delete(domain::delete)),
        ("/v1/integrations", get(integration::list).post(integration::create)),
        ("/v1/integrations/{id}", get(integration::get).put(integration::update).delete(integration::delete)),
        ("/v1/integrations/{id}/buckets", post(integration::attach)),
        ("/v1/integrations/{id}/buckets/{bucket}", delete(integration::detach)),
        ("/v1/connected-clients", get(client::connected)),
        ("/v1/groups", get(client::groups)),
        ("/v1/regions", get(client::regions)),
        ("/v1/buckets/{id}/logs/{log}", get(log::get_in_bucket)),
        ("/v1/logs", get(log::list)),
        ("/v1/logs/{id}", get(log::get).put(report::update)),
        ("/v1/logs/{id}/action", post(report::act)),
        ("/v1/logs/stream", get(tail::follow)),
        ("/v1/logs/histogram", get(count::histogram)),
        ("/v1/logs-stats", get(count::stats)),
        ("/v1/ledger", get(count::ledgers)),
        ("/v1/usage", get(count::usage)),
        ("/v1/audit", get(audit::list)),
        ("/v1/usages/{id}", get(count::usage_of)),
        ("/v1/events", get(poll::take)),
        ("/v1/replays", post(replay::create)),
        ("/v1/replays/{id}", get(replay::get).delete(replay::cancel)),
        ("/v1/tokens", get(token::list).post(token::create)),
        ("/v1/tokens/{id}", put(token::update).delete(token::delete)),
        ("/v1/user/info", get(account::user_info)),
        ("/v1/config", get(account::config)),
        ("/v1/openapi.json", get(account::openapi)),
    ]
}
