//! The ledger: dated entries with a category, a quantity, a price and a cause.

use sunward_catalog::{UsdPerSecond, UsdPerWatt};
use sunward_units::{
    Flops, JULIAN_YEAR_S, Joules, Kilograms, Quantity, Seconds, Usd, UsdPerJoule, UsdPerKilogram, Watts,
};

use crate::error::{CostError, not_negative, require};
use crate::finance::{Dated, DiscountRate};

/// What money is spent on, or earned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Engineering that is paid once, however many are built.
    Development,
    /// Satellites, landers and what they carry, spares included.
    Satellites,
    /// Mass taken to where it works.
    Launch,
    /// Stations, control centre, links to the network on the ground.
    GroundSegment,
    /// Building, cooling and electrical plant of a ground site.
    Building,
    /// Accelerators, hosts and network of a ground site.
    Compute,
    /// Power station of a ground site's own.
    PowerPlant,
    /// Electricity bought.
    Electricity,
    /// Fuel burnt.
    Fuel,
    /// Water used.
    Water,
    /// People.
    Staff,
    /// Insurance.
    Insurance,
    /// Units that replace failed ones (their launch is a [`Self::Launch`]).
    Replacement,
    /// Taking things down at the end.
    Disposal,
    /// Money earned, if any is stated.
    Revenue,
}

impl Category {
    /// Every category, in the order in which tables print them.
    pub const ALL: [Self; 15] = [
        Self::Development,
        Self::Satellites,
        Self::Launch,
        Self::GroundSegment,
        Self::Building,
        Self::Compute,
        Self::PowerPlant,
        Self::Electricity,
        Self::Fuel,
        Self::Water,
        Self::Staff,
        Self::Insurance,
        Self::Replacement,
        Self::Disposal,
        Self::Revenue,
    ];

    /// Whether it builds something that lasts (capital) rather than keeping it running.
    #[must_use]
    pub fn is_capital(self) -> bool {
        self <= Self::PowerPlant
    }

    /// "ground segment" ...
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Satellites => "satellites",
            Self::Launch => "launch",
            Self::GroundSegment => "ground segment",
            Self::Building => "building",
            Self::Compute => "compute",
            Self::PowerPlant => "power plant",
            Self::Electricity => "electricity",
            Self::Fuel => "fuel",
            Self::Water => "water",
            Self::Staff => "staff",
            Self::Insurance => "insurance",
            Self::Replacement => "replacement",
            Self::Disposal => "disposal",
            Self::Revenue => "revenue",
        }
    }
}

/// How much of what at which price; the amount follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Purchase {
    /// One sum.
    Lump(Usd),
    /// So many of a thing.
    Units {
        /// How many.
        count: u64,
        /// Each.
        price: Usd,
    },
    /// Mass, at a price per mass: launches, water, propellant.
    Mass {
        /// How much.
        mass: Kilograms,
        /// Per kilogram.
        price: UsdPerKilogram,
    },
    /// Energy, at a price per energy: electricity, fuel.
    Energy {
        /// How much.
        energy: Joules,
        /// Per joule.
        price: UsdPerJoule,
    },
    /// Installed power, at a price per power: plants, arrays, buildings.
    Power {
        /// How much.
        power: Watts,
        /// Per watt.
        price: UsdPerWatt,
    },
    /// Time, at a price per time: staff, hire, leases.
    Time {
        /// How long.
        duration: Seconds,
        /// Per second.
        price: UsdPerSecond,
    },
}

impl Purchase {
    /// Quantity times price.
    #[must_use]
    pub fn amount(&self) -> Usd {
        match *self {
            Self::Lump(amount) => amount,
            Self::Units { count, price } => price * count as f64,
            Self::Mass { mass, price } => price * mass,
            Self::Energy { energy, price } => price * energy,
            Self::Power { power, price } => Usd(price.0 * power.0),
            Self::Time { duration, price } => Usd(price.0 * duration.0),
        }
    }

    /// The amount, if quantity and price are possible.
    fn checked_amount(&self) -> Result<Usd, CostError> {
        match *self {
            Self::Lump(amount) => not_negative("amount", amount).map(drop),
            Self::Units { price, .. } => not_negative("price of a unit", price).map(drop),
            Self::Mass { mass, price } => both("mass", mass, "price per mass", price),
            Self::Energy { energy, price } => {
                // A market's price of energy can be negative; the energy itself cannot.
                not_negative("energy", energy)?;
                require("price of energy", price, true, "the finite numbers").map(drop)
            }
            Self::Power { power, price } => both("power", power, "price per power", price),
            Self::Time { duration, price } => both("duration", duration, "price per time", price),
        }?;
        require("amount", self.amount(), true, "the finite numbers")
    }
}

fn both<A: Quantity, B: Quantity>(what: &'static str, a: A, price_of: &'static str, b: B) -> Result<(), CostError> {
    not_negative(what, a)?;
    not_negative(price_of, b).map(drop)
}

/// Units that are bought and launched together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shipment<'a> {
    /// Since the mission's start.
    pub at: Seconds,
    /// What the units are: [`Category::Satellites`] or [`Category::Replacement`].
    pub category: Category,
    /// How many.
    pub count: u64,
    /// Each, before it is launched.
    pub unit_price: Usd,
    /// Each, at launch.
    pub unit_mass: Kilograms,
    /// That day's launch price.
    pub launch_price: UsdPerKilogram,
    /// Why.
    pub cause: &'a str,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Since the mission's start; negative before it.
    pub at: Seconds,
    /// What for.
    pub category: Category,
    /// How much of what at which price.
    pub purchase: Purchase,
    /// Why: "replaces sat-17, failed", "launch 3 of 40".
    pub cause: String,
}

/// Everything that was paid and earned, in the order in which it was entered. All money is of one price year.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// Running sums, `[category]`, in USD.
    totals: [f64; Category::ALL.len()],
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a purchase (or, under [`Category::Revenue`], a sale).
    ///
    /// # Errors
    /// A time, quantity or price that is not finite; a negative quantity or price (energy excepted: markets go below zero).
    pub fn enter(
        &mut self,
        at: Seconds,
        category: Category,
        purchase: Purchase,
        cause: &str,
    ) -> Result<Usd, CostError> {
        require("time of an entry", at, true, "the finite numbers")?;
        let amount = purchase.checked_amount()?;
        self.totals[category as usize] += amount.0;
        self.entries.push(Entry { at, category, purchase, cause: cause.to_owned() });
        Ok(amount)
    }

    /// Enters a shipment: its units are bought, and their mass is launched. Spares, resupply and replacements go through
    /// here too, so that nothing reaches orbit unpaid. Returns what both cost.
    ///
    /// # Errors
    /// As [`Self::enter`]; then nothing is entered.
    ///
    /// ```
    /// use sunward_cost::ledger::{Category, Ledger, Shipment};
    /// use sunward_units::{Kilograms, Seconds, Usd, UsdPerKilogram};
    /// let mut ledger = Ledger::new();
    /// ledger.deliver(&Shipment {
    ///     at: Seconds(0.0),
    ///     category: Category::Satellites,
    ///     count: 2,
    ///     unit_price: Usd(594e3),
    ///     unit_mass: Kilograms(740.0),
    ///     launch_price: UsdPerKilogram(500.0),
    ///     cause: "spares",
    /// })?;
    /// assert_eq!(ledger.total(Category::Launch), Usd(740e3));
    /// assert_eq!(ledger.cost(), Usd(740e3 + 1_188e3));
    /// # Ok::<(), sunward_cost::CostError>(())
    /// ```
    pub fn deliver(&mut self, shipment: &Shipment<'_>) -> Result<Usd, CostError> {
        let Shipment { at, category, count, unit_price, unit_mass, launch_price, cause } = *shipment;
        let flown = Purchase::Mass { mass: unit_mass * count as f64, price: launch_price };
        flown.checked_amount()?;
        let bought = self.enter(at, category, Purchase::Units { count, price: unit_price }, cause)?;
        Ok(bought + self.enter(at, Category::Launch, flown, cause)?)
    }

    /// The entries, in the order entered.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Sum of one category.
    #[must_use]
    pub fn total(&self, category: Category) -> Usd {
        Usd(self.totals[category as usize])
    }

    /// What was spent, revenue left out; the categories and the entries are asserted to agree.
    ///
    /// # Panics
    /// If they do not: a bug.
    #[must_use]
    pub fn cost(&self) -> Usd {
        let by_category: f64 = spending().map(|category| self.total(category).0).sum();
        let spent = self.entries.iter().filter(|entry| entry.category != Category::Revenue);
        let by_entry: f64 = spent.clone().map(|entry| entry.purchase.amount().0).sum();
        let turnover: f64 = spent.map(|entry| entry.purchase.amount().0.abs()).sum();
        let difference = (by_category - by_entry).abs();
        assert!(difference <= 1e-9 * turnover, "categories sum to {by_category} USD, entries to {by_entry} USD");
        Usd(by_category)
    }

    /// What was spent to build.
    #[must_use]
    pub fn capital_cost(&self) -> Usd {
        spending().filter(|category| category.is_capital()).map(|category| self.total(category)).sum()
    }

    /// What was spent to run.
    #[must_use]
    pub fn operating_cost(&self) -> Usd {
        spending().filter(|category| !category.is_capital()).map(|category| self.total(category)).sum()
    }

    /// The spending as dated flows, to discount or to level.
    #[must_use]
    pub fn costs(&self) -> Vec<Dated<Usd>> {
        let spent = self.entries.iter().filter(|entry| entry.category != Category::Revenue);
        spent.map(|entry| Dated { at: entry.at, amount: entry.purchase.amount() }).collect()
    }

    /// Revenue less cost, discounted to the mission's start.
    #[must_use]
    pub fn net_present_value(&self, rate: DiscountRate) -> Usd {
        let signed = |entry: &Entry| {
            let amount = entry.purchase.amount();
            Dated { at: entry.at, amount: if entry.category == Category::Revenue { amount } else { -amount } }
        };
        rate.present_value(&self.entries.iter().map(signed).collect::<Vec<_>>())
    }
}

fn spending() -> impl Iterator<Item = Category> {
    Category::ALL.into_iter().filter(|&category| category != Category::Revenue)
}

/// What the money bought: work that reached its user.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeliveredWork {
    /// Electrical energy that reached the computers.
    pub energy: Joules,
    /// Operations of jobs whose result arrived.
    pub work: Flops,
    /// Accelerators times the time they worked.
    pub accelerator_time: Seconds,
    /// Tokens that arrived.
    pub tokens: u64,
    /// Images whose result arrived.
    pub images: u64,
}

/// A price per unit of delivered work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Per megawatt-hour that reached the computers.
    UsdPerMwh,
    /// Per 10^15 FLOP/s kept up for a day.
    UsdPerPflopDay,
    /// Per hour of one accelerator at work.
    UsdPerGpuHour,
    /// Per million tokens.
    UsdPerMtoken,
    /// Per image.
    UsdPerImage,
}

impl Metric {
    /// Every metric, in the order in which tables print them.
    pub const ALL: [Self; 5] =
        [Self::UsdPerMwh, Self::UsdPerPflopDay, Self::UsdPerGpuHour, Self::UsdPerMtoken, Self::UsdPerImage];

    /// `cost` per unit of what was delivered, in the unit that the metric's name says.
    ///
    /// # Errors
    /// [`CostError::NothingDelivered`] where the denominator is zero: never 0, never infinity.
    ///
    /// ```
    /// use sunward_cost::ledger::{DeliveredWork, Metric};
    /// use sunward_units::Usd;
    /// let work = DeliveredWork { tokens: 2_000_000, ..DeliveredWork::default() };
    /// assert_eq!(Metric::UsdPerMtoken.of(Usd(3.0), &work), Ok(1.5));
    /// assert!(Metric::UsdPerImage.of(Usd(3.0), &work).is_err());
    /// ```
    pub fn of(self, cost: Usd, work: &DeliveredWork) -> Result<f64, CostError> {
        let (what, delivered) = match self {
            Self::UsdPerMwh => ("energy", work.energy.0 / 3.6e9),
            Self::UsdPerPflopDay => ("work", work.work.0 / 8.64e19),
            Self::UsdPerGpuHour => ("accelerator time", work.accelerator_time.0 / 3600.0),
            Self::UsdPerMtoken => ("tokens", work.tokens as f64 / 1e6),
            Self::UsdPerImage => ("images", work.images as f64),
        };
        if delivered > 0.0 { Ok(cost.0 / delivered) } else { Err(CostError::NothingDelivered { what, cost }) }
    }
}

/// Price of hiring for whole years, from a yearly sum.
#[must_use]
pub fn per_year(yearly: Usd) -> UsdPerSecond {
    UsdPerSecond(yearly.0 / JULIAN_YEAR_S)
}

#[cfg(test)]
mod tests {
    use sunward_units::Ratio;
    use sunward_units::random::{Purpose, Stream};

    use super::*;

    const START: Seconds = Seconds(0.0);

    /// 27 kW satellites of 740 kg at 22 USD/W and 500 USD/kg, their spares, and resupply flights of 20 t.
    fn fleet(satellites: u64, spares: u64, resupply_flights: u64) -> Ledger {
        let mut ledger = Ledger::new();
        let first = Shipment {
            at: START,
            category: Category::Satellites,
            count: satellites,
            unit_price: Usd(22.0 * 27e3),
            unit_mass: Kilograms(740.0),
            launch_price: UsdPerKilogram(500.0),
            cause: "fleet",
        };
        ledger.deliver(&first).unwrap();
        ledger.deliver(&Shipment { count: spares, cause: "spares", ..first }).unwrap();
        for flight in 0..resupply_flights {
            let cargo = Shipment {
                at: Seconds(flight as f64 * 1e6),
                category: Category::Replacement,
                count: 1,
                unit_price: Usd(1e6),
                unit_mass: Kilograms(20e3),
                cause: "resupply",
                ..first
            };
            ledger.deliver(&cargo).unwrap();
        }
        ledger
    }

    /// A published tool leaves its price unchanged by 100 % spares and by 47 resupply launches. Here both are paid.
    #[test]
    fn spares_and_resupply_are_paid() {
        let bare = fleet(100, 0, 0).cost();
        assert!((bare.0 - (100.0 * 594_000.0 + 74_000.0 * 500.0)).abs() < 1e-3);
        assert!((fleet(100, 100, 0).cost().0 - 2.0 * bare.0).abs() < 1e-3, "spares cost what the first ones cost");
        let resupplied = fleet(100, 0, 47);
        assert!((resupplied.cost().0 - bare.0 - 47.0 * (20e3 * 500.0 + 1e6)).abs() < 1e-3);
        assert!((resupplied.total(Category::Launch).0 - 500.0 * (74e3 + 47.0 * 20e3)).abs() < 1e-3);
        assert_eq!(resupplied.entries().iter().filter(|entry| entry.cause == "resupply").count(), 2 * 47);
    }

    #[test]
    fn a_unit_that_cannot_be_launched_is_not_bought() {
        let mut ledger = Ledger::new();
        let shipment = Shipment {
            at: START,
            category: Category::Satellites,
            count: 1,
            unit_price: Usd(1e6),
            unit_mass: Kilograms(-1.0),
            launch_price: UsdPerKilogram(500.0),
            cause: "no",
        };
        assert!(ledger.deliver(&shipment).is_err());
        let dear = Shipment { unit_mass: Kilograms(1e200), launch_price: UsdPerKilogram(1e200), ..shipment };
        assert!(ledger.deliver(&dear).is_err());
        assert!(ledger.entries().is_empty());
    }

    /// DeepSeek's open-infra index: 226.75 nodes of 8 GPUs for a day at 2 USD/h cost 87,072 USD and would earn 562,027 USD,
    /// a margin of 545 %.
    #[test]
    fn deepseeks_day_is_reproduced() {
        let gpu_time = Seconds(226.75 * 8.0 * 86_400.0);
        let mut ledger = Ledger::new();
        let hire = Purchase::Time { duration: gpu_time, price: UsdPerSecond(2.0 / 3600.0) };
        ledger.enter(START, Category::Compute, hire, "hire").unwrap();
        ledger.enter(START, Category::Revenue, Purchase::Lump(Usd(562_027.0)), "at list price").unwrap();
        assert!((ledger.cost().0 - 87_072.0).abs() < 1e-6);
        let margin = ledger.total(Category::Revenue).0 / ledger.cost().0 - 1.0;
        assert!((margin - 5.45).abs() < 0.005, "{margin}");
        let work = DeliveredWork { accelerator_time: gpu_time, tokens: 168_000_000_000, ..DeliveredWork::default() };
        assert!((Metric::UsdPerGpuHour.of(ledger.cost(), &work).unwrap() - 2.0).abs() < 1e-12);
        assert!((Metric::UsdPerMtoken.of(ledger.cost(), &work).unwrap() - 0.51829).abs() < 1e-5);
        let earned = ledger.net_present_value(DiscountRate::new(Ratio(0.1)).unwrap());
        assert!((earned.0 - (562_027.0 - 87_072.0)).abs() < 1e-6);
    }

    #[test]
    fn categories_sum_to_the_entries_and_capital_and_running_cost_to_the_whole() {
        let (stream, mut ledger) = (Stream::new(4, 0, Purpose::Study), Ledger::new());
        let mut spent = 0.0;
        for n in 0..3_000u64 {
            let category = Category::ALL[(stream.uniform(2 * n) * 15.0) as usize];
            let amount = stream.uniform(2 * n + 1) * 1e7;
            ledger.enter(Seconds(n as f64), category, Purchase::Lump(Usd(amount)), "drawn").unwrap();
            spent += if category == Category::Revenue { 0.0 } else { amount };
        }
        assert!((ledger.cost().0 / spent - 1.0).abs() < 1e-12);
        assert!(((ledger.capital_cost() + ledger.operating_cost()).0 / spent - 1.0).abs() < 1e-12);
        let flows: f64 = ledger.costs().iter().map(|flow| flow.amount.0).sum();
        assert!((flows / spent - 1.0).abs() < 1e-12);
        assert!(ledger.capital_cost().0 > 0.0 && ledger.operating_cost().0 > 0.0);
    }

    #[test]
    #[should_panic(expected = "categories sum to")]
    fn a_ledger_that_does_not_balance_is_a_bug() {
        let mut ledger = fleet(10, 0, 0);
        ledger.totals[Category::Launch as usize] -= 1e3;
        let _ = ledger.cost();
    }

    #[test]
    fn every_purchase_is_quantity_times_price() {
        let cases = [
            (Purchase::Lump(Usd(5.0)), 5.0),
            (Purchase::Units { count: 3, price: Usd(7.0) }, 21.0),
            (Purchase::Mass { mass: Kilograms(100e3), price: "30 USD/kg".parse().unwrap() }, 3e6),
            (
                Purchase::Energy { energy: "3504 GWh".parse().unwrap(), price: "0.04 USD/kWh".parse().unwrap() },
                140.16e6,
            ),
            (Purchase::Power { power: Watts(1.2e9), price: UsdPerWatt(1.8) }, 2.16e9),
            (Purchase::Time { duration: Seconds(JULIAN_YEAR_S), price: per_year(Usd(150e3)) }, 150e3),
        ];
        for (purchase, amount) in cases {
            assert!((purchase.amount().0 / amount - 1.0).abs() < 1e-12, "{purchase:?}");
        }
    }

    #[test]
    fn metrics_have_the_units_of_their_names() {
        let work = DeliveredWork {
            energy: "2 MWh".parse().unwrap(),
            work: "4 PFLOP-day".parse().unwrap(),
            accelerator_time: "8 h".parse().unwrap(),
            tokens: 16_000_000,
            images: 32,
        };
        let prices = Metric::ALL.map(|metric| metric.of(Usd(64.0), &work).unwrap());
        for (price, expected) in prices.into_iter().zip([32.0, 16.0, 8.0, 4.0, 2.0]) {
            assert!((price - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_delivered_is_an_error_and_never_zero_or_infinity() {
        for metric in Metric::ALL {
            let error = metric.of(Usd(1e6), &DeliveredWork::default()).unwrap_err();
            assert!(
                error.to_string().ends_with("was delivered for 1 MUSD: a price per unit does not exist"),
                "{error}"
            );
        }
    }

    #[test]
    fn impossible_entries_are_refused_and_leave_no_trace() {
        let mut ledger = Ledger::new();
        let mut refused = |at, purchase| ledger.enter(at, Category::Launch, purchase, "no").unwrap_err().to_string();
        let negative = refused(START, Purchase::Mass { mass: Kilograms(-5.0), price: UsdPerKilogram(500.0) });
        assert_eq!(negative, "mass -5 kg is outside [0, infinity)");
        refused(START, Purchase::Lump(Usd(-1.0)));
        refused(START, Purchase::Units { count: 1, price: Usd(f64::NAN) });
        refused(START, Purchase::Power { power: Watts(1.0), price: UsdPerWatt(-1.0) });
        refused(START, Purchase::Energy { energy: Joules(-1.0), price: UsdPerJoule(1.0) });
        refused(START, Purchase::Time { duration: Seconds(f64::INFINITY), price: UsdPerSecond(1.0) });
        refused(Seconds(f64::NAN), Purchase::Lump(Usd(1.0)));
        refused(START, Purchase::Mass { mass: Kilograms(1e200), price: UsdPerKilogram(1e200) });
        assert!(ledger.entries().is_empty() && ledger.cost() == Usd(0.0));
        let below_zero = Purchase::Energy { energy: Joules(3.6e9), price: UsdPerJoule(-10.0 / 3.6e9) };
        assert!(
            (ledger.enter(START, Category::Electricity, below_zero, "windy night").unwrap().0 + 10.0).abs() < 1e-12
        );
    }

    #[test]
    fn category_names_are_distinct_and_ordered_as_listed() {
        let names: std::collections::BTreeSet<_> = Category::ALL.iter().map(|category| category.name()).collect();
        assert_eq!(names.len(), Category::ALL.len());
        assert!(Category::ALL.iter().enumerate().all(|(place, &category)| category as usize == place));
    }
}
