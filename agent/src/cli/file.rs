//! `relay.yml`

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::failure::Failure;
use crate::secret::Secret;

const NOT_TEXT: &str = "must be text; put it in quotes";

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, rename = "version")]
    _version: Version,
    #[serde(default, deserialize_with = "text")]
    pub(super) key: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub(super) secret: Option<Secret>,
    #[serde(default)]
    pub(super) buckets: Vec<String>,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) group: Option<String>,
    #[serde(default)]
    pub(super) allow: Vec<String>,
    #[serde(default)]
    pub(super) relayer: Option<Relayer>,
}

/// A command to run for each event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relayer {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) command: String,
    #[serde(default, rename = "commandArgs")]
    pub(super) command_args: Vec<String>,
    /// In seconds.
    #[serde(default)]
    pub(super) timeout: Option<NonZeroU32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Exec,
}

#[derive(Debug, Default, Deserialize)]
enum Version {
    #[default]
    #[serde(rename = "v1")]
    V1,
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// In one line: the file, the line, and what is wrong with which key. Never a secret.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|err| Failure::Usage(format!("cannot read {}: {err}", path.display())))?;
        Self::parse(&text).map_err(|err| Failure::Usage(format!("{}{err}", path.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        serde_norway::from_str(text).map_err(|err| {
            let whole = err.to_string();
            let what = whole.split(" at line ").next().unwrap_or_default();
            let line = line_of_unknown_key(what, text).or_else(|| err.location().map(|at| at.line()));
            match line {
                Some(line) => format!(", line {line}: {what}"),
                None => format!(": {what}"),
            }
        })
    }
}

/// The parser says where the whole mapping starts, not where the key stands.
fn line_of_unknown_key(what: &str, text: &str) -> Option<usize> {
    let key = what.split("unknown field `").nth(1)?.split('`').next()?;
    let is_key =
        |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    text.lines().position(is_key).map(|at| at + 1)
}

/// Keys look like numbers at times; YAML must not make them such, and errors must not show them.
struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_TEXT))
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Text)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(text(deserializer)?.map(Secret::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let err = File::parse(text).unwrap_err();
        assert_eq!(err, expected, "{text}");
        assert!(!err.contains('\n') && !err.contains("123456"), "{err}");
    }

    #[test]
    fn all_keys_are_read() {
        let file = File::parse(
            "version: v1\nkey: k\nsecret: s\nbuckets:\n  - one\n  - two\nurl: https://relay.example\nca_file: /ca.pem\ngroup: blue\nallow: [localhost]\n",
        )
        .unwrap();
        assert_eq!((file.key.as_deref(), file.secret.unwrap().reveal()), (Some("k"), "s"));
        assert_eq!(
            (file.buckets, file.allow),
            (vec!["one".to_owned(), "two".to_owned()], vec!["localhost".to_owned()])
        );
        assert_eq!((file.url.as_deref(), file.group.as_deref()), (Some("https://relay.example"), Some("blue")));
        assert!(File::parse("").is_ok() && File::parse("# nothing\n").is_ok());
        assert!(File::parse("version: v1\nkey:\n").unwrap().key.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_key() {
        check(
            "version: v1\nkey: k\nbukets: []\n",
            ", line 3: unknown field `bukets`, expected one of `version`, `key`, `secret`, `buckets`, `url`, `ca_file`, `group`, `allow`, `relayer`",
        );
        check("version: v1\nbuckets: one\n", ", line 2: buckets: invalid type: string \"one\", expected a sequence");
        check("version: v2\n", ", line 1: version: unknown variant `v2`, expected `v1`");
        check(
            "relayer:\n  type: exec\n  comand: bash\n",
            ", line 3: relayer: unknown field `comand`, expected one of `type`, `command`, `commandArgs`, `timeout`",
        );
        check("relayer:\n  type: shell\n", ", line 2: relayer.type: unknown variant `shell`, expected `exec`");
        check("relayer:\n  type: exec\n", ", line 2: relayer: missing field `command`");
        check("key: k\nsecret: 123456\n", ", line 2: secret: must be text; put it in quotes");
        check("secret:\n  a: 123456\n", ", line 2: secret: invalid type: map, expected text");
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_line() {
        let err = File::parse("version: v1\n\tkey: k\n").unwrap_err();
        assert!(err.starts_with(", line 2: "), "{err}");
        let err = File::parse("- a\n").unwrap_err();
        assert!(err.starts_with(", line 1: ") || err.starts_with(": "), "{err}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let err = File::read(Path::new("/nowhere/relay.yml")).unwrap_err();
        assert!(err.to_string().starts_with("cannot read /nowhere/relay.yml: "), "{err}");
        assert_eq!(err.code(), 2);
    }
}
