//! Prices of the mission and of its units.

use sunward_catalog::{Component, Costs, UsdPerWatt, Valued};
use sunward_cost::learning::LaunchMarket;
use sunward_units::{Ratio, Usd, Watts};

use super::Compiler;
use crate::fault::{Fault, FaultKind};
use crate::form::{Given, Maybe};
use crate::keys::{self, Cost, SiteCost};
use crate::world::{Design, Launch, Prices, Replacement, UnitCost};

/// Components of the catalog that together make a hall without its computers.
const HALL_COMPONENTS: [&str; 4] = ["hall-electrical", "hall-mechanical", "hall-civil", "hall-network"];

impl Compiler<'_> {
    /// Prices of the mission.
    pub(super) fn prices(&mut self, cost: &Given<Cost>) -> Option<Prices> {
        let defaults = self.found(None::<&Given<()>>, self.catalog.cost_defaults())?;
        macro_rules! pick {
            ($key:ident) => {
                self.value(cost, stringify!($key), &cost.$key, Some(&defaults.$key))
            };
        }
        Some(Prices {
            year: *cost.price_year,
            discount_rate: pick!(discount_rate),
            launch_learning_rate: pick!(launch_learning_rate),
            launch_market: pick!(launch_market),
            launch_carbon: pick!(launch_carbon),
            contact: pick!(contact_price),
            development: *cost.development,
            staff: *cost.staff,
            hire: cost.hire_price.as_ref().map(|given| given.value),
        })
    }

    /// What a unit of a design costs.
    pub(super) fn unit_cost(&mut self, site: &Given<keys::Site>, design: &Design) -> Option<UnitCost> {
        let defaults = self.found(None::<&Given<()>>, self.catalog.cost_defaults())?;
        let section = &site.cost;
        let part = self.catalog.accelerator(&design.compute.accelerator);
        let part = self.found(None::<&Given<()>>, part)?;
        let (life, operations) = match &design.supply {
            Some(_) => (&defaults.hall_life, &defaults.hall_operations),
            None => (&defaults.satellite_life, &defaults.satellite_operations),
        };
        let unit = self.unit_price(section, design)?;
        let (launch, insurance) = self.launch(section, design, defaults)?;
        let replacement = self.replacement(section, design, defaults);
        macro_rules! pick {
            ($key:ident, $fallback:expr) => {
                self.value(section, stringify!($key), &section.$key, Some($fallback))
            };
        }
        let accelerator = pick!(accelerator_price, &part.price);
        let learning_rate = pick!(unit_learning_rate, &defaults.unit_learning_rate);
        let (life, chips) = (pick!(life, life), pick!(accelerator_life, &defaults.accelerator_life));
        // A hall swaps its accelerators; a satellite goes with what wears out first.
        let (life, chips) = if design.supply.is_some() { (life, chips) } else { (life.min(chips), life.min(chips)) };
        Some(UnitCost {
            unit,
            accelerator,
            learning_rate,
            life,
            accelerator_life: chips,
            operations: pick!(operations, operations),
            insurance,
            disposal: pick!(disposal, &defaults.disposal),
            replacement,
            launch,
        })
    }

    /// What launching a satellite costs, and insuring it; nothing for a hall.
    fn launch(
        &mut self,
        section: &Given<SiteCost>,
        design: &Design,
        defaults: &Costs,
    ) -> Option<(Option<Launch>, Ratio)> {
        if design.supply.is_some() {
            self.unused(&section.launcher, "a hall is not launched");
            self.unused(&section.launch_price, "a hall is not launched");
            self.unused(&section.launch_cumulative, "a hall is not launched");
            self.unused(&section.insurance, "a hall is not launched");
            return Some((None, Ratio::ZERO));
        }
        let launcher = match &section.launcher {
            Some(name) => Some(self.found(Some(name), self.catalog.launcher(name.as_str()))?),
            None => None,
        };
        if let (Some(_), Some(price)) = (&section.launcher, &section.launch_price) {
            let message = "launcher and launch_price are both given; keep one";
            self.faults.push(Fault::at(price, FaultKind::Conflict, message));
        }
        let before = self.faults.len();
        let price = self.value(section, "launch_price", &section.launch_price, launcher.map(|entry| &entry.price));
        if self.faults.len() > before {
            return None;
        }
        let curve = LaunchMarket::suncatcher();
        let cumulative = match &section.launch_cumulative {
            Some(given) => given.value,
            None if price.0 > 0.0 => curve.launched_at(price).expect("a price above zero is on a curve that falls"),
            // A price of nothing is on no curve, and stays nothing wherever it starts.
            None => curve.launched,
        };
        let insurance = self.value(section, "insurance", &section.insurance, Some(&defaults.insurance));
        Some((Some(Launch { price, cumulative }), insurance))
    }

    /// What becomes of failed accelerators.
    fn replacement(&mut self, section: &Given<SiteCost>, design: &Design, defaults: &Costs) -> Option<Replacement> {
        let Some(delay) = &section.replacement_delay else {
            self.unused(&section.replace_below, "nothing is replaced without a replacement_delay");
            return None;
        };
        self.given_quantity(&delay.path, delay.value);
        let below = if design.supply.is_some() {
            self.unused(&section.replace_below, "a hall swaps every failed accelerator");
            Ratio(1.0)
        } else {
            self.value(section, "replace_below", &section.replace_below, Some(&defaults.replace_below))
        };
        Some(Replacement { delay: delay.value, below })
    }

    /// A fault where a key is given that could change nothing.
    fn unused<Q>(&mut self, given: &Maybe<Q>, reason: &str) {
        if let Some(given) = given {
            let message = format!("{} is given, but {reason}", given.key());
            self.faults.push(Fault::at(given, FaultKind::Conflict, message));
        }
    }

    /// Price of a unit without accelerators: given, or a price per watt times the power the unit is built for.
    fn unit_price(&mut self, section: &Given<SiteCost>, design: &Design) -> Option<Usd> {
        if let Some(given) = &section.unit_price {
            self.given_quantity(&given.path, given.value);
            if let Some(per_watt) = &section.power_price {
                let message = "unit_price and power_price are both given; keep one";
                self.faults.push(Fault::at(per_watt, FaultKind::Conflict, message));
            }
            return Some(given.value);
        }
        let names: &[&str] = if design.supply.is_some() { &HALL_COMPONENTS } else { &["satellite-hardware"] };
        let mut parts: Vec<&Component> = Vec::new();
        for name in names {
            parts.push(self.found(None::<&Given<()>>, self.catalog.component(name))?);
        }
        let price = self.value(section, "power_price", &section.power_price, Some(&sum(&parts)));
        Some(Usd(price.0 * built_for(design).0))
    }
}

/// Power that a unit is built for: of its array when new and square to the Sun, or of the computers that its supply can feed.
fn built_for(design: &Design) -> Watts {
    match &design.supply {
        Some(supply) => supply.capacity / supply.overhead.0,
        None => design.array.rated_power,
    }
}

/// Prices of several parts as one.
fn sum(parts: &[&Component]) -> Valued<UsdPerWatt> {
    let total = |of: fn(&Valued<UsdPerWatt>) -> UsdPerWatt| UsdPerWatt(parts.iter().map(|p| of(&p.price).0).sum());
    let value = total(|price| price.value);
    let first = &parts[0].price;
    let named: Vec<String> = parts.iter().map(|part| format!("{} {}", part.title, part.price.text)).collect();
    Valued {
        value,
        low: total(|price| price.low),
        high: total(|price| price.high),
        text: value.to_string(),
        source: first.source.clone(),
        date: first.date.clone(),
        kind: first.kind,
        reason: if parts.len() == 1 { first.reason.clone() } else { named.join("; ") },
    }
}
