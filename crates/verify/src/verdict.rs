//! What came of verifying a webhook.

/// What came of verifying a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// No signature was demanded.
    #[default]
    None,
    /// One of the owner's secrets made the signature.
    Verified,
    /// It did not verify.
    Failed(Reason),
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a webhook did not verify. The codes are stored with events: none is ever used again
        /// for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// What the owner reads.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// A header of the scheme is not there.
    MissingHeader = 10, "a header of the signature is missing";
    /// A header of the scheme is there twice: two readers could take different ones.
    RepeatedHeader = 11, "a header of the signature is repeated";
    /// The header holds no signature in the scheme's form.
    Malformed = 12, "the signature is not in the provider's form";
    /// No secret made the signature.
    NoMatch = 13, "no secret matches the signature";
    /// The signed time is no time in the scheme's form.
    BadTime = 14, "the signed time cannot be read";
    /// The signed time is further back than the tolerance.
    TooOld = 15, "the signed time is too old";
    /// The signed time is further ahead than the tolerance.
    FromTheFuture = 16, "the signed time lies in the future";
    /// The scheme's fields are not in the body.
    UnreadableBody = 17, "the body does not hold the provider's signature";
    /// The scheme needs the whole body, and it is over [`crate::WHOLE_BYTES_MAX`].
    BodyTooLarge = 18, "the body is too large for this provider's signature";
    /// The input's configuration is of a version that knows more, or has no secret for the scheme.
    Unusable = 19, "the input's signature is not configured so that anything could verify";
    /// The bucket demands a credential of its callers, and this one had none or a wrong one. Said by
    /// the ingress, of webhooks whose signature it did not look at.
    Unauthenticated = 20, "the caller has not authenticated as the bucket demands";
}

/// The code of [`Verdict::Verified`].
const VERIFIED: u16 = 1;

impl Verdict {
    /// The code that is stored with an event.
    pub fn code(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Verified => VERIFIED,
            Self::Failed(reason) => reason.code(),
        }
    }

    /// The verdict of a stored code; none for a code of a later version.
    pub fn of(code: u16) -> Self {
        match code {
            VERIFIED => Self::Verified,
            code => {
                let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
                reason.map_or(Self::None, |reason| Self::Failed(*reason))
            }
        }
    }

    /// `none`, `verified` or `failed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Verified => "verified",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it did not verify.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::None | Self::Verified => None,
            Self::Failed(reason) => Some(reason),
        }
    }

    /// Whether a signature was demanded and is not there, or not right.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Of what two schemes of one provider say, that which says more; of equals, the first.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    /// A scheme without a secret says nothing, and one whose header is not there little.
    fn weight(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Failed(Reason::Unusable) => 1,
            Self::Failed(Reason::MissingHeader) => 2,
            Self::Failed(_) => 3,
            Self::Verified => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        let failed = Reason::ALL.iter().map(|reason| Verdict::Failed(*reason));
        for verdict in failed.chain([Verdict::None, Verdict::Verified]) {
            assert_eq!(Verdict::of(verdict.code()), verdict);
        }
        assert_eq!(Verdict::of(u16::MAX), Verdict::None);
    }

    #[test]
    fn of_two_the_one_that_says_more_counts() {
        let (missing, wrong) = (Verdict::Failed(Reason::MissingHeader), Verdict::Failed(Reason::NoMatch));
        assert_eq!(missing.or(wrong), wrong);
        assert_eq!(wrong.or(missing), wrong);
        assert_eq!(wrong.or(Verdict::Verified), Verdict::Verified);
        assert_eq!(Verdict::None.or(missing), missing);
        assert_eq!(missing.or(Verdict::None), missing);
        assert_eq!(Verdict::Failed(Reason::Unusable).or(missing), missing);
        assert_eq!(missing.or(Verdict::Failed(Reason::Unusable)), missing);
    }
}
