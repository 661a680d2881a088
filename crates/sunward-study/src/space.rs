//! What is uncertain or to be chosen: variables, and the independent causes behind them.
//!
//! Each variable hangs on at most one shared cause (a Gaussian copula of one factor): with cause Z and own luck E, both
//! standard normal and independent, the variable is its quantile at Phi(r Z + sqrt(1 - r^2) E). A rank correlation s
//! (Spearman's) between variable and cause needs r = 2 sin(pi s / 6).
//! **Source**: Kruskal 1958, "Ordinal measures of association", for that relation; Nelsen 2006, "An introduction to copulas".
//! **Not modelled**: variables of more than one cause, dependence in the tails beyond the Gaussian copula's.

use std::f64::consts::PI;

use crate::StudyError;
use crate::distribution::{Distribution, Value, normal_probability, normal_quantile};

/// Who decides a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The world: it can be swept, never optimised.
    Assumption,
    /// The designer: it can be swept and optimised.
    Design,
}

/// A cause that several variables share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// Name of the cause, such as "launch price".
    pub cause: String,
    /// Spearman's rank correlation between variable and cause, in -1..=1 but not 0.
    pub rank_correlation: f64,
}

/// A value that differs from run to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// What it sets: for a mission its key path, such as `site[0].thermal.radiator_area`.
    pub key: String,
    /// Unit of its numbers; empty for counts, shares and words.
    pub unit: String,
    /// Who decides it.
    pub role: Role,
    /// Whether its numbers are whole; a uniform one then takes each whole number from low to high alike, others are rounded.
    pub whole: bool,
    /// How it is spread.
    pub distribution: Distribution,
    /// The cause it shares with others.
    pub shared: Option<Shared>,
}

impl Variable {
    /// A variable of no unit and no shared cause.
    #[must_use]
    pub fn new(key: &str, role: Role, distribution: Distribution) -> Self {
        Self { key: key.to_owned(), unit: String::new(), role, whole: false, distribution, shared: None }
    }

    fn check(&self) -> Result<(), StudyError> {
        self.distribution.check(&self.key)?;
        let refused = |what, got, expected| {
            let key = self.key.clone();
            Err(StudyError::Declaration { key, what, got, expected })
        };
        let Some(Shared { cause, rank_correlation: rank }) = &self.shared else { return Ok(()) };
        if !(-1.0..=1.0).contains(rank) || *rank == 0.0 {
            return refused("its rank correlation with the cause", rank.to_string(), "-1..=1 and not 0");
        }
        match self.role {
            Role::Design => refused("the cause of a design variable", cause.clone(), "none: a design is chosen"),
            Role::Assumption => Ok(()),
        }
    }

    /// Its value at a uniform draw, or the central one.
    fn value(&self, uniform: Option<f64>) -> Value {
        match (&self.distribution, uniform) {
            (Distribution::Uniform { low, high }, Some(p)) if self.whole => {
                Value::Number((low + (p * (high - low + 1.0)).floor()).min(*high))
            }
            (distribution, uniform) => {
                match uniform.map_or_else(|| distribution.central(), |p| distribution.quantile(p)) {
                    Value::Number(number) if self.whole => Value::Number(number.round()),
                    value => value,
                }
            }
        }
    }
}

/// An independent source of luck: a shared cause, or what a variable has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// The cause's name, or the variable's key.
    pub name: String,
    /// Whether it is a shared cause.
    pub is_cause: bool,
}

/// How a variable follows from the factors.
#[derive(Debug, Clone, Copy)]
struct Roots {
    /// The cause, and the correlation of the normal draws.
    cause: Option<(usize, f64)>,
    own: Option<usize>,
}

/// Variables, checked, with the factors they follow from.
#[derive(Debug, Clone)]
pub struct Space {
    variables: Vec<Variable>,
    factors: Vec<Factor>,
    roots: Vec<Roots>,
}

impl Space {
    /// The space of `variables`, in their order.
    ///
    /// # Errors
    /// A distribution that is none, a rank correlation outside -1..=1, a design variable with a cause, two of one name.
    pub fn new(variables: Vec<Variable>) -> Result<Self, StudyError> {
        let mut space = Self { variables: Vec::new(), factors: Vec::new(), roots: Vec::new() };
        for variable in variables {
            variable.check()?;
            let shared = variable.shared.as_ref();
            let cause = shared.map(|to| (space.cause(&to.cause), normal_correlation(to.rank_correlation)));
            let own = match cause {
                Some((_, correlation)) if correlation.abs() == 1.0 => None,
                _ => Some(space.factor(&variable.key, false)),
            };
            space.roots.push(Roots { cause, own });
            space.variables.push(variable);
        }
        let keys = space.variables.iter().map(|variable| variable.key.as_str());
        let causes = space.factors.iter().filter(|factor| factor.is_cause).map(|factor| factor.name.as_str());
        refuse_duplicates(keys.chain(causes))?;
        Ok(space)
    }

    fn cause(&mut self, name: &str) -> usize {
        let known = self.factors.iter().position(|factor| factor.is_cause && factor.name == name);
        known.unwrap_or_else(|| self.factor(name, true))
    }

    fn factor(&mut self, name: &str, is_cause: bool) -> usize {
        self.factors.push(Factor { name: name.to_owned(), is_cause });
        self.factors.len() - 1
    }

    /// The variables.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The independent factors, in the order in which the variables first need them.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// The variable that alone follows from a factor, if it is not a cause and the variable has no cause either.
    pub(crate) fn alone(&self, factor: usize) -> Option<&Variable> {
        let found = self.roots.iter().position(|roots| roots.own == Some(factor) && roots.cause.is_none());
        found.map(|index| &self.variables[index])
    }

    /// The value of each variable at one uniform draw a factor; a factor without draw leaves what hangs on it alone central.
    ///
    /// # Panics
    /// If there is not one entry a factor.
    #[must_use]
    pub fn values(&self, uniforms: &[Option<f64>]) -> Vec<Value> {
        assert_eq!(uniforms.len(), self.factors.len(), "one draw a factor");
        let of = |(variable, roots): (&Variable, &Roots)| variable.value(roots.uniform(uniforms));
        self.variables.iter().zip(&self.roots).map(of).collect()
    }

    /// Every variable at its central value.
    #[must_use]
    pub fn central(&self) -> Vec<Value> {
        self.values(&vec![None; self.factors.len()])
    }

    /// Index of the variable with this key.
    ///
    /// # Errors
    /// If there is none.
    pub fn index(&self, key: &str) -> Result<usize, StudyError> {
        let keys = || self.variables.iter().map(|variable| variable.key.as_str());
        keys().position(|known| known == key).ok_or_else(|| unknown("variable", key, keys()))
    }
}

impl Roots {
    fn uniform(&self, uniforms: &[Option<f64>]) -> Option<f64> {
        let own = self.own.and_then(|index| uniforms[index]);
        let Some((cause, correlation)) = self.cause else { return own };
        match (uniforms[cause], self.own) {
            (None, _) if own.is_none() => None,
            // Not by way of the normal quantile, which would cost a digit and the ends.
            (Some(cause), None) => Some(if correlation > 0.0 { cause } else { 1.0 - cause }),
            (cause, _) => {
                let normal = |uniform: Option<f64>| normal_quantile(uniform.unwrap_or(0.5));
                let z = correlation * normal(cause) + (1.0 - correlation * correlation).sqrt() * normal(own);
                Some(normal_probability(z))
            }
        }
    }
}

/// The correlation of two normal draws whose ranks correlate by `rank`.
fn normal_correlation(rank: f64) -> f64 {
    if rank.abs() == 1.0 { rank } else { 2.0 * (PI * rank / 6.0).sin() }
}

pub(crate) fn refuse_duplicates<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), StudyError> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(StudyError::Duplicate { name: pair[0].to_owned() }),
        None => Ok(()),
    }
}

pub(crate) fn unknown<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> StudyError {
    let hint = sunward_mission::nearest(name, known).map(|near| format!("; did you mean {near:?}?"));
    StudyError::Unknown { what, name: name.to_owned(), hint: hint.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Distribution = Distribution::Uniform { low: 0.0, high: 1.0 };

    fn caused(key: &str, cause: &str, rank_correlation: f64) -> Variable {
        let shared = Some(Shared { cause: cause.to_owned(), rank_correlation });
        Variable { shared, ..Variable::new(key, Role::Assumption, UNIT) }
    }

    #[test]
    fn a_full_cause_leaves_its_variables_no_luck_of_their_own() {
        let free = Variable::new("free", Role::Design, UNIT);
        let space = Space::new(vec![caused("a", "storm", 1.0), free, caused("b", "storm", -1.0)]).unwrap();
        let names: Vec<_> = space.factors().iter().map(|factor| (factor.name.as_str(), factor.is_cause)).collect();
        assert_eq!(names, [("storm", true), ("free", false)]);
        let values = space.values(&[Some(0.2), Some(0.7)]);
        assert_eq!(values, [0.2, 0.7, 0.8].map(Value::Number));
        assert_eq!(space.values(&[None, Some(0.7)]), [0.5, 0.7, 0.5].map(Value::Number));
    }

    #[test]
    fn a_partial_cause_leaves_some() {
        let space = Space::new(vec![caused("a", "storm", 0.5)]).unwrap();
        // r = 2 sin(15 deg) = 0.5176; Phi(0.5176 * Phi^-1(0.9)) = Phi(0.6634) = 0.7465.
        let value = space.values(&[Some(0.9), Some(0.5)])[0].number().unwrap();
        assert!((value - 0.7465).abs() < 1e-4, "{value}");
        assert_eq!(space.values(&[Some(0.9), None]), space.values(&[Some(0.9), Some(0.5)]));
    }

    #[test]
    fn whole_numbers_are_alike_from_end_to_end() {
        let distribution = Distribution::Uniform { low: 1.0, high: 4.0 };
        let space =
            Space::new(vec![Variable { whole: true, ..Variable::new("n", Role::Design, distribution) }]).unwrap();
        let drawn = |p| space.values(&[Some(p)])[0].number().unwrap();
        assert_eq!([0.0, 0.24, 0.26, 0.51, 0.99, 1.0].map(drawn), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn contradictions_are_refused() {
        let message = |variables| Space::new(variables).unwrap_err().to_string();
        let twice = Variable::new("a", Role::Design, UNIT);
        assert!(message(vec![twice.clone(), twice.clone()]).contains("\"a\" names two"));
        assert!(message(vec![caused("a", "b", 1.0), caused("b", "b", 1.0)]).contains("\"b\" names two"));
        assert!(message(vec![caused("a", "c", 1.5)]).contains("1.5; expected -1..=1"));
        assert!(message(vec![caused("a", "c", 0.0)]).contains("is 0; expected"));
        let designed = Variable { role: Role::Design, ..caused("a", "c", 1.0) };
        assert!(message(vec![designed]).contains("a design is chosen"));
        let space = Space::new(vec![Variable::new("radiator", Role::Design, UNIT)]).unwrap();
        let error = space.index("radiatr").unwrap_err().to_string();
        assert_eq!(error, "no variable is called \"radiatr\"; did you mean \"radiator\"?");
    }
}
