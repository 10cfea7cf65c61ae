//! Which deliveries are meant: the flags that `logs`, `replay` and `wait-for` share.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::moment::Moment;
use super::text::Query;
use crate::rest::{Bucket, Log, find_bucket, find_input, find_output};

/// Which deliveries of a bucket.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Which deliveries")]
pub(super) struct Filter {
    /// With this status: received, sent, failed, stalled, rejected, expired
    #[arg(long)]
    status: Option<String>,
    /// To this output, by name or id
    #[arg(long)]
    output: Option<String>,
    /// By this input, by name or id
    #[arg(long)]
    input: Option<String>,
    /// Of events with this method
    #[arg(long)]
    method: Option<String>,
    /// Whose destination answered with this status
    #[arg(long, value_name = "CODE")]
    status_code: Option<u16>,
    /// Received at or after a time: 2026-01-31, 2026-01-31T12:00:00Z, or so long ago: 15m
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    from: Option<Moment>,
    /// Received before a time
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    pub(super) until: Option<Moment>,
}

/// A filter with names looked up: what the API takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    fields: Vec<(&'static str, String)>,
}

impl Filter {
    /// Whether nothing narrows the bucket down.
    pub(super) fn is_empty(&self) -> bool {
        let Self { status, output, input, method, status_code, from, until } = self;
        let texts = [status, output, input, method];
        texts.iter().all(|text| text.is_none()) && status_code.is_none() && from.is_none() && until.is_none()
    }

    /// Looks the names up.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub(super) fn find(&self, buckets: &[Bucket], bucket: &str, now: Timestamp) -> Result<Found, Failure> {
        let within = Some(bucket);
        let output = |wanted: &String| find_output(buckets, within, wanted).map(|found| found.part.id.clone());
        let input = |wanted: &String| find_input(buckets, within, wanted).map(|found| found.part.id.clone());
        let fields = [
            ("bucket", Some(find_bucket(buckets, bucket)?.id.clone())),
            ("status", self.status.clone()),
            ("output", self.output.as_ref().map(output).transpose()?),
            ("input", self.input.as_ref().map(input).transpose()?),
            ("method", self.method.as_ref().map(|method| method.to_ascii_uppercase())),
            ("status_code", self.status_code.map(|code| code.to_string())),
            ("from", self.from.as_ref().map(|time| time.at(now))),
            ("to", self.until.as_ref().map(|time| time.at(now))),
        ];
        Ok(Found { fields: fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect() })
    }
}

impl Found {
    /// As the query of a list.
    pub(super) fn query(&self) -> Query {
        let mut query = Query::default();
        for (name, value) in &self.fields {
            query.add(name, value);
        }
        query
    }

    /// As a JSON object: the bucket, and what narrows it down in an object of its own.
    pub(super) fn json(&self) -> Map<String, Value> {
        let field = |(name, value): &(&str, String)| {
            let number = (*name == "status_code").then(|| value.parse::<u16>().ok()).flatten();
            ((*name).to_owned(), number.map_or_else(|| Value::from(value.as_str()), Value::from))
        };
        let (bucket, filters): (Vec<_>, Vec<_>) = self.fields.iter().partition(|(name, _)| *name == "bucket");
        let mut json: Map<String, Value> = bucket.into_iter().map(field).collect();
        json.insert("filters".to_owned(), Value::Object(filters.into_iter().map(field).collect()));
        json
    }

    /// Whether it covers a delivery of its bucket that happens now: live lists come unfiltered.
    pub(super) fn covers(&self, log: &Log) -> bool {
        self.fields.iter().all(|(name, value)| match *name {
            "status" => log.status == *value || log.rest.get("ending").is_some_and(|ending| ending == value.as_str()),
            "output" => log.output_id == *value,
            "input" => log.input_id == *value,
            "method" => log.method == *value,
            "status_code" => log.status_code.to_string() == *value,
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_ids_and_moments_times() {
        let buckets: Vec<Bucket> = serde_json::from_value(json!([{"id": "b-1", "name": "orders",
            "inputs": [{"id": "i-1", "name": "in"}], "outputs": [{"id": "o-1", "name": "app"}]}]))
        .unwrap();
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let filter = Filter {
            status: Some("failed".into()),
            output: Some("app".into()),
            input: Some("in".into()),
            method: Some("post".into()),
            status_code: Some(503),
            from: Some(Moment::parse("1h").unwrap()),
            until: Some(Moment::parse("2026-02-01").unwrap()),
        };
        let found = filter.find(&buckets, "orders", now).unwrap();
        assert_eq!(
            found.query().finish(),
            "bucket=b-1&status=failed&output=o-1&input=i-1&method=POST&status_code=503\
             &from=2026-01-31T11%3A00%3A00Z&to=2026-02-01"
        );
        let json = found.json();
        assert_eq!((&json["bucket"], &json["filters"]["status_code"]), (&"b-1".into(), &503.into()));
        assert_eq!(json["filters"]["status"], "failed", "one that were left out would replay everything");
        let log: Log =
            serde_json::from_value(json!({"id": "l", "status": "failed", "output_id": "o-1", "input_id": "i-1",
            "method": "POST", "status_code": 503}))
            .unwrap();
        assert!(found.covers(&log));
        assert!(!found.covers(&Log { status: "sent".into(), ..log }));
        assert!(!filter.is_empty() && Filter::default().is_empty());
        let nope = Filter { output: Some("nope".into()), ..Filter::default() };
        assert_eq!(nope.find(&buckets, "orders", now).unwrap_err().code(), 4);
    }
}
