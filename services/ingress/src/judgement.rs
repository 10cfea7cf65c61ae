//! What becomes of a webhook whose input demands a signature.

use model::UnixMs;
use model::record::SignaturePolicy;
use model::request::Request;
use verify::handshake::{self, Answer};
use verify::{Verdict, Verifier};

/// What becomes of a webhook.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It goes to the outputs.
    Deliver,
    /// It was a question of the provider, with this answer.
    Handshake(Answer),
    /// Its caller is refused.
    Refuse,
    /// It goes nowhere, and its caller is not told.
    Drop,
}

/// What follows from a verdict under the owner's policy.
pub(crate) fn course(
    verifier: Option<&Verifier<'_>>,
    policy: SignaturePolicy,
    verdict: Verdict,
    webhook: &Request,
    url: &str,
    now: UnixMs,
) -> Course {
    if let Some(answer) = verifier.and_then(|verifier| handshake::answer(verifier, webhook, verdict, url, now)) {
        return Course::Handshake(answer);
    }
    match (verdict, policy) {
        (Verdict::None | Verdict::Verified, _) | (_, SignaturePolicy::Mark) => Course::Deliver,
        (Verdict::Failed(_), SignaturePolicy::Reject) => Course::Refuse,
        (Verdict::Failed(_), SignaturePolicy::Drop) => Course::Drop,
    }
}

#[cfg(test)]
mod tests {
    use verify::Reason;

    use super::*;

    #[test]
    fn a_verdict_and_a_policy_make_a_course() {
        use SignaturePolicy::{Drop, Mark, Reject};
        let failed = Verdict::Failed(Reason::NoMatch);
        for (verdict, policy, expected) in [
            (Verdict::None, Reject, Course::Deliver),
            (Verdict::Verified, Reject, Course::Deliver),
            (Verdict::Verified, Drop, Course::Deliver),
            (failed, Reject, Course::Refuse),
            (failed, Drop, Course::Drop),
            (failed, Mark, Course::Deliver),
        ] {
            let found = course(None, policy, verdict, &Request::default(), "", UnixMs(0));
            assert_eq!(found, expected, "{verdict:?} {policy:?}");
        }
    }
}
