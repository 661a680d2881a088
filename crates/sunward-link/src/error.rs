use sunward_units::{Meters, Quantity, Seconds};

/// Why a link, a path or a transfer cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// A value outside its physical range.
    #[error("{what} {got} is outside {allowed}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value, with unit.
        got: String,
        /// The range, with unit.
        allowed: &'static str,
    },
    /// Data that would arrive before light could.
    #[error("latency {latency} over {distance} is faster than light, which takes {light_time}")]
    FasterThanLight {
        /// The claimed one-way latency.
        latency: Seconds,
        /// The distance covered.
        distance: Meters,
        /// What light in vacuum needs.
        light_time: Seconds,
    },
    /// An edge to a node that is not there, or from a node to itself.
    #[error("edge {edge} joins node {from} to node {to}; expected two different nodes below {nodes}")]
    BadEdge {
        /// Position in the list of edges.
        edge: usize,
        /// One end.
        from: u32,
        /// Other end.
        to: u32,
        /// Number of nodes.
        nodes: u32,
    },
}

/// `value` if `holds`, else [`LinkError::OutOfRange`]; NaN never holds.
pub(crate) fn require<Q: Quantity>(
    what: &'static str,
    value: Q,
    holds: bool,
    allowed: &'static str,
) -> Result<Q, LinkError> {
    if holds && value.si().is_finite() {
        Ok(value)
    } else {
        Err(LinkError::OutOfRange { what, got: value.to_string(), allowed })
    }
}

/// `value` if it is finite and above zero.
pub(crate) fn positive<Q: Quantity>(what: &'static str, value: Q) -> Result<Q, LinkError> {
    require(what, value, value.si() > 0.0, "(0, infinity)")
}

/// `value` if it is finite and not below zero.
pub(crate) fn not_negative<Q: Quantity>(what: &'static str, value: Q) -> Result<Q, LinkError> {
    require(what, value, value.si() >= 0.0, "[0, infinity)")
}
