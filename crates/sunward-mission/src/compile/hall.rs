//! A hall on the ground as a [`Design`]: no cells, no radiating area, no transmitter; a supply, a coolant and a fibre.
//!
//! What the catalog says of a hall per accelerator or per watt is brought to the size of this one.

use sunward_astro::frames::Geodetic;
use sunward_astro::station::Station as Mast;
use sunward_astro::time::Span;
use sunward_catalog::platform::{Pointing, RadiatorOrientation};
use sunward_catalog::{Hall, KilogramsPerJoule, Valued};
use sunward_units::{
    Bits, Joules, JoulesPerKelvin, Kelvin, Kilograms, Meters, PerKelvin, PerSecond, Quantity, Radians, Ratio,
    SquareMeters, UsdPerJoule, Watts, WattsPerKelvin, text_in,
};

use super::{Compiler, at};
use crate::Mission;
use crate::form::Given;
use crate::keys::{self, Ground};
use crate::world::{Array, Battery, Compute, Design, Links, Power, Station, Supply, Thermal};

/// Where a hall stands.
pub(super) fn place(ground: &Ground) -> Geodetic {
    Geodetic { latitude: *ground.latitude, longitude: *ground.longitude, height: Meters::ZERO }
}

/// One end of a fibre for each hall of the mission, in the order of the sites, as stations to which only that design has a link.
pub(super) fn fibre_ends(mission: &Mission) -> Vec<Station> {
    let halls = mission.sites.iter().enumerate().filter_map(|(index, site)| Some((index, site, site.ground.as_ref()?)));
    let end = |(design, site, ground): (usize, &Given<keys::Site>, &Given<Ground>)| Station {
        name: format!("{} (fibre)", *site.name),
        mast: Mast::new(place(ground), Radians::ZERO).expect("a place on the ground within its ranges"),
        antennas: site.satellites(),
        fibre_of: Some(design as u32),
    };
    halls.map(end).collect()
}

/// A hall's own fibre.
pub(super) fn fibre(site: &keys::Site) -> Links {
    site.ground.as_ref().map_or(Links::None, |ground| Links::Fibre(*ground.bandwidth))
}

/// What stands in for keys of the host in a hall; nothing on a satellite.
pub(super) struct Host {
    pub(super) power: Option<Valued<Watts>>,
    pub(super) idle: Option<Valued<Watts>>,
    pub(super) storage: Option<Valued<Bits>>,
}

impl Host {
    /// Beside `count` accelerators of `full` power together.
    pub(super) fn new(hall: Option<&Hall>, full: Watts, count: u32) -> Self {
        let share = |of: &Valued<Ratio>| sized(of, "kW", &format!("of {full}"), |share| full * share.0);
        Self {
            power: hall.map(|hall| share(&hall.host_share)),
            idle: hall.map(|hall| share(&hall.host_idle_share)),
            storage: hall.map(|hall| {
                sized(&hall.storage, "TB", &format!("for each of {count} accelerators"), |one| one * f64::from(count))
            }),
        }
    }
}

/// A catalog's value brought to a size, told in `unit`.
fn sized<A: Quantity, Q: Quantity>(from: &Valued<A>, unit: &str, of: &str, scale: impl Fn(A) -> Q) -> Valued<Q> {
    let ends = [scale(from.low), scale(from.high)];
    let (low, high) = if ends[0] <= ends[1] { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let value = scale(from.value);
    Valued {
        value,
        low,
        high,
        text: text_in(value, unit).unwrap_or_else(|| value.to_string()),
        source: from.source.clone(),
        date: from.date.clone(),
        kind: from.kind,
        reason: format!("{} {of}: {}", from.text, from.reason),
    }
}

impl Compiler<'_> {
    /// The design of a hall.
    pub(super) fn hall(
        &mut self,
        site: &Given<keys::Site>,
        ground: &Given<Ground>,
        mission: &Mission,
        duration: Span,
    ) -> Option<Design> {
        let hall = self.catalog.default_hall();
        let hall = self.found(None::<&Given<()>>, hall)?;
        let compute = self.compute(site, None, Some(hall))?;
        let computers = compute.power * f64::from(compute.count) + compute.host_power;
        let coolant = self.value(ground, "coolant_temperature", &ground.coolant_temperature, Some(&hall.coolant));
        let supply = self.supply(ground, hall, mission, computers, coolant)?;
        let section = &site.power;
        let battery_regulator = self.value(
            section,
            "battery_regulator_efficiency",
            &section.battery_regulator_efficiency,
            Some(&hall.battery_regulator),
        );
        // What lights and guards a hall belongs to its overhead.
        let bus_load = section.bus_load.as_ref().map_or(Watts::ZERO, |given| given.value);
        let thermal = self.hall_thermal(site, hall, &compute, coolant);
        Some(Design {
            cost: None,
            array: no_array(),
            battery: self.hall_battery(site, hall, computers, duration)?,
            power: Power {
                array_regulator: Ratio(1.0 / supply.overhead.0),
                battery_regulator,
                distribution: Ratio(1.0),
                bus_load,
                heater_power: Watts::ZERO,
                heater_setpoint: Kelvin::ZERO,
            },
            supply: Some(supply),
            thermal,
            shielding: Meters::ZERO,
            compute,
            dry_mass: Kilograms::ZERO,
            transmitter_draw: Watts::ZERO,
            transmit_power: Watts::ZERO,
        })
    }

    fn supply(
        &mut self,
        ground: &Given<Ground>,
        hall: &Hall,
        mission: &Mission,
        computers: Watts,
        coolant: Kelvin,
    ) -> Option<Supply> {
        let facility = match &ground.facility {
            Some(name) => Some(self.found(Some(name), self.catalog.facility(name.as_str()))?),
            None => None,
        };
        let overhead = self.value(
            ground,
            "power_usage_effectiveness",
            &ground.power_usage_effectiveness,
            facility.map(|facility| &facility.power_usage_effectiveness),
        );
        let water_usage =
            self.value(ground, "water_usage", &ground.water_usage, facility.map(|facility| &facility.water_usage));
        let rise = self.part(&format!("{}.hall.loop_rise", ground.path), &hall.loop_rise);
        let costs = self.found(None::<&Given<()>>, self.catalog.cost_defaults())?;
        let water_price = self.value(ground, "water_price", &ground.water_price, Some(&costs.water_price));
        self.given_quantity(&ground.power.path, *ground.power);
        let (energy_price, carbon, plant_price) = self.energy(ground, mission)?;
        Some(Supply {
            capacity: *ground.power,
            overhead,
            water_usage,
            coolant_conductance: WattsPerKelvin(computers.0 * overhead.0 / rise.0),
            coolant,
            energy_price,
            carbon,
            plant_price,
            water_price,
        })
    }

    /// Price and carbon of a unit of energy at the meter, and the price of a plant on site.
    fn energy(
        &mut self,
        ground: &Given<Ground>,
        mission: &Mission,
    ) -> Option<(Option<UsdPerJoule>, KilogramsPerJoule, Option<sunward_catalog::UsdPerWatt>)> {
        let path = |key: &str| format!("{}.{key}", ground.path);
        let grid = match (&ground.grid, &ground.fuel) {
            (Some(name), _) => Some(self.found(Some(name), self.catalog.grid(name.as_str()))?),
            (None, None) => Some(self.found(None::<&Given<()>>, self.catalog.grid("us-average"))?),
            (None, Some(_)) => None,
        };
        if let Some(name) = &ground.fuel {
            let fuel = self.found(Some(name), self.catalog.fuel(name.as_str()))?;
            let price = self.value(ground, "fuel_price", &ground.fuel_price, Some(&fuel.price));
            let efficiency = self.part(&path("fuel.efficiency"), &fuel.efficiency);
            let burnt = self.part(&path("fuel.carbon"), &fuel.carbon);
            let plant = self.part(&path("fuel.plant_price"), &fuel.plant_price);
            let carbon = match grid {
                Some(grid) => self.part(&path("grid.carbon"), &grid.carbon),
                None => KilogramsPerJoule(burnt.0 / efficiency.0),
            };
            return Some((Some(UsdPerJoule(price.0 / efficiency.0)), carbon, Some(plant)));
        }
        let carbon = self.part(&path("grid.carbon"), &grid?.carbon);
        let tariff = match &ground.tariff {
            Some(name) => Some(self.found(Some(name), self.catalog.tariff(name.as_str()))?),
            None => None,
        };
        let priced = ground.electricity_price.is_some() || tariff.is_some() || mission.cost.is_some();
        let price = priced.then(|| {
            self.value(ground, "electricity_price", &ground.electricity_price, tariff.map(|tariff| &tariff.price))
        });
        Some((price, carbon, None))
    }

    fn hall_battery(
        &mut self,
        site: &Given<keys::Site>,
        hall: &Hall,
        computers: Watts,
        duration: Span,
    ) -> Option<Battery> {
        let section = &site.battery;
        let name = self.name(section, "cell", &section.cell, Some(&hall.battery_cell))?;
        let energy = sized(&hall.battery_time, "kWh", &format!("at {computers}"), |time| computers * time);
        let energy: Joules = self.value(section, "energy", &section.energy, Some(&energy));
        let or = |given: &Option<Given<Ratio>>, otherwise: f64| given.as_ref().map_or(Ratio(otherwise), |g| g.value);
        let use_of = super::BatteryUse {
            energy,
            depth: or(&section.depth_of_discharge_max, 1.0),
            state_of_charge: or(&section.state_of_charge, 1.0),
            cycles: or(&section.cycles, 0.0),
        };
        let asked = at(section, &section.cell);
        self.battery_of(site, &asked, &name, use_of, duration)
    }

    fn hall_thermal(&mut self, site: &Given<keys::Site>, hall: &Hall, compute: &Compute, coolant: Kelvin) -> Thermal {
        let section = &site.thermal;
        let full = compute.power * f64::from(compute.count);
        let chips = compute.chip_heat_capacity * f64::from(compute.count);
        let capacity = |of: &Valued<Ratio>| {
            sized(of, "MJ/K", &format!("times {chips} of chips"), |ratio| JoulesPerKelvin(chips.0 * ratio.0))
        };
        let conducts = |rise: &Valued<Kelvin>, heat: Watts| {
            sized(rise, "kW/K", &format!("at {heat}"), |rise| WattsPerKelvin(heat.0 / rise.0))
        };
        let (board, loop_, air) = (
            capacity(&hall.board_capacity_ratio),
            capacity(&hall.loop_capacity_ratio),
            capacity(&hall.air_capacity_ratio),
        );
        let to_loop = conducts(&hall.board_rise, full + compute.host_power);
        let to_air = conducts(&hall.air_rise, (full + compute.host_power) * hall.air_share.value.0);
        let given =
            |key: &Option<Given<WattsPerKelvin>>| key.as_ref().map_or(WattsPerKelvin::ZERO, |given| given.value);
        Thermal {
            radiator_area: SquareMeters::ZERO,
            radiator_faces: 1,
            radiator_orientation: RadiatorOrientation::Zenith,
            emissivity: Ratio::ZERO,
            absorptance: Ratio::ZERO,
            board_heat_capacity: self.value(section, "board_heat_capacity", &section.board_heat_capacity, Some(&board)),
            bus_heat_capacity: self.value(section, "bus_heat_capacity", &section.bus_heat_capacity, Some(&air)),
            radiator_heat_capacity: self.value(
                section,
                "radiator_heat_capacity",
                &section.radiator_heat_capacity,
                Some(&loop_),
            ),
            board_to_radiator: self.value(section, "board_to_radiator", &section.board_to_radiator, Some(&to_loop)),
            board_to_bus: given(&section.board_to_bus),
            bus_to_radiator: self.value(section, "bus_to_radiator", &section.bus_to_radiator, Some(&to_air)),
            bus_effective_area: SquareMeters::ZERO,
            bus_effective_emissivity: Ratio::ZERO,
            initial_temperature: section.initial_temperature.as_ref().map_or(coolant, |given| given.value),
        }
    }
}

/// No cells at all; the heat capacity keeps their temperature defined.
fn no_array() -> Array {
    Array {
        area: SquareMeters::ZERO,
        rated_power: Watts::ZERO,
        efficiency_new: Ratio::ZERO,
        pointing: Pointing::Zenith,
        pointing_error: Radians::ZERO,
        efficiency: Ratio::ZERO,
        temperature_coefficient: PerKelvin::ZERO,
        degradation: PerSecond::ZERO,
        absorptance: Ratio::ZERO,
        emissivity_front: Ratio::ZERO,
        emissivity_back: Ratio::ZERO,
        heat_capacity: JoulesPerKelvin(1.0),
    }
}
