//! What the fuzz targets reach of cursors.

use super::pull::Numbers;

/// Reads what an acknowledgement subject says of a message.
pub(crate) fn receipt(subject: &str) {
    let _ = Numbers::parse(subject).map(drop);
}
