//! What the fuzz targets reach of the routes.

use axum::extract::Query;
use http::Uri;

use super::log::{self, Asked};
use crate::when;

/// Reads the query of a list of logs.
pub(crate) fn query(text: &str) {
    let Ok(uri) = format!("/v1/logs?{text}").parse::<Uri>() else { return };
    let Ok(Query(asked)) = Query::<Asked>::try_from_uri(&uri) else { return };
    let _ = log::said(&asked.from).map(|text| when::from("from", text).map(when::moment));
    let _ = log::said(&asked.to).map(|text| when::until("to", text).map(when::day));
    let _ = log::said(&asked.cursor).map(|text| log::read_cursor(text).map(drop));
    let _ = log::number::<u64>("offset", &asked.offset).map(drop);
    let _ = log::number::<u16>("status_code", &asked.status_code).map(drop);
}
