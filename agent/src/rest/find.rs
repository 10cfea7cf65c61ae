//! Names and ids: people say either, the API wants ids.

use super::record::{Bucket, Input, Output, Token};

/// There is nothing, or more than one thing, of that name or id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Nothing.
    #[error("no {kind} named '{wanted}'")]
    None {
        /// What was looked for.
        kind: &'static str,
        /// Its name or id.
        wanted: String,
    },
    /// More than one.
    #[error("more than one {kind} is named '{wanted}': name the bucket with --bucket, or use the id")]
    Many {
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        wanted: String,
    },
}

/// A part of a bucket, with its bucket.
#[derive(Clone, Debug)]
pub struct Found<'a, T> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The part.
    pub part: &'a T,
}

/// The bucket of this name or id.
///
/// # Errors
/// When there is none.
pub fn find_bucket<'a>(buckets: &'a [Bucket], wanted: &str) -> Result<&'a Bucket, NotFound> {
    one("bucket", wanted, buckets.iter(), |bucket| &bucket.id, |bucket| &bucket.name)
}

/// The input of this name or id, in one bucket if `bucket` names one.
///
/// # Errors
/// When there is none, or more than one.
pub fn find_input<'a>(buckets: &'a [Bucket], bucket: Option<&str>, wanted: &str) -> Result<Found<'a, Input>, NotFound> {
    let within = within(buckets, bucket)?;
    let all = within.iter().flat_map(|bucket| bucket.inputs.iter().map(move |part| Found { bucket, part }));
    one("input", wanted, all, |found| &found.part.id, |found| &found.part.name)
}

/// The output of this name or id, in one bucket if `bucket` names one.
///
/// # Errors
/// When there is none, or more than one.
pub fn find_output<'a>(
    buckets: &'a [Bucket],
    bucket: Option<&str>,
    wanted: &str,
) -> Result<Found<'a, Output>, NotFound> {
    let within = within(buckets, bucket)?;
    let all = within.iter().flat_map(|bucket| bucket.outputs.iter().map(move |part| Found { bucket, part }));
    one("output", wanted, all, |found| &found.part.id, |found| &found.part.name)
}

/// The token of this id.
///
/// # Errors
/// When there is none.
pub fn find_token<'a>(tokens: &'a [Token], wanted: &str) -> Result<&'a Token, NotFound> {
    one("token", wanted, tokens.iter(), |token| &token.id, |token| &token.id)
}

fn within<'a>(buckets: &'a [Bucket], bucket: Option<&str>) -> Result<&'a [Bucket], NotFound> {
    match bucket {
        None => Ok(buckets),
        Some(wanted) => Ok(std::slice::from_ref(find_bucket(buckets, wanted)?)),
    }
}

/// An id names exactly one thing; only where none fits are names looked at.
fn one<T>(
    kind: &'static str,
    wanted: &str,
    all: impl Iterator<Item = T> + Clone,
    id: impl Fn(&T) -> &String,
    name: impl Fn(&T) -> &String,
) -> Result<T, NotFound> {
    if let Some(found) = all.clone().find(|thing| id(thing).eq_ignore_ascii_case(wanted)) {
        return Ok(found);
    }
    let mut named = all.filter(|thing| name(thing) == wanted);
    match (named.next(), named.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(NotFound::None { kind, wanted: wanted.to_owned() }),
        (Some(_), Some(_)) => Err(NotFound::Many { kind, wanted: wanted.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Vec<Bucket> {
        serde_json::from_value(serde_json::json!([
            {"id": "b-1", "name": "one", "inputs": [{"id": "i-1", "name": "Default public endpoint"}], "outputs": null},
            {"id": "b-2", "name": "two", "inputs": [{"id": "i-2", "name": "Default public endpoint"}, {"id": "i-3", "name": "x"}]},
        ]))
        .unwrap()
    }

    #[test]
    fn ids_come_before_names_and_names_must_be_unique() {
        let buckets = buckets();
        assert_eq!(find_bucket(&buckets, "two").unwrap().id, "b-2");
        assert_eq!(find_bucket(&buckets, "B-1").unwrap().id, "b-1");
        let none = NotFound::None { kind: "bucket", wanted: "nope".into() };
        assert_eq!(find_bucket(&buckets, "nope").unwrap_err(), none);
        assert_eq!(find_input(&buckets, None, "x").unwrap().bucket.id, "b-2");
        let twice = find_input(&buckets, None, "Default public endpoint");
        assert!(matches!(twice.unwrap_err(), NotFound::Many { .. }));
        let found = find_input(&buckets, Some("one"), "Default public endpoint").unwrap();
        assert_eq!((&*found.bucket.id, &*found.part.id), ("b-1", "i-1"));
        assert!(find_output(&buckets, None, "x").is_err());
    }
}
