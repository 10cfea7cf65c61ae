//! What an owner can be told of, by the names that integrations choose from.

/// A kind of trouble. Names are stored and sent: none is ever used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alert {
    /// A delivery has failed.
    DeliveryError,
    /// A function has failed.
    FunctionError,
    /// A delivery has expired: its time passed, and it was not delivered.
    DeliveryExpired,
    /// An output failed so often that it is only probed now and then.
    CircuitOpen,
    /// An output did nothing but fail for so long that it was paused.
    OutputPaused,
    /// A delivery waits for longer than it should.
    Lag,
}

impl Alert {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::DeliveryError,
        Self::FunctionError,
        Self::DeliveryExpired,
        Self::CircuitOpen,
        Self::OutputPaused,
        Self::Lag,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeliveryError => "forwarding.delivery.error",
            Self::FunctionError => "forwarding.function.error",
            Self::DeliveryExpired => "forwarding.delivery.expired",
            Self::CircuitOpen => "forwarding.circuit.open",
            Self::OutputPaused => "forwarding.output.paused",
            Self::Lag => "forwarding.lag",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: HashSet<_> = Alert::ALL.iter().map(|alert| alert.name()).collect();
        assert_eq!(names.len(), Alert::ALL.len());
    }
}
