//! The documents say what the code says: names of variables, tests and files in them exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

#[test]
fn every_variable_of_the_programs_is_documented_and_no_other() {
    let mut sources = String::new();
    for folder in ["server/src", "agent/src"] {
        for file in files(&workspace::root().join(folder), "rs") {
            sources.push_str(&read(&file));
        }
    }
    let in_code: BTreeSet<&str> = between(&sources, "env = \"", "\"").collect();
    let document = read(&workspace::root().join("docs/configuration.md"));
    let is_variable = |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let in_document: BTreeSet<&str> = between(&document, "`", "`").filter(is_variable).collect();
    let missing: Vec<_> = in_code.difference(&in_document).collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:?}");
    // Those that are read without clap are looked for anywhere in the sources.
    let invented: Vec<_> = in_document.iter().filter(|name| !sources.contains(&format!("\"{name}\""))).collect();
    assert!(invented.is_empty(), "docs/configuration.md has {invented:?}, which no program reads");
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let tests: String = files(&workspace::root().join("e2e/tests"), "rs").iter().map(|file| read(file)).collect();
    let document = read(&workspace::root().join("ARCHITECTURE.md"));
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let is_test =
        |word: &&str| word.matches('_').count() >= 3 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let named: BTreeSet<&str> = rows.flat_map(|row| between(row, "`", "`").filter(is_test)).collect();
    assert!(!named.is_empty());
    let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names tests that are not there: {missing:?}");
}

#[test]
fn every_test_of_bad_input_exists() {
    let root = workspace::root();
    let folders = ["agent", "crates", "e2e/tests", "proto", "server", "services"];
    let tests: String =
        folders.iter().flat_map(|folder| files(&root.join(folder), "rs")).map(|file| read(&file)).collect();
    let document = read(&root.join("docs/bad-input.md"));
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| test |"));
    let mut count = 0;
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let named: Vec<&str> = between(last, "`", "`").filter(|name| name.contains('_')).collect();
        assert!(!named.is_empty() || last.contains("cargo xtask"), "a row without a test: {row}");
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
        assert!(missing.is_empty(), "docs/bad-input.md names tests that are not there: {missing:?}");
        count += named.len();
    }
    assert!(count > 50);
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let root = workspace::root();
    let own = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let mut documents: Vec<PathBuf> = own.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    documents.extend(files(&root.join("docs"), "md"));
    for document in documents {
        for link in between(&read(&document), "](", ")").filter(|link| !link.contains("://")) {
            let path = link.split('#').next().unwrap_or_default();
            let target = document.parent().unwrap().join(path);
            assert!(path.is_empty() || target.exists(), "{} links to {link}", document.display());
        }
    }
}

/// What stands between each `start` and the next `end`.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(start)?;
        let (found, after) = after.split_once(end)?;
        rest = after;
        Some(found)
    })
}

/// The files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
