//! The ledger of a run, written as things happen: what is built and launched at the start, what is drawn, booked and swapped on the way.
//!
//! Running costs are entered at the end of every month of the run and at its end. Launched mass is paid at that day's price on the
//! market's learning curve. Beside what was paid, [`Money`] tells what the time flown costs: every lasting part's price spread over
//! its own life by the capital recovery factor, plus what was paid to run; so flights of a week and of ten years compare.
//!
//! **Not modelled**: taxes, debt, residual values, prices that move within the run other than the launch price's; what was on board of
//! a replaced satellite is taken over by its successor.

use sunward_astro::time::{Instant, Span};
use sunward_catalog::UsdPerSecond;
use sunward_cost::finance::DiscountRate;
use sunward_cost::learning::{LaunchMarket, LearningCurve};
use sunward_cost::ledger::{Category, DeliveredWork, Ledger, Metric, Purchase};
use sunward_mission::world::{Design, Prices, UnitCost, World};
use sunward_units::{JULIAN_YEAR_S, Joules, Kilograms, Seconds, Usd, UsdPerKilogram};

use crate::block::Block;
use crate::record::Payment;
use crate::site::{Bought, Goods};
use crate::summary::{Money, Work};

/// Time between two bills: a twelfth of a year.
const BILLING: Span = Span((JULIAN_YEAR_S / 12.0) as i64 * 1_000_000_000);

/// The books of a run.
pub(crate) struct Books<'w> {
    world: &'w World,
    prices: &'w Prices,
    rate: DiscountRate,
    ledger: Ledger,
    /// Cost of the time flown, `[category]`.
    levelized: [f64; Category::ALL.len()],
    /// Cost of the accelerators among it, those that replace failed ones included, USD.
    accelerators: f64,
    /// Own mass launched so far.
    launched: Kilograms,
    carbon: Kilograms,
    water: Kilograms,
    /// What each design has been billed for.
    billed: Vec<Meter>,
    last: Instant,
}

/// What the units of a design have drawn and used since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    drawn: Joules,
    computers: Joules,
    antenna_s: f64,
    accelerator_s: f64,
}

impl<'w> Books<'w> {
    /// The books of a world that keeps a ledger, with everything that is built for the start in them.
    pub(crate) fn open(world: &'w World) -> Option<Self> {
        let prices = world.prices.as_ref()?;
        let rate = DiscountRate::new(prices.discount_rate).expect("a mission's discount rate is within its range");
        let mut books = Self {
            world,
            prices,
            rate,
            ledger: Ledger::new(),
            levelized: [0.0; Category::ALL.len()],
            accelerators: 0.0,
            launched: Kilograms::ZERO,
            carbon: Kilograms::ZERO,
            water: Kilograms::ZERO,
            billed: vec![Meter::default(); world.designs.len()],
            last: world.start,
        };
        books.build();
        Some(books)
    }

    fn build(&mut self) {
        let world = self.world;
        let longest = world.designs.iter().filter_map(|design| Some(design.cost.as_ref()?.life));
        let longest = longest.fold(Seconds::ZERO, Seconds::max);
        if self.prices.development.0 > 0.0 {
            self.lasting(Category::Development, Purchase::Lump(self.prices.development), longest, "engineering");
        }
        for (index, design) in world.designs.iter().enumerate() {
            let Some(cost) = &design.cost else { continue };
            let units = units(world, index as u32);
            let name = world.sites.iter().find(|site| site.design as usize == index).map_or("", |site| &site.name);
            let accelerators = u64::from(design.compute.count) * units;
            let (own, chips) = (cost.life, cost.accelerator_life);
            let unit = cost.unit * mean_of_series(cost, units);
            let computers = Purchase::Units { count: accelerators, price: cost.accelerator };
            self.lasting(Category::Compute, computers, chips, &format!("accelerators of {name}"));
            match &design.supply {
                Some(supply) => {
                    self.lasting(Category::Building, Purchase::Units { count: units, price: unit }, own, name);
                    if let Some(price) = supply.plant_price {
                        let power = supply.capacity * units as f64;
                        self.lasting(Category::PowerPlant, Purchase::Power { power, price }, own, name);
                    }
                }
                None => {
                    self.lasting(Category::Satellites, Purchase::Units { count: units, price: unit }, own, name);
                    let flown = self.launch(cost, design.dry_mass * units as f64, world.start);
                    let flown = self.lasting(Category::Launch, flown, own, name);
                    let value = unit * units as f64 + computers.amount() + flown;
                    self.lasting(Category::Insurance, Purchase::Lump(value * cost.insurance.0), own, name);
                }
            }
        }
    }

    /// Launches `mass` of a design at `at`: books its carbon and tells mass and that day's price, the mean over the mass itself.
    fn launch(&mut self, cost: &UnitCost, mass: Kilograms, at: Instant) -> Purchase {
        let launch = cost.launch.as_ref().expect("what is launched has a launch price");
        let curve = LearningCurve::new(self.prices.launch_learning_rate).expect("a rate within its range");
        let market = LaunchMarket { price: launch.price, launched: launch.cumulative, curve };
        let others = self.prices.launch_market.0 * (at - self.world.start).seconds().0;
        let before = Kilograms(launch.cumulative.0 + others) + self.launched;
        let spent = market.spend(before, before + mass).expect("masses launched are above zero and grow");
        self.launched += mass;
        self.carbon += mass * self.prices.launch_carbon.0;
        Purchase::Mass { mass, price: UsdPerKilogram(spent.0 / mass.0) }
    }

    /// Enters something that lasts: paid now, and spread over its life in the cost of the time flown.
    fn lasting(&mut self, category: Category, purchase: Purchase, life: Seconds, cause: &str) -> Usd {
        let amount = self.enter(self.world.start, category, purchase, cause);
        let yearly = self.rate.capital_recovery_factor(life).expect("lives are above zero");
        let flown = (self.world.end() - self.world.start).seconds().0 / JULIAN_YEAR_S;
        self.levelized[category as usize] += amount.0 * yearly.0 * flown;
        amount
    }

    /// Enters a running cost.
    fn running(&mut self, at: Instant, category: Category, purchase: Purchase, cause: &str) {
        let amount = self.enter(at, category, purchase, cause);
        self.levelized[category as usize] += amount.0;
    }

    fn enter(&mut self, at: Instant, category: Category, purchase: Purchase, cause: &str) -> Usd {
        let entered = self.ledger.enter((at - self.world.start).seconds(), category, purchase, cause);
        entered.unwrap_or_else(|error| panic!("{} for {cause:?} cannot be entered: {error}", category.name()))
    }

    /// Enters what was bought in a window, and the bills where a month is over.
    pub(crate) fn window(&mut self, end: Instant, blocks: &mut [Block<'_>]) {
        let mut bought: Vec<(u32, Bought)> = Vec::new();
        for site in blocks.iter_mut().flat_map(|block| &mut block.sites) {
            let index = site.index;
            bought.extend(site.bought.drain(..).map(|one| (index, one)));
        }
        bought.sort_by_key(|(site, one)| (one.at, *site));
        for (site, one) in bought {
            self.replace(site, &one);
        }
        if end - self.last >= BILLING || end == self.world.end() {
            self.bill(end, blocks);
        }
    }

    /// What takes the place of something failed is a cost of running; what takes the place of something worn out was spread over its
    /// life already.
    fn replace(&mut self, site: u32, bought: &Bought) {
        let entry = &self.world.sites[site as usize];
        let design = self.world.design(site as usize);
        let Some(cost) = &design.cost else { return };
        let stands_for = u64::from(entry.stands_for);
        let cause = format!("{}, {}", entry.name, if bought.aged { "worn out" } else { "failed" });
        let chips = match bought.what {
            Goods::Accelerators(count) => u64::from(count),
            Goods::Unit => u64::from(design.compute.count),
        };
        let chips = Purchase::Units { count: chips * stands_for, price: cost.accelerator };
        let mut all = vec![(Category::Replacement, chips)];
        if bought.what == Goods::Unit {
            all.push((Category::Replacement, Purchase::Units { count: stands_for, price: cost.unit }));
            all.push((Category::Launch, self.launch(cost, design.dry_mass * stands_for as f64, bought.at)));
        }
        if !bought.aged {
            self.accelerators += chips.amount().0;
        }
        for (category, purchase) in all {
            let amount = self.enter(bought.at, category, purchase, &cause);
            if !bought.aged {
                self.levelized[category as usize] += amount.0;
            }
        }
    }

    /// What ran since the last bill.
    fn bill(&mut self, end: Instant, blocks: &[Block<'_>]) {
        let since = (end - self.last).seconds();
        let mut meters = vec![Meter::default(); self.world.designs.len()];
        for block in blocks {
            for (lane, site) in block.sites.iter().enumerate() {
                let entry = &self.world.sites[site.index as usize];
                let (units, meter) = (f64::from(entry.stands_for), &mut meters[entry.design as usize]);
                meter.drawn += Joules(units * block.sums.used.0[lane]);
                meter.computers += Joules(units * (block.sums.accelerator.0[lane] + block.sums.host.0[lane]));
                meter.antenna_s += units * site.totals.antenna_s;
                meter.accelerator_s += units * site.totals.accelerator_s;
            }
        }
        let world = self.world;
        for (index, design) in world.designs.iter().enumerate() {
            let now = meters[index];
            let before = std::mem::replace(&mut self.billed[index], now);
            self.bill_design(index as u32, design, end, since, &now.since(&before));
        }
        if self.prices.staff.0 > 0.0 {
            let staff = Purchase::Time { duration: since, price: self.prices.staff };
            self.running(end, Category::Staff, staff, "staff");
        }
        self.last = end;
    }

    fn bill_design(&mut self, index: u32, design: &Design, end: Instant, since: Seconds, used: &Meter) {
        let Some(cost) = &design.cost else { return };
        let (prices, built) = (self.prices, cost.unit * units(self.world, index) as f64);
        let operations = UsdPerSecond(built.0 * cost.operations.0);
        let hall = design.supply.is_some();
        let kept = Purchase::Time { duration: since, price: operations };
        self.running(end, Category::Staff, kept, if hall { "hall kept up" } else { "fleet kept up" });
        let aside = UsdPerSecond(built.0 * cost.disposal.0 / cost.life.0);
        self.running(end, Category::Disposal, Purchase::Time { duration: since, price: aside }, "set aside");
        if used.antenna_s > 0.0 {
            let booked = Purchase::Time { duration: Seconds(used.antenna_s), price: prices.contact };
            self.running(end, Category::GroundSegment, booked, "antenna time");
        }
        if let Some(supply) = &design.supply {
            let (category, cause) = match supply.plant_price {
                Some(_) => (Category::Fuel, "fuel"),
                None => (Category::Electricity, "electricity"),
            };
            let price = supply.energy_price.expect("a hall of a mission with a ledger has a price of energy");
            self.running(end, category, Purchase::Energy { energy: used.drawn, price }, cause);
            self.carbon += Kilograms(used.drawn.0 * supply.carbon.0);
            let water = Kilograms(used.computers.0 * supply.water_usage.0);
            self.running(end, Category::Water, Purchase::Mass { mass: water, price: supply.water_price }, "water");
            self.water += water;
        }
        if let Some(price) = prices.hire {
            let hired = Purchase::Time { duration: Seconds(used.accelerator_s), price };
            self.enter(end, Category::Revenue, hired, "accelerators hired out");
        }
    }

    /// Lines and numbers of the ledger at the end of the run.
    pub(crate) fn close(self, work: &Work) -> (Vec<Payment>, Money) {
        let sum = |of: fn(&Meter) -> f64| -> f64 { self.billed.iter().map(of).sum() };
        let levelized = Usd(self.levelized.iter().sum());
        let without_compute = levelized - Usd(self.levelized[Category::Compute as usize] + self.accelerators);
        let delivered = DeliveredWork {
            energy: Joules(sum(|meter| meter.computers.0)),
            work: work.computed,
            accelerator_time: Seconds(sum(|meter| meter.accelerator_s)),
            tokens: work.tokens as u64,
            images: work.images as u64,
        };
        let per = |metric: Metric, cost: Usd| metric.of(cost, &delivered).ok();
        let named = |amount: &dyn Fn(Category) -> f64| -> Vec<(String, Usd)> {
            Category::ALL.into_iter().map(|category| (category.name().to_owned(), Usd(amount(category)))).collect()
        };
        let money = Money {
            price_year: self.prices.year,
            discount_rate: self.prices.discount_rate,
            capital: self.ledger.capital_cost(),
            operating: self.ledger.operating_cost(),
            revenue: self.ledger.total(Category::Revenue),
            net_present_value: self.ledger.net_present_value(self.rate),
            paid: named(&|category| self.ledger.total(category).0),
            of_time_flown: named(&|category| self.levelized[category as usize]),
            levelized,
            energy: delivered.energy,
            accelerator_time: delivered.accelerator_time,
            usd_per_mwh: per(Metric::UsdPerMwh, levelized),
            usd_per_mwh_without_accelerators: per(Metric::UsdPerMwh, without_compute),
            usd_per_pflop_day: per(Metric::UsdPerPflopDay, levelized),
            usd_per_gpu_hour: per(Metric::UsdPerGpuHour, levelized),
            usd_per_mtoken: per(Metric::UsdPerMtoken, levelized),
            usd_per_image: per(Metric::UsdPerImage, levelized),
            usd_per_request: (work.requests > 0.0).then(|| levelized.0 / work.requests),
            carbon: self.carbon,
            water: self.water,
        };
        let start = self.world.start;
        let payment = |entry: &sunward_cost::ledger::Entry| Payment {
            time: start + Span::from_seconds(entry.at),
            category: entry.category.name(),
            amount: entry.purchase.amount(),
            cause: format!("{}: {}", entry.cause, terms(&entry.purchase)),
        };
        (self.ledger.entries().iter().map(payment).collect(), money)
    }
}

impl Meter {
    fn since(&self, before: &Self) -> Self {
        Self {
            drawn: self.drawn - before.drawn,
            computers: self.computers - before.computers,
            antenna_s: self.antenna_s - before.antenna_s,
            accelerator_s: self.accelerator_s - before.accelerator_s,
        }
    }
}

/// How much of what at which price.
fn terms(purchase: &Purchase) -> String {
    match purchase {
        Purchase::Lump(amount) => format!("{amount}"),
        Purchase::Units { count, price } => format!("{count} at {price}"),
        Purchase::Mass { mass, price } => format!("{mass} at {price}"),
        Purchase::Energy { energy, price } => format!("{energy} at {price}"),
        Purchase::Power { power, price } => format!("{power} at {price}"),
        Purchase::Time { duration, price } => format!("{duration} at {price}"),
    }
}

/// Units of a design, those that others stand for included.
fn units(world: &World, design: u32) -> u64 {
    world.sites.iter().filter(|site| site.design == design).map(|site| u64::from(site.stands_for)).sum()
}

/// Mean price of the first `count` of a series over the price of the first.
fn mean_of_series(cost: &UnitCost, count: u64) -> f64 {
    let curve = LearningCurve::new(cost.learning_rate).expect("a mission's learning rate is within its range");
    let total: f64 = (1..=count).map(|number| (number as f64).powf(-curve.exponent())).sum();
    total / count as f64
}
