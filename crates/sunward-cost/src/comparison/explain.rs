//! Where models part, term by term.

use super::{Account, Column, Entry, Term};
use crate::error::CostError;

/// What one model says of a term, against the model that is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The model.
    pub model: String,
    /// USD/MWh; `None` where the term is not counted.
    pub usd_per_mwh: Option<f64>,
    /// USD/MWh more than the reference has.
    pub difference: f64,
    /// How it is counted, or why it is not.
    pub because: String,
}

/// A term on which models part.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whether it is a term of orbit, else of the ground.
    pub in_orbit: bool,
    /// The term.
    pub term: Term,
    /// Every model that speaks of the term, in the order of the columns.
    pub shares: Vec<Share>,
}

/// Every term that at least one column counts, each against column `reference`.
///
/// # Errors
/// A column without energy.
///
/// # Panics
/// If there is no such column.
pub fn explain(columns: &[Column], reference: usize) -> Result<Vec<Explanation>, CostError> {
    let mut all = Vec::new();
    for in_orbit in [true, false] {
        let accounts: Vec<(&str, &Account)> = columns
            .iter()
            .map(|column| (column.model.as_str(), if in_orbit { &column.orbit } else { &column.ground }))
            .collect();
        for term in Term::ALL {
            let counted = |(_, account): &(&str, &Account)| matches!(account.entry(term), Some(Entry::Counted { .. }));
            if accounts.iter().any(counted) {
                all.push(Explanation { in_orbit, term, shares: shares(&accounts, term, reference)? });
            }
        }
    }
    Ok(all)
}

fn shares(accounts: &[(&str, &Account)], term: Term, reference: usize) -> Result<Vec<Share>, CostError> {
    let base = accounts[reference].1.term_usd_per_mwh(term)?;
    let mut all = Vec::new();
    for (model, account) in accounts {
        let (usd_per_mwh, because) = match account.entry(term) {
            Some(Entry::Counted { how, .. }) => (Some(account.term_usd_per_mwh(term)?), how.clone()),
            Some(Entry::Absent { why }) => (None, why.clone()),
            None => (None, "no term of this model".to_owned()),
        };
        let difference = usd_per_mwh.unwrap_or(0.0) - base;
        all.push(Share { model: (*model).to_owned(), usd_per_mwh, difference, because });
    }
    Ok(all)
}
