//! That nothing is left out: each provider has a webhook of each kind that its scheme can have.

use super::*;
use crate::odd::Odd;
use crate::table::{Scheme, schemes};

/// The providers of which a whole webhook was found in their own pages or tests: secret, body and
/// signature. Of the others only descriptions and code were found.
const PUBLISH: [&str; 16] = [
    "adyen",
    "bitbucket",
    "circleci",
    "github",
    "hubspot",
    "jira",
    "line",
    "paddle",
    "pagerduty",
    "paypal",
    "sendgrid",
    "slack",
    "square",
    "standard_webhooks",
    "svix",
    "twilio",
];

/// Whether a provider's scheme signs a time.
fn has_time(provider: Provider) -> bool {
    provider == Provider::Hmac
        || schemes(provider).iter().any(|scheme| match scheme {
            Scheme::Row(row) => row.time.is_some(),
            Scheme::Odd(Odd::Mailgun | Odd::PayPal) => true,
            Scheme::Odd(Odd::Token { .. } | Odd::UserPassword | Odd::Twilio | Odd::Adyen) => false,
        })
}

/// Whether a webhook that came a thousand seconds after its time fails for that reason when its owner
/// bears three hundred.
fn is_stale_later(case: &Case) -> bool {
    let mut signature = case.signature(&[case.secret]);
    signature.tolerance_seconds = 300;
    let later = UnixMs((case.now_seconds + 1000) * 1000);
    Verifier::new(&signature).unwrap().verify(&case.request(), case.url, later) == Verdict::Failed(Reason::TooOld)
}

#[test]
fn every_provider_has_a_webhook_of_each_kind() {
    for provider in Provider::ALL {
        let own: Vec<&Case> = cases().filter(|case| case.provider == provider.name()).collect();
        let verdicts = |secrets: fn(&Case) -> Vec<&'static str>| {
            own.iter().map(|case| case.verify(&secrets(case), &case.request(), case.now())).collect::<Vec<_>>()
        };
        let failed = Verdict::Failed(Reason::NoMatch);
        assert!(verdicts(|case| vec![case.secret]).contains(&Verdict::Verified), "{provider}: a good one");
        assert!(verdicts(|case| vec![case.wrong]).contains(&failed), "{provider}: a wrong secret");
        assert!(
            verdicts(|case| vec![case.wrong, case.secret]).contains(&Verdict::Verified),
            "{provider}: two secrets while one is rotated"
        );
        let changed = |case: &&Case| case.verify(&[case.secret], &case.changed(), case.now()) == failed;
        assert!(own.iter().any(changed), "{provider}: a changed byte");
        assert_eq!(own.iter().any(|case| is_stale_later(case)), has_time(*provider), "{provider}: a stale time");
    }
}

#[test]
fn whose_vectors_are_published_is_known() {
    let mut published: Vec<&str> =
        cases().filter(|case| matches!(case.source, Source::Published(_))).map(|case| case.provider).collect();
    published.sort_unstable();
    published.dedup();
    assert_eq!(published, PUBLISH);
    assert!(published::PUBLISHED.iter().all(|case| matches!(case.source, Source::Published(_))));
    assert!(made::CASES.iter().all(|case| matches!(case.source, Source::Derived(_) | Source::Carried)));
}
