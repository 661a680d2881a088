//! Mission and catalog to a [`World`]: every name looked up, every absent key taken from the platform, all faults at once.

mod hall;
mod money;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use sunward_astro::frames::Geodetic;
use sunward_astro::station::Station as Mast;
use sunward_astro::time::{Instant, Span};
use sunward_catalog::platform::Platform;
use sunward_catalog::{Catalog, CatalogError, Chosen, Hall, Valued};
use sunward_link::{LinkError, RadioLink, RadioLinkParameters};
use sunward_units::{Bits, Joules, Kelvin, Quantity, Radians, Ratio, Seconds, Watts, text_in};
use sunward_work::defence::{Cost, Defences, GuardConfig, ServingDefences};
use sunward_work::demand::{Demand, Imagery, Origin, Serving, Training};
use sunward_work::roofline::{Machine, UnitTime};

use crate::fault::{Fault, FaultKind, Faults, nearest};
use crate::form::{Given, Maybe};
use crate::keys::{self, Mission, Override, Work};
use crate::leaf::Name;
use crate::orbits;
use crate::world::{self, Assumption, Design, Job, Links, Numbers, Place, Site, Station, World};

/// Sites kept in full when the mission names none.
const RECORDED_MAX: usize = 16;

/// The years for which [`sunward_plant::radiation::RadiationModel`] knows where the belts are, in UTC.
const RADIATION_EPOCHS: [&str; 2] = ["1960-01-01T00:00:00Z", "2035-01-01T00:00:00Z"];
/// The years of missions without satellites: well inside what 64 bits of nanoseconds around 2000 count, 1708 to 2292.
const COUNTED_EPOCHS: [&str; 2] = ["1960-01-01T00:00:00Z", "2200-01-01T00:00:00Z"];
/// Least share of a new battery's capacity that must be left to the end of a run by calendar fade alone.
const HEALTH_MIN: f64 = 0.05;
/// Most data that one job may send in one direction in a run. What piled up may be queued as a single transfer, the largest of
/// which is 4.6e18 bit ([`sunward_link::TransferQueue::push`]); the rest is room for more arrivals than the mean.
const JOB_DATA_MAX: Bits = Bits(4e18);
/// How many times an override may lie below or above the catalog's range: further off, it is taken for a slip of unit.
const OVERRIDE_FACTOR_MAX: f64 = 10.0;

impl Mission {
    /// Looks everything up.
    ///
    /// # Errors
    /// Every name that the catalog lacks, every key that neither mission nor platform gives, elements used too far from their
    /// epoch, orbits and years for which no dose of radiation is known, batteries worn out, transmitters that send more than they
    /// draw, links that cannot be built, jobs that fit no satellite they may run on or whose data could not be counted.
    pub fn compile(&self, catalog: &Catalog) -> Result<World, Faults> {
        let overrides = self.overrides.iter().map(|given| (given.key.as_str(), given)).collect();
        let (faults, assumptions) = (Vec::new(), Vec::new());
        let mut compiler =
            Compiler { catalog, faults, assumptions, overrides, overridden: BTreeSet::new(), peaks: BTreeMap::new() };
        let world = compiler.world(self);
        match world {
            Some(world) if compiler.faults.is_empty() => Ok(world),
            _ => Err(self.faults(compiler.faults)),
        }
    }
}

struct Compiler<'a> {
    catalog: &'a Catalog,
    faults: Vec<Fault>,
    assumptions: Vec<Assumption>,
    /// By the path of the value they take the place of.
    overrides: BTreeMap<&'a str, &'a Given<Override>>,
    /// Paths of the overrides that found their value.
    overridden: BTreeSet<String>,
    /// The peak rates that are listed among the assumptions, by their path.
    peaks: BTreeMap<String, sunward_units::FlopsPerSecond>,
}

/// Radio parameters of one design, each still to be joined with a station's.
struct Radio {
    down: RadioLinkParameters,
    up: RadioLinkParameters,
}

/// How large a battery is and how it is used.
struct BatteryUse {
    energy: Joules,
    depth: Ratio,
    state_of_charge: Ratio,
    cycles: Ratio,
}

/// Antenna of one station.
struct Antenna {
    gain: sunward_units::Decibels,
    temperature: Kelvin,
    power: Watts,
    transmit_gain: sunward_units::Decibels,
}

impl Compiler<'_> {
    fn world(&mut self, mission: &Mission) -> Option<World> {
        let header = &mission.header;
        let (start, step) = (*header.start, Span::from_seconds(*header.step));
        let steps = (header.duration.0 / header.step.0).round().max(1.0) as u64;
        let duration = Span::from_seconds(*header.step) * steps as i64;
        self.check_whole_steps(header, steps);
        self.check_epoch(mission)?;
        let defaults = self.found(None::<&Given<()>>, self.catalog.mission_defaults())?;
        let planning =
            self.value(header, "planning_interval", &header.planning_interval, Some(&defaults.planning_interval));
        let earth = self.found(None::<&Given<()>>, self.catalog.earth())?;
        let around = &mission.environment;
        let solar_irradiance =
            self.value(around, "solar_irradiance", &around.solar_irradiance, Some(&earth.solar_irradiance));
        let albedo = self.value(around, "albedo", &around.albedo, Some(&earth.albedo));
        let earth_infrared = self.value(around, "earth_infrared", &around.earth_infrared, Some(&earth.earth_infrared));

        let prices = mission.cost.as_ref().and_then(|cost| self.prices(cost));
        let (mut designs, mut radios, mut sites) = (Vec::new(), Vec::new(), Vec::new());
        for site in &mission.sites {
            let design = designs.len() as u32;
            if let Some((built, radio)) = self.design(site, mission, duration) {
                designs.push(built);
                radios.push(radio);
            }
            let places = self.places(site, start, duration);
            let stands_for = site.units() / site.satellites();
            sites.extend(site.names().zip(places).map(|(name, place)| Site { name, design, place, stands_for }));
        }
        let grounds: Vec<Option<(Station, Antenna)>> = mission.stations.iter().map(|s| self.station(s)).collect();
        let jobs: Vec<Job> = mission.jobs.iter().map(|job| self.job(job, mission, &sites, start)).collect();
        if designs.len() == mission.sites.len() {
            self.check_overrides(mission);
        }
        if !self.faults.is_empty() {
            return None;
        }
        let (mut stations, antennas): (Vec<_>, Vec<_>) = grounds.into_iter().flatten().unzip();
        stations.extend(hall::fibre_ends(mission));
        let links = self.links(mission, &radios, &antennas, &stations)?;
        self.check_jobs_fit(mission, &jobs, &designs, &sites);
        self.check_data(mission, &jobs, duration);
        let jobs = copies(jobs, &designs, &sites);
        let recorded = recorded(mission, &sites);
        Some(World {
            name: header.name.value.clone(),
            mission_hash: mission.hash(),
            catalog_hash: self.catalog.hash(),
            seed: *header.seed,
            start,
            step,
            steps,
            planning_steps: (planning.0 / header.step.0).round().max(1.0) as u64,
            solar_irradiance,
            albedo,
            earth_infrared,
            upset_multiplier: *mission.radiation.upset_multiplier,
            designs,
            sites,
            stations,
            links,
            jobs,
            record_every: *mission.record.every,
            recorded,
            prices,
            assumptions: std::mem::take(&mut self.assumptions),
        })
    }

    /// Where the units that are flown are.
    fn places(&mut self, site: &Given<keys::Site>, start: Instant, duration: Span) -> Vec<Place> {
        if let Some(ground) = &site.ground {
            return vec![Place::Ground(hall::place(ground)); site.satellites() as usize];
        }
        let orbits = site.orbit.as_ref().map_or(Ok(Vec::new()), |orbit| orbits::of_site(site, orbit, start, duration));
        match orbits {
            Ok(all) => all.into_iter().map(Place::Orbit).collect(),
            Err(fault) => {
                self.faults.push(*fault);
                Vec::new()
            }
        }
    }

    /// The run must lie in the years for which radiation is modelled, if anything flies; `None` where later instants could not be
    /// counted.
    fn check_epoch(&mut self, mission: &Mission) -> Option<()> {
        let header = &mission.header;
        let (epochs, what, until) = match mission.sites.iter().any(|site| site.orbit.is_some()) {
            true => (RADIATION_EPOCHS, "for which radiation is modelled", "radiation is modelled to the end of 2034"),
            false => (COUNTED_EPOCHS, "in which time is counted", "time is counted to the end of 2199"),
        };
        let [first, last] = epochs.map(|text| Instant::from_utc_text(text).expect("constants are instants"));
        if !(first..last).contains(&header.start) {
            let message = format!("start {:.0} is outside {first:.0}..{last:.0}, {what}", *header.start);
            self.faults.push(Fault::at(&header.start, FaultKind::OutOfRange, message));
            return None;
        }
        let end = *header.start + Span::from_seconds(*header.duration);
        if end > last {
            let message = format!("the run ends at {end:.0}, after {last:.0}; {until}");
            self.faults.push(Fault::at(&header.duration, FaultKind::OutOfRange, message));
        }
        Some(())
    }

    fn check_whole_steps(&mut self, header: &Given<keys::Header>, steps: u64) {
        let whole = steps as f64 * header.step.0;
        if (whole - header.duration.0).abs() > 1e-6 * header.step.0 {
            let message = format!("duration {} is not a whole number of steps of {}", *header.duration, *header.step);
            self.faults.push(Fault::at(&header.duration, FaultKind::OutOfRange, message));
        }
    }

    /// The entry, or a fault at the name that asked for it.
    fn found<'c, T, G>(&mut self, asked: Option<&Given<G>>, entry: Result<&'c T, CatalogError>) -> Option<&'c T> {
        match entry {
            Ok(entry) => Some(entry),
            Err(error) => {
                let nowhere = Given { value: (), path: "catalog".to_owned(), span: 0..0 };
                self.faults.push(match asked {
                    Some(given) => Fault::at(given, FaultKind::UnknownName, error.to_string()),
                    None => Fault::at(&nowhere, FaultKind::UnknownName, error.to_string()),
                });
                None
            }
        }
    }

    /// What the mission gives, else what the catalog holds, else a fault (and zero, which no world will hold).
    fn value<Q: Quantity, S>(
        &mut self,
        section: &Given<S>,
        key: &str,
        given: &Maybe<Q>,
        fallback: Option<&Valued<Q>>,
    ) -> Q {
        match (given, fallback) {
            (Some(given), _) => {
                self.given_quantity(&given.path, given.value);
                given.value
            }
            (None, Some(valued)) => {
                let unit = valued.text.split_once(' ').map_or("", |(_, unit)| unit);
                self.assumptions.push(Assumption {
                    key: section.child(key, section.span.clone()).path,
                    value: valued.text.clone(),
                    low: text_in(valued.low, unit),
                    high: text_in(valued.high, unit),
                    numbers: Some(Numbers {
                        dimension: Q::DIMENSION,
                        value: valued.value.si(),
                        range: Some([valued.low.si(), valued.high.si()]),
                    }),
                    source: format!("{} ({})", valued.source, valued.date),
                    kind: valued.kind.name().to_owned(),
                    reason: valued.reason.clone(),
                });
                valued.value
            }
            (None, None) => {
                self.faults.push(missing(section, key));
                Q::from_si(0.0)
            }
        }
    }

    fn choice<T: Clone + Display, S>(
        &mut self,
        section: &Given<S>,
        key: &str,
        given: Option<T>,
        fallback: Option<&Chosen<T>>,
    ) -> Option<T> {
        let path = section.child(key, section.span.clone()).path;
        match (given, fallback) {
            (Some(value), _) => {
                self.given(&path, &value);
                Some(value)
            }
            (None, Some(chosen)) => {
                self.assumptions.push(Assumption {
                    key: path,
                    value: chosen.value.to_string(),
                    low: None,
                    high: None,
                    numbers: None,
                    source: format!("{} ({})", chosen.source, chosen.date),
                    kind: chosen.kind.name().to_owned(),
                    reason: chosen.reason.clone(),
                });
                Some(chosen.value.clone())
            }
            (None, None) => {
                self.faults.push(missing(section, key));
                None
            }
        }
    }

    fn given(&mut self, path: &str, value: impl Display) {
        self.assumptions.push(Assumption {
            key: path.to_owned(),
            value: value.to_string(),
            low: None,
            high: None,
            numbers: None,
            source: "mission".to_owned(),
            kind: "given".to_owned(),
            reason: String::new(),
        });
    }

    fn given_quantity<Q: Quantity>(&mut self, path: &str, value: Q) {
        self.given(path, value);
        let numbers = Numbers { dimension: Q::DIMENSION, value: value.si(), range: None };
        self.assumptions.last_mut().expect("one was just listed").numbers = Some(numbers);
    }

    /// A property of a named catalog part, or what the mission takes instead; listed with the key that named the part.
    fn part<Q: Quantity>(&mut self, path: &str, valued: &Valued<Q>) -> Q {
        if let Some(taken) = self.overriding(path, valued) {
            self.given_quantity(path, taken);
            return taken;
        }
        let place = Given { value: (), path: path.to_owned(), span: 0..0 };
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        let section = Given { path: section.to_owned(), ..place };
        self.value(&section, key, &None, Some(valued))
    }
}

impl Compiler<'_> {
    /// What the mission takes in place of `valued`; a fault, and nothing, where it cannot be taken.
    fn overriding<Q: Quantity>(&mut self, path: &str, valued: &Valued<Q>) -> Option<Q> {
        let given = *self.overrides.get(path)?;
        self.overridden.insert(path.to_owned());
        let text = &given.taken;
        let taken = match text.parse::<Q>() {
            Ok(taken) => taken,
            Err(error) => {
                self.faults.push(Fault::at(text, FaultKind::Unit, error.to_string()));
                return None;
            }
        };
        let [low, high] = override_range(valued);
        if (low.si()..=high.si()).contains(&taken.si()) {
            return Some(taken);
        }
        let unit = valued.text.split_once(' ').map_or("", |(_, unit)| unit);
        let [low, high] = [low, high].map(|end| text_in(end, unit).unwrap_or_else(|| end.to_string()));
        let message = format!("{path} {} is outside {low}..={high}", text.as_str());
        self.faults.push(Fault::at(text, FaultKind::OutOfRange, message));
        None
    }

    /// Every override must stand for one value that the world has and that has no key of its own.
    fn check_overrides(&mut self, mission: &Mission) {
        for (index, given) in mission.overrides.iter().enumerate() {
            let key = given.key.as_str();
            if mission.overrides[..index].iter().any(|other| other.key == given.key) {
                let message = format!("{key} is overridden twice");
                self.faults.push(Fault::at(&given.key, FaultKind::DuplicateName, message));
            } else if self.assumptions.iter().any(|listed| listed.key == key) && !self.overridden.contains(key) {
                let message = format!("{key} is a key of the mission");
                let fault = Fault::at(&given.key, FaultKind::Conflict, message);
                self.faults.push(fault.with_help("write the value there"));
            } else if !self.overridden.contains(key) {
                let near = nearest(key, self.assumptions.iter().map(|listed| listed.key.as_str()));
                let help = near.map_or_else(
                    || "the report of a run lists the values there are".to_owned(),
                    |near| format!("did you mean {near:?}?"),
                );
                let message = format!("no value of the mission is called {key:?}");
                self.faults.push(Fault::at(&given.key, FaultKind::UnknownName, message).with_help(help));
            }
        }
    }
}

/// The values that an override may take: up to [`OVERRIDE_FACTOR_MAX`] times beyond the catalog's range, with its sign; a share stays
/// one.
fn override_range<Q: Quantity>(valued: &Valued<Q>) -> [Q; 2] {
    let (low, high) = (valued.low.si(), valued.high.si());
    let down = if low > 0.0 { low / OVERRIDE_FACTOR_MAX } else { low * OVERRIDE_FACTOR_MAX };
    let up = if high > 0.0 { high * OVERRIDE_FACTOR_MAX } else { high / OVERRIDE_FACTOR_MAX };
    let is_share = Q::DIMENSION == Ratio::DIMENSION && low >= 0.0 && high <= 1.0;
    [down, if is_share { up.min(1.0) } else { up }].map(Q::from_si)
}

fn missing<S>(section: &Given<S>, key: &str) -> Fault {
    Fault::missing(section, key).with_help("give it, or name a platform that has it")
}

/// Resolves `section.key` of a site against the platform's section of the same name.
macro_rules! resolve {
    ($compiler:ident, $site:ident.$section:ident, $platform:ident, $key:ident) => {
        $compiler.value(
            &$site.$section,
            stringify!($key),
            &$site.$section.$key,
            $platform.map(|platform| &platform.$section.$key),
        )
    };
}

impl Compiler<'_> {
    fn design(
        &mut self,
        site: &Given<keys::Site>,
        mission: &Mission,
        duration: Span,
    ) -> Option<(Design, Option<Radio>)> {
        let (design, radio) = match &site.ground {
            Some(ground) => (self.hall(site, ground, mission, duration)?, None),
            None => self.satellite(site, duration).map(|(design, radio)| (design, Some(radio)))?,
        };
        let cost = match &mission.cost {
            Some(_) => Some(self.unit_cost(site, &design)?),
            None => None,
        };
        Some((Design { cost, ..design }, radio))
    }

    fn satellite(&mut self, site: &Given<keys::Site>, duration: Span) -> Option<(Design, Radio)> {
        let platform = match &site.platform {
            Some(name) => Some(self.found(Some(name), self.catalog.platform(name.as_str()))?),
            None => None,
        };
        let array = self.array(site, platform);
        let battery = self.battery(site, platform, duration);
        let power = self.power(site, platform);
        let thermal = self.thermal(site, platform, duration);
        let compute = self.compute(site, platform, None);
        let shielding = resolve!(self, site.shielding, platform, aluminium);
        let dry_mass = resolve!(self, site.mass, platform, dry);
        let (radio, transmitter_draw) = self.radio(site, platform);
        self.check_design(site, power.as_ref());
        let transmit_power = radio.down.transmit_power;
        let design = Design {
            supply: None,
            cost: None,
            array: array?,
            battery: battery?,
            power: power?,
            thermal: thermal?,
            shielding,
            compute: compute?,
            dry_mass,
            transmitter_draw,
            transmit_power,
        };
        Some((design, radio))
    }

    fn check_design(&mut self, site: &Given<keys::Site>, power: Option<&world::Power>) {
        if let (Some(power), Some(setpoint)) = (power, &site.power.heater_setpoint)
            && power.heater_power.0 == 0.0
        {
            let message = format!("heater_setpoint {} is given for a heater of 0 W", setpoint.value);
            self.faults.push(Fault::at(setpoint, FaultKind::OutOfRange, message));
        }
    }

    fn array(&mut self, site: &Given<keys::Site>, platform: Option<&Platform>) -> Option<world::Array> {
        let section = &site.array;
        let cell_name = self.name(section, "cell", &section.cell, platform.map(|p| &p.array.cell))?;
        let cell = self.found(Some(&at(section, &section.cell)), self.catalog.solar_cell(&cell_name))?;
        let area = resolve!(self, site.array, platform, area);
        let pointing_error = resolve!(self, site.array, platform, pointing_error);
        let age = resolve!(self, site.array, platform, age);
        let pointing = self.choice(
            section,
            "pointing",
            section.pointing.as_ref().map(|given| given.value),
            platform.map(|p| &p.array.pointing),
        )?;
        let part = |key: &str| format!("{}.cell.{key}", section.path);
        let degradation = self.part(&part("degradation"), &cell.degradation);
        let fresh = self.part(&part("efficiency"), &cell.efficiency);
        let coefficient = self.part(&part("temperature_coefficient"), &cell.temperature_coefficient);
        let areal = self.part(&part("areal_heat_capacity"), &cell.areal_heat_capacity);
        // Restated at the reference temperature of the kernel, 28 degC.
        let reference = self.part(&part("reference_temperature"), &cell.reference_temperature);
        let offset = sunward_plant::power::CELL_REFERENCE_K - reference.0;
        let at_reference = 1.0 + coefficient.0 * offset;
        let sun = self.found(None::<&Given<()>>, self.catalog.earth())?;
        Some(world::Array {
            area,
            rated_power: sun.solar_irradiance.value * area * (fresh.0 * at_reference),
            efficiency_new: fresh * at_reference,
            pointing,
            pointing_error,
            efficiency: fresh * at_reference * (-degradation.0 * age.0).exp(),
            temperature_coefficient: coefficient / at_reference,
            degradation,
            absorptance: self.part(&part("absorptance"), &cell.absorptance),
            emissivity_front: self.part(&part("emissivity_front"), &cell.emissivity_front),
            emissivity_back: self.part(&part("emissivity_back"), &cell.emissivity_back),
            heat_capacity: sunward_units::JoulesPerKelvin(areal.si() * area.0),
        })
    }

    fn battery(
        &mut self,
        site: &Given<keys::Site>,
        platform: Option<&Platform>,
        duration: Span,
    ) -> Option<world::Battery> {
        let section = &site.battery;
        let name = self.name(section, "cell", &section.cell, platform.map(|p| &p.battery.cell))?;
        let used = BatteryUse {
            energy: resolve!(self, site.battery, platform, energy),
            depth: resolve!(self, site.battery, platform, depth_of_discharge_max),
            state_of_charge: resolve!(self, site.battery, platform, state_of_charge),
            cycles: resolve!(self, site.battery, platform, cycles),
        };
        self.battery_of(site, &at(section, &section.cell), &name, used, duration)
    }

    /// A battery of cells of a name, asked for at a place of the mission.
    fn battery_of(
        &mut self,
        site: &Given<keys::Site>,
        asked: &Given<()>,
        name: &str,
        BatteryUse { energy, depth, state_of_charge, cycles }: BatteryUse,
        duration: Span,
    ) -> Option<world::Battery> {
        let section = &site.battery;
        let cell = self.found(Some(asked), self.catalog.battery_cell(name))?;
        let part = |key: &str| format!("{}.cell.{key}", section.path);
        let fade = self.part(&part("cycle_fade"), &cell.cycle_fade);
        let fade_depth = self.part(&part("cycle_fade_depth"), &cell.cycle_fade_depth);
        let exponent = self.part(&part("cycle_fade_exponent"), &cell.cycle_fade_exponent);
        let cycle_fade = fade * (depth / fade_depth).powf(exponent.0);
        let health = 1.0 - cycle_fade.0 * cycles.0;
        let calendar_fade = self.part(&part("calendar_fade"), &cell.calendar_fade);
        let left = health - calendar_fade.0 * duration.seconds().0;
        if left < HEALTH_MIN {
            let message = format!(
                "{} cycles at a depth of {depth}, each of which takes {cycle_fade}, and calendar fade leave {:.1} % of the capacity \
                 at the end of the run; at least {} % is needed",
                cycles.0,
                100.0 * left,
                100.0 * HEALTH_MIN
            );
            self.faults.push(Fault::at(&at(section, &section.cycles), FaultKind::OutOfRange, message));
        }
        Some(world::Battery {
            energy,
            health: Ratio(health),
            depth_of_discharge_max: depth,
            state_of_charge,
            charge_rate_max: self.part(&part("charge_rate_max"), &cell.charge_rate_max),
            discharge_rate_max: self.part(&part("discharge_rate_max"), &cell.discharge_rate_max),
            charge_efficiency: self.part(&part("charge_efficiency"), &cell.charge_efficiency),
            discharge_efficiency: self.part(&part("discharge_efficiency"), &cell.discharge_efficiency),
            calendar_fade,
            cycle_fade,
            charge_temperature_min: self.part(&part("charge_temperature_min"), &cell.charge_temperature_min),
        })
    }

    fn power(&mut self, site: &Given<keys::Site>, platform: Option<&Platform>) -> Option<world::Power> {
        Some(world::Power {
            array_regulator: resolve!(self, site.power, platform, array_regulator_efficiency),
            battery_regulator: resolve!(self, site.power, platform, battery_regulator_efficiency),
            distribution: resolve!(self, site.power, platform, distribution_efficiency),
            bus_load: resolve!(self, site.power, platform, bus_load),
            heater_power: resolve!(self, site.power, platform, heater_power),
            heater_setpoint: resolve!(self, site.power, platform, heater_setpoint),
        })
    }

    fn thermal(
        &mut self,
        site: &Given<keys::Site>,
        platform: Option<&Platform>,
        duration: Span,
    ) -> Option<world::Thermal> {
        let section = &site.thermal;
        let name = self.name(
            section,
            "radiator_coating",
            &section.radiator_coating,
            platform.map(|p| &p.thermal.radiator_coating),
        )?;
        let coating = self.found(Some(&at(section, &section.radiator_coating)), self.catalog.coating(&name))?;
        let radiator_faces = self.choice(
            section,
            "radiator_faces",
            section.radiator_faces.as_ref().map(|given| given.value),
            platform.map(|p| &p.thermal.radiator_faces),
        )?;
        let radiator_orientation = self.choice(
            section,
            "radiator_orientation",
            section.radiator_orientation.as_ref().map(|given| given.value),
            platform.map(|p| &p.thermal.radiator_orientation),
        )?;
        let part = |key: &str| format!("{}.radiator_coating.{key}", section.path);
        let fresh = self.part(&part("absorptance"), &coating.absorptance);
        let aged = self.part(&part("absorptance_end_of_life"), &coating.absorptance_end_of_life);
        let age = site.array.age.as_ref().map(|given| given.value);
        let age = age.or(platform.map(|platform| platform.array.age.value));
        Some(world::Thermal {
            radiator_area: resolve!(self, site.thermal, platform, radiator_area),
            radiator_faces,
            radiator_orientation,
            emissivity: self.part(&part("emissivity"), &coating.emissivity),
            absorptance: coating_at(fresh, aged, age.unwrap_or(Seconds::ZERO) + duration.seconds() / 2.0),
            board_heat_capacity: resolve!(self, site.thermal, platform, board_heat_capacity),
            bus_heat_capacity: resolve!(self, site.thermal, platform, bus_heat_capacity),
            radiator_heat_capacity: resolve!(self, site.thermal, platform, radiator_heat_capacity),
            board_to_radiator: resolve!(self, site.thermal, platform, board_to_radiator),
            board_to_bus: resolve!(self, site.thermal, platform, board_to_bus),
            bus_to_radiator: resolve!(self, site.thermal, platform, bus_to_radiator),
            bus_effective_area: resolve!(self, site.thermal, platform, bus_effective_area),
            bus_effective_emissivity: resolve!(self, site.thermal, platform, bus_effective_emissivity),
            initial_temperature: resolve!(self, site.thermal, platform, initial_temperature),
        })
    }

    fn compute(
        &mut self,
        site: &Given<keys::Site>,
        platform: Option<&Platform>,
        hall: Option<&Hall>,
    ) -> Option<world::Compute> {
        let section = &site.compute;
        let of_platform = platform.and_then(|p| p.compute.accelerator.as_ref());
        let name = self.name(section, "accelerator", &section.accelerator, of_platform)?;
        let part = self.found(Some(&at(section, &section.accelerator)), self.catalog.accelerator(&name))?;
        let count = self.choice(
            section,
            "count",
            section.count.as_ref().map(|given| given.value),
            platform.and_then(|p| p.compute.count.as_ref()),
        )?;
        let path = |key: &str| format!("{}.accelerator.{key}", section.path);
        let (minimum, boost) = (
            self.part(&path("minimum_clock"), &part.minimum_clock),
            self.part(&path("boost_clock"), &part.boost_clock),
        );
        let power = self.part(&path("power"), &part.power);
        let host = hall::Host::new(hall, power * f64::from(count), count);
        let of_platform = platform.map(|platform| &platform.compute);
        let of_part = part.memory_protection.value == sunward_catalog::MemoryProtection::EccSecded;
        let corrected = section.error_correction.as_ref().map_or(of_part, |given| given.value);
        if section.error_correction.is_some() {
            self.given(&format!("{}.error_correction", section.path), corrected);
        }
        let compute = world::Compute {
            count,
            bandwidth: self.part(&path("memory_bandwidth"), &part.memory_bandwidth),
            memory: self.part(&path("memory"), &part.memory),
            power,
            idle_power: self.part(&path("idle_power"), &part.idle_power),
            memory_power_share: self.part(&path("memory_power_share"), &part.memory_power_share),
            clock_floor: Ratio(minimum / boost),
            voltage_floor: self.part(&path("voltage_floor_ratio"), &part.voltage_floor_ratio),
            throttle_temperature: self.part(&path("throttle_temperature"), &part.throttle_temperature),
            shutdown_temperature: self.part(&path("shutdown_temperature"), &part.shutdown_temperature),
            chip_heat_capacity: self.part(&path("chip_heat_capacity"), &part.chip_heat_capacity),
            chip_to_board: self.part(&path("chip_to_board"), &part.chip_to_board),
            failure_rate: self.part(&path("permanent_failure_rate"), &part.permanent_failure_rate),
            reboot_time: self.part(&path("reboot_time"), &part.reboot_time),
            memory_corrected: corrected,
            accelerator: name,
            host_power: self.value(
                section,
                "host_power",
                &section.host_power,
                host.power.as_ref().or(of_platform.map(|p| &p.host_power)),
            ),
            host_idle_power: self.value(
                section,
                "host_idle_power",
                &section.host_idle_power,
                host.idle.as_ref().or(of_platform.map(|p| &p.host_idle_power)),
            ),
            storage: self.value(
                section,
                "storage",
                &section.storage,
                host.storage.as_ref().or(of_platform.map(|p| &p.storage)),
            ),
        };
        self.check_accelerator(section, &compute);
        Some(compute)
    }

    /// What the catalog's parts keep among their values, overrides must keep too.
    fn check_accelerator(&mut self, section: &Given<keys::Compute>, compute: &world::Compute) {
        let world::Compute { idle_power, power, throttle_temperature, shutdown_temperature, clock_floor, .. } = compute;
        let rules = [
            (idle_power < power, format!("idle power {idle_power} is not below the full power of {power}")),
            (
                throttle_temperature < shutdown_temperature,
                format!("throttle temperature {throttle_temperature} is not below shutdown at {shutdown_temperature}"),
            ),
            (clock_floor.0 < 1.0, format!("the lowest clock is {clock_floor} of the highest, and not below it")),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        self.faults.extend(broken.map(|(_, message)| Fault::at(section, FaultKind::Conflict, message)));
    }

    fn radio(&mut self, site: &Given<keys::Site>, platform: Option<&Platform>) -> (Radio, Watts) {
        let (down, up) = (&site.radio.downlink, &site.radio.uplink);
        let (down_p, up_p) = (platform.map(|p| &p.radio.downlink), platform.map(|p| &p.radio.uplink));
        macro_rules! pick {
            ($section:ident, $platform:ident, $key:ident) => {
                self.value($section, stringify!($key), &$section.$key, $platform.map(|p| &p.$key))
            };
        }
        // The ground's half of each link is filled in station by station.
        let radio = Radio {
            down: RadioLinkParameters {
                frequency: pick!(down, down_p, frequency),
                transmit_power: pick!(down, down_p, transmit_power),
                transmit_gain: pick!(down, down_p, antenna_gain),
                receive_gain: sunward_units::Decibels::ZERO,
                system_temperature: Kelvin::ZERO,
                bandwidth: pick!(down, down_p, bandwidth),
                rate_max: pick!(down, down_p, rate_max),
                implementation_loss: pick!(down, down_p, implementation_loss),
            },
            up: RadioLinkParameters {
                frequency: pick!(up, up_p, frequency),
                transmit_power: Watts::ZERO,
                transmit_gain: sunward_units::Decibels::ZERO,
                receive_gain: pick!(up, up_p, antenna_gain),
                system_temperature: pick!(up, up_p, system_temperature),
                bandwidth: pick!(up, up_p, bandwidth),
                rate_max: pick!(up, up_p, rate_max),
                implementation_loss: pick!(up, up_p, implementation_loss),
            },
        };
        let draw = pick!(down, down_p, power_draw);
        self.check_transmitter(down, radio.down.transmit_power, draw);
        (radio, draw)
    }

    /// A transmitter draws at least what it sends; the fault is told at the key that the mission gives.
    fn check_transmitter(&mut self, section: &Given<keys::Downlink>, sent: Watts, drawn: Watts) {
        if sent <= drawn {
            return;
        }
        let message = format!("transmit_power {sent} is more than the power_draw of {drawn}");
        let place = match &section.transmit_power {
            Some(_) => at(section, &section.transmit_power),
            None => at(section, &section.power_draw),
        };
        self.faults.push(Fault::at(&place, FaultKind::Conflict, message));
    }

    fn name<S>(
        &mut self,
        section: &Given<S>,
        key: &str,
        given: &Maybe<crate::Name>,
        fallback: Option<&Chosen<String>>,
    ) -> Option<String> {
        self.choice(section, key, given.as_ref().map(|name| name.to_string()), fallback)
    }

    fn station(&mut self, station: &Given<keys::Station>) -> Option<(Station, Antenna)> {
        let entry = match &station.catalog {
            Some(name) => Some(self.found(Some(name), self.catalog.station(name.as_str()))?),
            None => None,
        };
        let antenna = match entry {
            Some(entry) => Some(self.found(station.catalog.as_ref(), self.catalog.antenna_of(entry))?),
            None => None,
        };
        let name = match station.label() {
            Some(name) => name.to_string(),
            None => {
                self.faults.push(missing(station, "name"));
                return None;
            }
        };
        let before = self.faults.len();
        macro_rules! pick {
            ($from:ident, $key:ident) => {
                self.value(station, stringify!($key), &station.$key, $from.map(|entry| &entry.$key))
            };
        }
        let (latitude, longitude): (Radians, Radians) = (pick!(entry, latitude), pick!(entry, longitude));
        let (altitude, mask) = (pick!(entry, altitude), pick!(entry, minimum_elevation));
        let ground = Antenna {
            gain: pick!(antenna, antenna_gain),
            temperature: pick!(antenna, system_temperature),
            power: pick!(antenna, transmit_power),
            transmit_gain: pick!(antenna, transmit_gain),
        };
        let antennas = self.choice(
            station,
            "antennas",
            station.antennas.as_ref().map(|given| given.value),
            entry.map(|entry| &entry.antennas),
        );
        if self.faults.len() > before {
            return None;
        }
        match Mast::new(Geodetic { latitude, longitude, height: altitude }, mask) {
            Ok(mast) => Some((Station { name, mast, antennas: antennas?, fibre_of: None }, ground)),
            Err(error) => {
                self.faults.push(Fault::at(station, FaultKind::OutOfRange, error.to_string()));
                None
            }
        }
    }

    fn links(
        &mut self,
        mission: &Mission,
        radios: &[Option<Radio>],
        antennas: &[Antenna],
        stations: &[Station],
    ) -> Option<Vec<Vec<Links>>> {
        let mut all = Vec::new();
        for (design, (site, radio)) in mission.sites.iter().zip(radios).enumerate() {
            let row = stations.iter().enumerate().map(|(index, station)| match (station.fibre_of, radio) {
                (Some(of), None) if of as usize == design => Ok(hall::fibre(site)),
                (None, Some(radio)) => radio_links(radio, &antennas[index]),
                _ => Ok(Links::None),
            });
            match row.collect() {
                Ok(row) => all.push(row),
                Err(error) => {
                    self.faults.push(Fault::at(&site.radio, FaultKind::OutOfRange, LinkError::to_string(&error)));
                    return None;
                }
            }
        }
        Some(all)
    }

    fn job(&mut self, job: &Given<keys::Job>, mission: &Mission, sites: &[Site], start: Instant) -> Job {
        let instant = |offset: Seconds| start + Span::from_seconds(offset);
        let site = job.site.as_ref().and_then(|name| sites.iter().position(|site| site.name == name.as_str()));
        if let (Some(name), None) = (&job.site, site) {
            let message = format!("no satellite is named {:?}", name.as_str());
            self.faults.push(Fault::at(name, FaultKind::UnknownName, message));
        }
        let peak = mission.sites.iter().map(|site| self.peak(site, *job.precision)).collect();
        let (demand, utilisation, accelerators) = demand(&job.work);
        let executed = executed(&job.work, mission);
        let after = match executed.as_ref().map(|executed| &executed.network) {
            Some(world::Network::Trained { from: world::Trained::Job(index), .. }) => Some(*index),
            _ => None,
        };
        Job {
            name: job.name.to_string(),
            priority: *job.priority as u8,
            site: site.map(|site| site as u32),
            each: *job.each,
            release: instant(*job.release),
            deadline: job.deadline.as_ref().map(|given| instant(given.value)),
            input: *job.input,
            output: *job.output,
            accelerators,
            utilisation,
            demand,
            after,
            executed,
            answering: answering(&job.work, *mission.header.seed),
            peak,
        }
    }

    /// The peak rate of a site's accelerator, listed once however many jobs ask for it.
    fn peak(&mut self, site: &Given<keys::Site>, precision: keys::Precision) -> Option<sunward_units::FlopsPerSecond> {
        let (precision, word) = match precision {
            keys::Precision::Bf16 => (sunward_catalog::Precision::Bf16, "bf16"),
            keys::Precision::Fp16 => (sunward_catalog::Precision::Fp16, "fp16"),
            keys::Precision::Fp8 => (sunward_catalog::Precision::Fp8, "fp8"),
            keys::Precision::Int8 => (sunward_catalog::Precision::Int8, "int8"),
            keys::Precision::Fp32 => (sunward_catalog::Precision::Fp32, "fp32"),
        };
        let of_platform = || {
            let platform = self.catalog.platform(site.platform.as_ref()?.as_str()).ok()?;
            Some(platform.compute.accelerator.as_ref()?.value.clone())
        };
        let name = site.compute.accelerator.as_ref().map(|given| given.to_string()).or_else(of_platform)?;
        let valued = self.catalog.accelerator(&name).ok()?.peak.of(precision)?;
        let path = format!("{}.compute.accelerator.peak.{word}", site.path);
        if let Some(&known) = self.peaks.get(&path) {
            return Some(known);
        }
        let rate = self.part(&path, valued);
        self.peaks.insert(path, rate);
        Some(rate)
    }

    /// A job must fit at least one site it may run on: its number format, its memory, its accelerators; and a site that stands for
    /// several takes only jobs that each of them does.
    fn check_jobs_fit(&mut self, mission: &Mission, jobs: &[Job], designs: &[Design], sites: &[Site]) {
        let stands_for =
            |design: usize| sites.iter().find(|site| site.design as usize == design).map_or(1, |site| site.stands_for);
        for (given, job) in mission.jobs.iter().zip(jobs) {
            let unfit = |design: usize| match stands_for(design) {
                units if units > 1 && !job.each => {
                    Some(format!("each unit flown stands for {units}, and one job is done once; give each = true"))
                }
                _ => job.unfit(design, &designs[design]),
            };
            let fault = match (&given.site, job.site) {
                (Some(name), Some(site)) => unfit(sites[site as usize].design as usize).map(|reason| {
                    let message = format!("job {:?} does not fit satellite {:?}: {reason}", job.name, name.as_str());
                    Fault::at(name, FaultKind::OutOfRange, message)
                }),
                _ => {
                    let reasons = (0..designs.len()).map(unfit);
                    reasons.collect::<Option<Vec<_>>>().map(|reasons| {
                        let message = format!("job {:?} fits no satellite: {}", job.name, reasons.join("; "));
                        Fault::at(&given.name, FaultKind::OutOfRange, message)
                    })
                }
            };
            self.faults.extend(fault);
        }
    }
}

impl Compiler<'_> {
    /// Queues count bits one by one: what a job sends in a run must stay far from where they end.
    fn check_data(&mut self, mission: &Mission, jobs: &[Job], duration: Span) {
        for (given, job) in mission.jobs.iter().zip(jobs) {
            let units = job.demand.arrivals_per_second().map_or(0.0, |rate| rate * duration.seconds().0);
            let samples = match &job.demand {
                Demand::Training(Training { sample: Some((tokens, size)), .. }) => {
                    *size * (job.demand.units_total().unwrap_or(0.0) / tokens)
                }
                _ => Bits::ZERO,
            };
            let sent = [
                ("sends up", "in the run", job.demand.input_per_unit() * units),
                ("sends down", "in the run", job.demand.output_per_unit() * units),
                ("sends down", "of samples", samples),
            ];
            for (way, what, bits) in sent.into_iter().filter(|(_, _, bits)| *bits > JOB_DATA_MAX) {
                let message =
                    format!("job {:?} {way} {:.3e} bit {what}; allowed are {:e} bit", job.name, bits.0, JOB_DATA_MAX.0);
                self.faults.push(Fault::at(&given.name, FaultKind::OutOfRange, message));
            }
        }
    }
}

impl Job {
    /// Why the job cannot run on a design, `None` where it can.
    #[must_use]
    pub fn unfit(&self, design_index: usize, design: &Design) -> Option<String> {
        let compute = &design.compute;
        let accelerators = self.accelerators;
        let memory = compute.memory * f64::from(accelerators);
        let needed = self.memory();
        if self.peak[design_index].is_none() {
            Some(format!("{} has no such precision", compute.accelerator))
        } else if accelerators > compute.count {
            Some(format!("it needs {accelerators} accelerators of {}", compute.count))
        } else if needed > memory {
            Some(format!("it needs {needed} of memory of {memory}"))
        } else if self.input > compute.storage {
            Some(format!("its input of {} is larger than the storage of {}", self.input, compute.storage))
        } else if self.output > compute.storage {
            Some(format!("its output of {} is larger than the storage of {}", self.output, compute.storage))
        } else {
            None
        }
    }

    /// Device memory it needs while it runs, that of its defences included.
    #[must_use]
    pub fn memory(&self) -> Bits {
        self.demand.memory() + self.defence_cost().map_or(Bits::ZERO, |cost| cost.memory)
    }

    /// What its defences hold and move; `None` where there are none.
    #[must_use]
    pub fn defence_cost(&self) -> Option<Cost> {
        match (&self.demand, &self.executed, &self.answering) {
            (Demand::Training(training), Some(executed), _) if executed.defences.any() => {
                Some(executed.defences.cost(training, training.steps / executed.iterations as f64))
            }
            (Demand::Serving(serving), _, Some(answering)) if answering.defences.any() => {
                Some(Cost { memory: answering.defences.memory(serving), ..Cost::default() })
            }
            _ => None,
        }
    }

    /// Share of its time that its defences take beside it on `machine`, where one of so many units together alone takes `unit`.
    #[must_use]
    pub fn overhead(&self, (unit, together): (Seconds, f64), machine: &Machine) -> Ratio {
        match (&self.demand, &self.executed, &self.answering) {
            (Demand::Training(training), Some(executed), _) => executed.overhead.unwrap_or_else(|| {
                let step = unit * training.tokens_per_step;
                self.defence_cost().map_or(Ratio::ZERO, |cost| cost.overhead(step, machine.bandwidth))
            }),
            (Demand::Serving(serving), _, Some(answering)) => answering.overhead.unwrap_or_else(|| {
                let watched = UnitTime::new(&answering.defences.phases(serving, together), machine).unbound();
                if answering.defences.any() { Ratio(watched / unit - 1.0) } else { Ratio::ZERO }
            }),
            _ => Ratio::ZERO,
        }
    }
}

/// Links of a satellite with a station's antenna.
fn radio_links(radio: &Radio, antenna: &Antenna) -> Result<Links, LinkError> {
    let down =
        RadioLinkParameters { receive_gain: antenna.gain, system_temperature: antenna.temperature, ..radio.down };
    let up = RadioLinkParameters { transmit_power: antenna.power, transmit_gain: antenna.transmit_gain, ..radio.up };
    Ok(Links::Radio { down: RadioLink::new(down)?, up: RadioLink::new(up)? })
}

/// The jobs with a copy for every site where a mission asks for one; sites that a job does not fit are left out.
fn copies(jobs: Vec<Job>, designs: &[Design], sites: &[Site]) -> Vec<Job> {
    let fits = |job: &Job, site: &Site| job.unfit(site.design as usize, &designs[site.design as usize]).is_none();
    let of = |(origin, job): (usize, Job)| -> Vec<(usize, Job)> {
        if !job.each {
            return vec![(origin, job)];
        }
        let fitting = sites.iter().enumerate().filter(|(_, site)| fits(&job, site));
        let copy = |(index, site): (usize, &Site)| Job {
            name: format!("{}@{}", job.name, site.name),
            site: Some(index as u32),
            ..job.clone()
        };
        fitting.map(copy).map(|copy| (origin, copy)).collect()
    };
    let all: Vec<(usize, Job)> = jobs.into_iter().enumerate().flat_map(of).collect();
    // What a copy continues from is the copy on its own site.
    let base = |job: &Job| {
        let of_base = |(origin, other): &(usize, Job)| {
            job.after.is_some_and(|after| after as usize == *origin) && (!other.each || other.site == job.site)
        };
        all.iter().position(of_base).map(|index| index as u32)
    };
    all.iter().map(|(_, job)| Job { after: base(job), ..job.clone() }).collect()
}

/// The network that is really trained, where the mission asks for one.
fn executed(work: &Work, mission: &Mission) -> Option<world::Executed> {
    let Work::Training(training) = work else { return None };
    let executed = training.executed.as_ref()?;
    let text = match (&executed.text, &executed.corpus) {
        (Some(file), _) => world::Text::File(file.value.clone()),
        (None, corpus) => {
            world::Text::Generated(corpus.as_ref().map_or(keys::CorpusKind::Telemetry, |kind| kind.value))
        }
    };
    Some(world::Executed {
        network: network(executed, mission)?,
        batch: *executed.batch as usize,
        iterations: *executed.iterations,
        learning_rate: executed.learning_rate.0,
        evaluate_interval: *executed.evaluate_interval,
        sample_tokens: *executed.sample_tokens as usize,
        text,
        defences: executed.defences.as_ref().map(|defences| switched(defences)).unwrap_or_default(),
        overhead: executed.defences.as_ref().and_then(|defences| Some(defences.overhead.as_ref()?.value)),
    })
}

fn switched(defences: &keys::Defences) -> Defences {
    let limit = |given: &Maybe<f64>| given.as_ref().map(|given| given.value);
    let guards = GuardConfig {
        finite: *defences.finite,
        loss_spike: limit(&defences.loss_spike),
        gradient_norm: limit(&defences.gradient_norm),
        shards: *defences.shards,
        ranges: limit(&defences.ranges),
        products: *defences.products,
        redundant: *defences.redundant,
    };
    Defences { guards, rollback: defences.rollback.as_ref().map(|every| every.value) }
}

fn network(executed: &keys::Executed, mission: &Mission) -> Option<world::Network> {
    let size = |given: &Maybe<u32>| given.as_ref().map(|given| given.value as usize);
    let job = |name: &Given<Name>| mission.jobs.iter().position(|job| *job.name == name.value);
    let from = match (&executed.from, &executed.checkpoint) {
        (Some(name), _) => Some(world::Trained::Job(job(name)? as u32)),
        (None, file) => file.as_ref().map(|file| world::Trained::File(file.value.clone())),
    };
    let Some(from) = from else {
        let sizes = world::Sizes {
            layers: size(&executed.layers)?,
            heads: size(&executed.heads)?,
            width: size(&executed.width)?,
            context: size(&executed.context)?,
        };
        return Some(world::Network::New { sizes, merges: executed.merges.as_ref().map(|file| file.value.clone()) });
    };
    let adapters = executed.adapter_rank.as_ref().map(|rank| world::Adapters {
        rank: rank.value as usize,
        alpha: executed.adapter_alpha.as_ref().map_or(f64::from(rank.value), |alpha| alpha.0),
    });
    Some(world::Network::Trained { from, adapters })
}

/// The network that really answers, where the mission asks for one.
fn answering(work: &Work, seed: u64) -> Option<world::Answering> {
    let Work::Serving(serving) = work else { return None };
    let executed = serving.executed.as_ref()?;
    let defences = executed.defences.as_ref();
    let watch = |defences: &Given<keys::ServingDefences>| ServingDefences {
        weights: *defences.weights,
        cache: *defences.cache,
        finite: *defences.finite,
        redundant: *defences.redundant,
        hold: *defences.hold,
    };
    Some(world::Answering {
        defences: defences.map(watch).unwrap_or_default(),
        overhead: defences.and_then(|defences| Some(defences.overhead.as_ref()?.value)),
        model: executed.model.as_ref().map(|folder| folder.value.clone()),
        prompts: executed.prompts.as_ref().map(|file| file.value.clone()),
        every: *executed.every,
        tokens: executed.tokens.as_ref().map_or(*serving.output_tokens, |tokens| tokens.value) as usize,
        weights: *executed.weights,
        temperature: *executed.temperature,
        top_k: *executed.top_k as usize,
        top_p: executed.top_p.0,
        seed: executed.seed.as_ref().map_or(seed, |seed| seed.value),
    })
}

/// The demand of a job, its share of the peak rate, and how many accelerators it runs on.
fn demand(work: &Work) -> (Demand, Ratio, u32) {
    match work {
        Work::Training(t) => {
            let sample = match (&t.sample_interval, &t.sample) {
                (Some(steps), Some(size)) => Some((steps.value as f64 * *t.tokens_per_step as f64, size.value)),
                _ => None,
            };
            let training = Training {
                parameters: *t.parameters as f64,
                layers: f64::from(*t.layers),
                width: f64::from(*t.width),
                context: *t.context as f64,
                tokens_per_step: *t.tokens_per_step as f64,
                steps: *t.steps as f64,
                checkpoint_interval: *t.checkpoint_interval,
                sample,
            };
            (Demand::Training(training), *t.utilisation, *t.accelerators)
        }
        Work::Serving(s) => {
            let serving = Serving {
                parameters: *s.parameters as f64,
                weight_bits: f64::from(*s.weight_bits),
                requests_per_day: *s.requests_per_day as f64,
                prompt_tokens: *s.prompt_tokens as f64,
                output_tokens: *s.output_tokens as f64,
                batch: f64::from(*s.batch),
                cache_per_token: *s.kv_bits_per_token,
                origin: match *s.origin {
                    keys::Origin::Ground => Origin::Ground,
                    keys::Origin::Onboard => Origin::Onboard,
                },
            };
            (Demand::Serving(serving), *s.utilisation, *s.accelerators)
        }
        Work::Imagery(i) => {
            let imagery = Imagery {
                images_per_day: *i.images_per_day as f64,
                daylight_only: *i.daylight_only,
                image: *i.image,
                pixels: *i.pixels as f64,
                work_per_pixel: *i.flop_per_pixel,
                result: *i.result,
                downlink_raw_share: *i.downlink_raw_share,
            };
            (Demand::Imagery(imagery), *i.utilisation, *i.accelerators)
        }
    }
}

/// Years over which a coating's catalog values go from begin to end of life.
///
/// **Source**: facts 6.6, Z-93 "0.15 BOL -> 0.36 EOL"; the flight lives behind such figures are 5 to 15 years (Silverman, NASA
/// CR-4661, 1995); 10 years is used.
const COATING_LIFE_YEARS: f64 = 10.0;

/// Solar absorptance at an age: linear from begin to end of life, then flat.
fn coating_at(fresh: Ratio, aged: Ratio, age: Seconds) -> Ratio {
    let share = (age.0 / (COATING_LIFE_YEARS * sunward_units::JULIAN_YEAR_S)).clamp(0.0, 1.0);
    fresh + (aged - fresh) * share
}

/// The place of a name: its own where the mission gives it, else its section.
fn at<S, T>(section: &Given<S>, given: &Maybe<T>) -> Given<()> {
    match given {
        Some(given) => Given { value: (), path: given.path.clone(), span: given.span.clone() },
        None => Given { value: (), path: section.path.clone(), span: section.span.clone() },
    }
}

fn recorded(mission: &Mission, sites: &[Site]) -> Vec<u32> {
    let wanted = &mission.record.sites;
    let all = 0..sites.len() as u32;
    if wanted.is_empty() {
        return all.take(RECORDED_MAX).collect();
    }
    all.filter(|&site| wanted.iter().any(|name| name.as_str() == sites[site as usize].name)).collect()
}
