use sunward_units::{Quantity, Usd};

/// Why a cost cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CostError {
    /// A value outside its range.
    #[error("{what} {got} is outside {allowed}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value, with unit.
        got: String,
        /// The range, with unit.
        allowed: &'static str,
    },
    /// A price per unit of something of which nothing was delivered.
    #[error("no {what} was delivered for {cost}: a price per unit does not exist")]
    NothingDelivered {
        /// What was to be delivered.
        what: &'static str,
        /// What was spent.
        cost: Usd,
    },
    /// An orbit whose decay cannot be told.
    #[error("the decay of the orbit cannot be told")]
    Decay {
        /// Why.
        #[from]
        source: sunward_astro::decay::DecayError,
    },
    /// A price year for which the index has no value.
    #[error("{index} has no value for {year}; it covers {first}..={last}")]
    NoIndex {
        /// Name of the index.
        index: &'static str,
        /// The year asked for.
        year: i32,
        /// Its first year.
        first: i32,
        /// Its last year.
        last: i32,
    },
}

/// `value` if `holds` and it is finite, else [`CostError::OutOfRange`]; NaN never holds.
pub(crate) fn require<Q: Quantity>(
    what: &'static str,
    value: Q,
    holds: bool,
    allowed: &'static str,
) -> Result<Q, CostError> {
    if holds && value.si().is_finite() {
        Ok(value)
    } else {
        Err(CostError::OutOfRange { what, got: value.to_string(), allowed })
    }
}

/// `value` if it is finite and above zero.
pub(crate) fn positive<Q: Quantity>(what: &'static str, value: Q) -> Result<Q, CostError> {
    require(what, value, value.si() > 0.0, "(0, infinity)")
}

/// `value` if it is finite and not below zero.
pub(crate) fn not_negative<Q: Quantity>(what: &'static str, value: Q) -> Result<Q, CostError> {
    require(what, value, value.si() >= 0.0, "[0, infinity)")
}

/// A share in 0..=1.
pub(crate) fn share<Q: Quantity>(what: &'static str, value: Q) -> Result<Q, CostError> {
    require(what, value, (0.0..=1.0).contains(&value.si()), "0..=1")
}
