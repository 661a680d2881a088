//! Published models side by side on the same inputs: what each counts, what it leaves out, and where they part.
//!
//! Every model is evaluated on the [`Common`] inputs as far as it takes them; where it lacks one it keeps its own figure, and
//! says so. The coupled twin makes one more [`Column`], from its ledger instead of a formula.
//!
//! ```
//! use sunward_cost::comparison::{Inputs, column};
//! let common = Inputs::of(&sunward_catalog::Catalog::builtin()).unwrap().common()?;
//! let [mccalip, starcloud] = ["mccalip", "starcloud"].map(|name| column(name, &common).unwrap().unwrap());
//! assert!(mccalip.orbit.usd_per_mwh()? > 10.0 * starcloud.orbit.usd_per_mwh()?);
//! # Ok::<(), sunward_cost::CostError>(())
//! ```

mod explain;
mod inputs;
mod models;

pub use explain::{Explanation, Share, explain};
pub use inputs::{Common, CommonInput, Inputs};
pub use models::{MODELS, column};

use sunward_units::{Joules, Kilograms, SquareMeters, Usd, Watts};

use crate::error::CostError;

/// What money is spent on, as all models' lines are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// Satellites, without what they compute with.
    Satellites,
    /// Launch of the first fleet.
    Launch,
    /// Mass against radiation, where it is counted apart.
    Shielding,
    /// Replacement of what fails or has outlived its life, launch included.
    Replacement,
    /// Running and keeping up.
    Operations,
    /// Engineering, paid once.
    Development,
    /// Stations, links and their antenna time.
    Links,
    /// Insurance.
    Insurance,
    /// Taking down at the end.
    Disposal,
    /// Building, electrical and cooling plant.
    Building,
    /// A power station of the site's own.
    PowerPlant,
    /// Electricity that the computers use.
    Electricity,
    /// Fuel.
    Fuel,
    /// Electricity that cooling and conversion use.
    Cooling,
    /// Water.
    Water,
    /// Backup power.
    Backup,
}

impl Term {
    /// Every term, in the order in which tables print them.
    pub const ALL: [Self; 16] = [
        Self::Satellites,
        Self::Launch,
        Self::Shielding,
        Self::Replacement,
        Self::Operations,
        Self::Development,
        Self::Links,
        Self::Insurance,
        Self::Disposal,
        Self::Building,
        Self::PowerPlant,
        Self::Electricity,
        Self::Fuel,
        Self::Cooling,
        Self::Water,
        Self::Backup,
    ];

    /// "satellites" ...
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Satellites => "satellites",
            Self::Launch => "launch",
            Self::Shielding => "shielding",
            Self::Replacement => "replacement",
            Self::Operations => "operations",
            Self::Development => "development",
            Self::Links => "links",
            Self::Insurance => "insurance",
            Self::Disposal => "disposal",
            Self::Building => "building",
            Self::PowerPlant => "power plant",
            Self::Electricity => "electricity",
            Self::Fuel => "fuel",
            Self::Cooling => "cooling",
            Self::Water => "water",
            Self::Backup => "backup",
        }
    }
}

/// What a model says of a term.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// It counts the term.
    Counted {
        /// So much, over all years.
        amount: Usd,
        /// With these numbers.
        how: String,
    },
    /// It does not.
    Absent {
        /// Why, or what stands in its place.
        why: String,
    },
}

/// One side of a model: orbit or ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Energy that reached the computers.
    pub energy: Joules,
    /// What it cost; a term that is not listed does not belong to this side.
    pub terms: Vec<(Term, Entry)>,
}

impl Account {
    /// An account that lists nothing yet.
    #[must_use]
    pub fn of(energy: Joules) -> Self {
        Self { energy, terms: Vec::new() }
    }

    /// With a term that is counted.
    #[must_use]
    pub fn counted(mut self, term: Term, amount: Usd, how: String) -> Self {
        self.terms.push((term, Entry::Counted { amount, how }));
        self
    }

    /// With terms that are not counted, and why.
    #[must_use]
    pub fn absent(mut self, terms: &[Term], why: &str) -> Self {
        let entries = terms.iter().map(|&term| (term, Entry::Absent { why: why.to_owned() }));
        self.terms.extend(entries);
        self
    }

    /// What the account says of a term.
    #[must_use]
    pub fn entry(&self, term: Term) -> Option<&Entry> {
        self.terms.iter().find(|(listed, _)| *listed == term).map(|(_, entry)| entry)
    }

    /// What was spent on a term: nothing if it is absent.
    #[must_use]
    pub fn amount(&self, term: Term) -> Usd {
        match self.entry(term) {
            Some(Entry::Counted { amount, .. }) => *amount,
            Some(Entry::Absent { .. }) | None => Usd(0.0),
        }
    }

    /// What was spent in all.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.terms.iter().map(|(term, _)| self.amount(*term)).sum()
    }

    /// Spent on a term per energy, USD/MWh.
    ///
    /// # Errors
    /// No energy.
    pub fn term_usd_per_mwh(&self, term: Term) -> Result<f64, CostError> {
        self.per_mwh(self.amount(term))
    }

    /// Spent in all per energy, USD/MWh.
    ///
    /// # Errors
    /// No energy.
    pub fn usd_per_mwh(&self) -> Result<f64, CostError> {
        self.per_mwh(self.total())
    }

    fn per_mwh(&self, cost: Usd) -> Result<f64, CostError> {
        if self.energy.0 > 0.0 {
            Ok(cost.0 / (self.energy.0 / 3.6e9))
        } else {
            Err(CostError::NothingDelivered { what: "energy", cost })
        }
    }
}

/// The fleet that a model launches, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fleet {
    /// Satellites of the first fleet.
    pub satellites: Option<f64>,
    /// Power of their arrays when new.
    pub installed: Option<Watts>,
    /// Their mass.
    pub mass: Option<Kilograms>,
    /// Their arrays.
    pub array: Option<SquareMeters>,
    /// Their radiators.
    pub radiator: Option<SquareMeters>,
}

/// A common input that a model does not take, and what it has instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumed {
    /// The input.
    pub input: &'static str,
    /// What the model has instead.
    pub instead: String,
}

/// A model on the common inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub model: String,
    /// Orbit.
    pub orbit: Account,
    /// Ground.
    pub ground: Account,
    /// The common inputs that it takes.
    pub takes: Vec<&'static str>,
    /// Those that it lacks.
    pub assumes: Vec<Assumed>,
    /// Its fleet.
    pub fleet: Fleet,
    /// USD/MWh in orbit and on the ground as published, with the authors' own inputs.
    pub published: [Option<f64>; 2],
}

#[cfg(test)]
mod tests {
    use sunward_catalog::Catalog;

    use super::*;

    fn inputs(settings: &[(&str, &str)]) -> Inputs {
        static BUILTIN: std::sync::LazyLock<Inputs> =
            std::sync::LazyLock::new(|| Inputs::of(&Catalog::builtin()).unwrap());
        let mut inputs = BUILTIN.clone();
        settings.iter().for_each(|(name, text)| inputs.set(name, text, "the test").unwrap());
        inputs
    }

    fn on(model: &str, settings: &[(&str, &str)]) -> Column {
        column(model, &inputs(settings).common().unwrap()).unwrap().unwrap()
    }

    fn close(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-12, "{value} is not {expected}");
    }

    /// On its authors' inputs each model says what it says by itself.
    #[test]
    fn each_model_is_itself_on_its_own_inputs() {
        let mccalip = on("mccalip", &[("power", "1 GW"), ("years", "5")]);
        close(mccalip.orbit.usd_per_mwh().unwrap(), 1166.5604656908738);
        close(mccalip.ground.usd_per_mwh().unwrap(), 425.76046629062586);
        assert_eq!(mccalip.published.map(Option::unwrap), [1166.5604656908738, 425.76046629062586]);

        let starcloud = on("starcloud", &[("launch_price", "50"), ("tariff", "0.04"), ("pue", "1.05")]);
        close(starcloud.orbit.amount(Term::Launch).0, 5e6);
        close(starcloud.orbit.amount(Term::Satellites).0, 2e6);
        close(starcloud.ground.amount(Term::Electricity).0, 140.16e6);
        close(starcloud.ground.amount(Term::Cooling).0, 7.008e6);
        close(starcloud.ground.total().0, 167.168e6);

        // 575 kg and 28 kW at 200 USD/kg: 821.43 USD per kW and year of 365.25 d.
        let v2_mini =
            [("specific_power", "48.69565217391305"), ("launch_price", "200"), ("power", "1 kW"), ("years", "1")];
        let launched = on("suncatcher", &v2_mini).orbit.total().0;
        close(launched, 575.0 * 200.0 / 28.0 / 5.0 * 365.0 / 365.25);

        // (L + B) m at 40 kg/kW: 100 USD/kg are 4,000 USD/kW.
        let forty = [("specific_power", "31.25"), ("satellite_price", "0"), ("launch_price", "100"), ("power", "1 kW")];
        close(on("turyshev", &forty).orbit.total().0, 4000.0);
    }

    /// What a column says that it takes changes it; nothing else does.
    #[test]
    fn a_model_takes_exactly_the_inputs_it_names() {
        for model in MODELS {
            let base = on(model, &[]);
            let names = inputs(&[]).names();
            for name in &names {
                let value = inputs(&[]).all.iter().find(|common| common.input.name == *name).unwrap().input.value;
                // Upwards for counts and overheads, downwards for shares.
                let moved = if matches!(*name, "years" | "pue" | "overhead") { value + 1.0 } else { value * 0.7 };
                let moved = on(model, &[(name, &moved.to_string())]);
                let spent = |column: &Column| (column.orbit.terms.clone(), column.ground.terms.clone(), column.fleet);
                assert_eq!(spent(&moved) != spent(&base), base.takes.contains(name), "{model}: {name}");
            }
            let lacks = base.assumes.iter().map(|assumed| assumed.input);
            assert!(lacks.clone().all(|name| names.contains(&name) && !base.takes.contains(&name)), "{model}");
        }
        assert!(column("twin", &inputs(&[]).common().unwrap()).is_none());
    }

    #[test]
    fn the_differences_of_all_terms_are_the_difference_of_the_wholes() {
        let columns = MODELS.map(|model| on(model, &[]));
        let explained = explain(&columns, 0).unwrap();
        for (place, column) in columns.iter().enumerate() {
            for (in_orbit, own, reference) in
                [(true, &column.orbit, &columns[0].orbit), (false, &column.ground, &columns[0].ground)]
            {
                let of_side = explained.iter().filter(|explanation| explanation.in_orbit == in_orbit);
                let sum: f64 = of_side.map(|explanation| explanation.shares[place].difference).sum();
                let whole = own.usd_per_mwh().unwrap() - reference.usd_per_mwh().unwrap();
                assert!(
                    (sum - whole).abs() < 1e-9 * reference.usd_per_mwh().unwrap(),
                    "{}: {sum} is not {whole}",
                    column.model
                );
            }
        }
        let replacement = explained.iter().find(|explanation| explanation.term == Term::Replacement).unwrap();
        assert_eq!(replacement.shares[1].usd_per_mwh, None);
        assert!(replacement.shares[1].because.contains("nothing fails"), "{replacement:?}");
    }

    #[test]
    fn impossible_inputs_are_refused() {
        let refused = |settings: &[(&str, &str)]| inputs(settings).common().unwrap_err().to_string();
        assert!(refused(&[("years", "2.5")]).starts_with("years 2.5 is outside the whole numbers from 1 to 100"));
        assert!(refused(&[("local_time", "24")]).starts_with("local time (h) 24"));
        let dark = inputs(&[("sun_fraction", "0")]).common().unwrap();
        assert!(column("mccalip", &dark).unwrap().is_err());
        assert!(inputs(&[]).clone().set("banana", "1", "the test").is_err());
        let nothing = Account::of(Joules(0.0));
        assert!(nothing.usd_per_mwh().is_err());
    }
}
