//! What the fuzz targets reach of the orders.

use rustls::sign::CertifiedKey;

use super::order;

/// Reads what an authority has issued for a name.
pub(crate) fn check(certified: &CertifiedKey, name: &str) {
    let _ = order::check(certified, name).map(drop);
}
