//! What the fuzz targets reach of authentication.

use http::HeaderMap;

use super::credentials::Credentials;

/// Reads what a caller presents.
pub(crate) fn credentials(headers: &HeaderMap) {
    let _ = Credentials::read(headers).map(drop);
}
