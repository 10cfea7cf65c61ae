//! Nothing that a caller or an owner wrote can be read in any file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use async_nats::jetstream::stream::StorageType;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use e2e::{World, story};
use serde_json::json;
use uuid::Uuid;

use crate::straight::Straight;

/// A large body, in bytes: more than fits into one message.
const LARGE: usize = 4 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_in_no_file() {
    story(async |world: &World| check(world, json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_to_an_ephemeral_bucket_is_in_no_file() {
    story(async |world: &World| check(world, json!({"ephemeral": true})).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ephemeral_bucket_writes_not_even_sealed_bytes() {
    story(async |world: &World| {
        let straight = Straight::with(world, json!({"ephemeral": true}), json!({})).await?;
        straight.send_through(1).await?;
        let before = bytes(straight.server.data_dir());
        let answer = straight.server.caller().post(straight.bucket.input, &vec![b'x'; LARGE]).await?;
        assert_eq!(answer.status, 200);
        straight.destination.receives(2).await?;
        straight.until_sent(2).await?;

        let grown = bytes(straight.server.data_dir()).saturating_sub(before);
        assert!(grown < LARGE as u64 / 8, "{LARGE} bytes came, and the files grew by {grown}");
        let settings = straight.log.settings().await?;
        let ephemeral: Vec<_> = settings.iter().filter(|stream| stream.name.starts_with("EPHEMERAL")).collect();
        assert!(!ephemeral.is_empty());
        assert!(ephemeral.iter().all(|stream| stream.storage == StorageType::Memory));
        let subject = format!("ephemeral.{}", straight.bucket.id.0.simple());
        assert_eq!(files_with(straight.server.data_dir(), subject.as_bytes()), Vec::<PathBuf>::new());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_what_is_there() {
    story(async |world: &World| {
        let mark = mark();
        for (name, form) in forms(&mark).into_iter().enumerate() {
            fs::write(world.dir().join(format!("file-{name}")), [b"before".as_slice(), &form, b"after"].concat())?;
        }
        assert_eq!(files_with_any_form(world.dir(), &mark).len(), forms(&mark).len());
        Ok(())
    })
    .await;
}

/// Puts marks wherever a caller or an owner can write something, and looks for them everywhere.
async fn check(world: &World, bucket: serde_json::Value) -> Result<()> {
    let marks: Vec<String> = (0..9).map(|_| mark()).collect();
    let [body, header, name, path, query, output_header, description, destination, large] = marks.as_slice() else {
        unreachable!("nine marks were made")
    };
    let output = json!({"headers": {"X-Key": [output_header]}, "description": description});
    let straight = Straight::with(world, bucket, output).await?;
    let url = straight.destination.url(&format!("/{destination}"));
    straight.api.make_output(&straight.bucket, &url, json!({"name": "second"})).await?;
    let request = format!(
        "POST /v1/webhooks/{}/{path}?{query} HTTP/1.1\r\nHost: a\r\nX-Mark: {header}\r\nX-{name}: 1\r\nContent-Length: {}\r\n\r\n{body}",
        straight.bucket.input,
        body.len(),
    );
    assert_eq!(straight.server.caller().send("POST", request.as_bytes()).await?.status, 200);
    let text = large.repeat(LARGE / large.len());
    assert_eq!(straight.server.caller().post(straight.bucket.input, text.as_bytes()).await?.status, 200);
    straight.destination.receives(4).await?;
    straight.until_sent(2).await?;

    for mark in marks.iter().chain([&straight.token.secret]) {
        assert_eq!(files_with_any_form(world.dir(), mark), Vec::<PathBuf>::new(), "files with the mark {mark}");
    }
    Ok(())
}

/// A text that stands nowhere by chance.
fn mark() -> String {
    format!("mark{}", Uuid::new_v4().simple())
}

/// The files below a directory that hold a text as it is, in base64 or in hexadecimal.
fn files_with_any_form(dir: &Path, text: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = forms(text).iter().flat_map(|form| files_with(dir, form)).collect();
    found.sort();
    found.dedup();
    found
}

pub(crate) fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        // Base64 of the same text differs with where in a group of three bytes it begins.
        for before in 0..3 {
            let encoded = engine.encode([vec![0; before], bytes.to_vec()].concat());
            let inner = &encoded[4..encoded.len() - 4];
            forms.push(inner.as_bytes().to_vec());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

pub(crate) fn files_with(dir: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in files(dir) {
        // A file that went away meanwhile holds nothing any more.
        let content = fs::read(&path).unwrap_or_default();
        if contains(&content, needle) {
            found.push(path);
        }
    }
    found
}

/// Looks at the positions of the first byte only: the windows of large files are many.
pub(crate) fn contains(content: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = content[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if content[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

fn bytes(dir: &Path) -> u64 {
    files(dir).iter().filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum()
}
