//! Texts from the command line, from files and from standard input; and texts for URLs.

use std::io::{self, Read as _};
use std::path::Path;

use super::failure::Failure;
use crate::secret::Secret;

/// The most that is read from a file or from standard input, in bytes: bodies of API calls are smaller.
const READ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a file holds; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or holds more than [`READ_BYTES_MAX`].
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let refuse = |err: &dyn std::fmt::Display| Failure::Usage(format!("cannot read {}: {err}", path.display()));
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(READ_BYTES_MAX + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|err| refuse(&err))?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(refuse(&format_args!("it has more than {READ_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The text that a file holds; `-` is standard input.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{} is no text", path.display())))
}

/// A secret as people say it: itself, `@FILE`, or `-` for standard input, so that it need not
/// stand in the list of processes. One line end after it is not a part of it.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn secret(said: &Secret) -> Result<String, Failure> {
    let said = said.reveal();
    let path = match said.strip_prefix('@') {
        Some(path) => path,
        None if said == "-" => said,
        None => return Ok(said.to_owned()),
    };
    let text = read(Path::new(path))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// One segment of a path: what people type as an id leads nowhere else.
pub(super) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The query of a URL (`application/x-www-form-urlencoded`).
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    /// Adds a name and its value.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&pair);
    }

    /// Adds it if it was said.
    pub(super) fn add_if(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(name, value.as_ref());
        }
    }

    /// The whole query, without `?`.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_itself_or_what_a_file_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let said = |text: &str| secret(&Secret::from(text.to_owned()));
        for (held, meant) in [("hush\n", "hush"), ("hush", "hush"), ("hush\r\n", "hush"), (" a \n\n", " a \n")] {
            std::fs::write(&path, held).unwrap();
            assert_eq!(said(&format!("@{}", path.display())).unwrap(), meant);
        }
        assert_eq!(said("plain").unwrap(), "plain");
        assert!(said("@/nowhere").unwrap_err().to_string().starts_with("cannot read /nowhere: "));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("is no text"));
    }

    #[test]
    fn what_is_read_has_an_end() {
        let err = read_bytes(Path::new("/dev/zero")).unwrap_err();
        assert!(err.to_string().contains("more than"), "{err}");
    }

    #[test]
    fn queries_are_encoded() {
        let mut query = Query::default();
        query.add("a", "b c&d");
        query.add_if("none", None::<&str>);
        query.add_if("e", Some("ü"));
        assert_eq!(query.finish(), "a=b+c%26d&e=%C3%BC");
        assert_eq!(segment("../a b?c"), "..%2Fa%20b%3Fc");
    }
}
