//! When certificates end, and what Prometheus is told of it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use model::UnixMs;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustls::sign::CertifiedKey;

use super::Certificates;

const DAY_SECONDS: f64 = 24.0 * 60.0 * 60.0;

/// From when till when a certificate is valid.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn validity(certificate: &CertifiedKey) -> anyhow::Result<(UnixMs, UnixMs)> {
    let leaf = certificate.end_entity_cert().context("read the certificate")?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).context("read the certificate's time")?;
    let at =
        |time: x509_parser::time::ASN1Time| UnixMs(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1000));
    let validity = parsed.validity();
    Ok((at(validity.not_before), at(validity.not_after)))
}

/// Registers how many days are left of the certificates; without TLS there is nothing to be said.
pub(crate) fn register(registry: &mut Registry, certificates: Option<Arc<Certificates>>) {
    registry.register_collector(Box::new(DaysLeft(certificates)));
}

struct DaysLeft(Option<Arc<Certificates>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    of: &'static str,
}

impl fmt::Debug for DaysLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DaysLeft")
    }
}

impl Collector for DaysLeft {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Days until the first of the certificates ends, of our own and of those ordered for domains";
        let mut days = encoder.encode_descriptor("certificate_days_left", help, None, MetricType::Gauge)?;
        let Some(certificates) = &self.0 else { return Ok(()) };
        let now = SystemTime::now();
        for (of, end) in [("own", certificates.own_end(now)), ("domain", certificates.domains_end(now))] {
            if let Some(end) = end {
                ConstGauge::new(days_until(end, now)).encode(days.encode_family(&Labels { of })?)?;
            }
        }
        Ok(())
    }
}

/// Less than 0 for what has ended.
fn days_until(end: UnixMs, now: SystemTime) -> f64 {
    let now = UnixMs::from(now);
    (end.since(now).as_secs_f64() - now.since(end).as_secs_f64()) / DAY_SECONDS
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::certificate::Standing;
    use model::{DomainId, UnixMs};
    use store::certificate::Change;
    use uuid::Uuid;

    use super::super::{Pair, Source};
    use super::*;
    use crate::acme::Shelf;
    use crate::certs::Authority;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn said(certificates: Option<Certificates>) -> Vec<String> {
        let mut registry = Registry::with_prefix("relay");
        register(&mut registry, certificates.map(Arc::new));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("# TYPE relay_certificate_days_left gauge\n"), "{text}");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    fn days(line: &str, of: &str) -> f64 {
        let start = format!("relay_certificate_days_left{{of=\"{of}\"}} ");
        line.strip_prefix(&start).and_then(|days| days.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn the_first_that_ends_is_told_and_without_tls_none() {
        assert_eq!(said(None), Vec::<String>::new());
        let (dir, now) = (tempfile::tempdir().unwrap(), SystemTime::now());
        let authority = Authority::open(dir.path(), now).unwrap();
        // Made so long ago, for 364 days.
        let made = |name: &str, days_ago: u32| {
            let issued = authority.issue(&[name.to_owned()], now - days_ago * DAY).unwrap();
            let pair =
                Pair { cert: dir.path().join(format!("{name}.pem")), key: dir.path().join(format!("{name}.key")) };
            std::fs::write(&pair.cert, issued.cert_pem).unwrap();
            std::fs::write(&pair.key, issued.key_pem).unwrap();
            pair
        };
        let pairs = vec![made("young", 4), made("old", 359)];
        let lines = said(Some(Certificates::open(&Source::Files(pairs)).unwrap()));
        assert!((days(&lines[0], "own") - 5.0).abs() < 0.1, "{lines:?}");
        assert_eq!(lines.len(), 1);
        let lines = said(Some(Certificates::open(&Source::Files(vec![made("ended", 366)])).unwrap()));
        assert!((days(&lines[0], "own") + 2.0).abs() < 0.1, "{lines:?}");
    }

    #[test]
    fn of_those_for_domains_the_first_that_ends_is_told_and_those_long_gone_are_not() {
        let (shelf, now) = (Arc::<Shelf>::default(), UnixMs::from(SystemTime::now()));
        let before = UnixMs(now.0 - 90 * 86_400_000);
        for (number, until) in [(1, now.0 + 30 * 86_400_000), (2, now.0 + 20 * 86_400_000), (3, now.0 - 8 * 86_400_000)]
        {
            let standing = Standing::issued(format!("{number}.example"), before, UnixMs(until));
            shelf.take(Change::Standing(DomainId(Uuid::from_u128(number)), Some(standing)));
        }
        let certificates = Certificates::open(&Source::Ordered).unwrap().with(Arc::clone(&shelf));
        let lines = said(Some(certificates));
        assert!((days(&lines[0], "domain") - 20.0).abs() < 0.1, "{lines:?}");
        assert_eq!(lines.len(), 1, "there is none of its own");
    }
}
