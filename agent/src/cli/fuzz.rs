//! What the fuzz targets reach of the command line.

use super::file::File;
use super::moment::Moment;

/// Reads a settings file.
pub(crate) fn settings_file(text: &str) {
    let _ = File::parse(text).map(drop);
}

/// Reads a point in time.
pub(crate) fn moment(text: &str) {
    let _ = Moment::parse(text).map(drop);
}
