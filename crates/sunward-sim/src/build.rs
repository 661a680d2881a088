//! A design's constants as the plant kernel takes them, and the state in which a site begins.

use sunward_mission::world::Design;
use sunward_plant::heat::STEFAN_BOLTZMANN;

use crate::plant::{Plant, State};

/// Emission of both faces of the array, W/K4.
pub(crate) fn array_emission(design: &Design) -> f64 {
    let array = &design.array;
    STEFAN_BOLTZMANN * array.area.0 * (array.emissivity_front.0 + array.emissivity_back.0)
}

/// The constants of one site.
#[must_use]
pub fn plant(design: &Design) -> Plant<f64> {
    let Design { array, battery, power, thermal, compute, supply, .. } = design;
    let supply = supply.as_ref();
    Plant {
        array_area: array.area.0,
        array_coefficient: array.temperature_coefficient.0,
        array_capacity: array.heat_capacity.0,
        array_emission: array_emission(design),
        array_degradation: array.degradation.0,
        supply: supply.map_or(0.0, |supply| supply.capacity.0),
        array_regulator: power.array_regulator.0,
        battery_regulator: power.battery_regulator.0,
        distribution: power.distribution.0,
        battery_charge: battery.charge_efficiency.0,
        battery_discharge: battery.discharge_efficiency.0,
        charge_max: battery.charge_rate_max.0 * battery.energy.0,
        discharge_max: battery.discharge_rate_max.0 * battery.energy.0,
        battery_energy: battery.energy.0,
        floor_share: 1.0 - battery.depth_of_discharge_max.0,
        calendar_fade: battery.calendar_fade.0,
        cycle_fade: battery.cycle_fade.0,
        charge_temperature_min: battery.charge_temperature_min.0,
        bus_load: power.bus_load.0,
        heater_power: power.heater_power.0,
        heater_setpoint: power.heater_setpoint.0,
        board_capacity: thermal.board_heat_capacity.0,
        bus_capacity: thermal.bus_heat_capacity.0,
        radiator_capacity: thermal.radiator_heat_capacity.0,
        board_to_bus: thermal.board_to_bus.0,
        board_to_radiator: thermal.board_to_radiator.0,
        bus_to_radiator: thermal.bus_to_radiator.0,
        radiator_emission: STEFAN_BOLTZMANN
            * thermal.emissivity.0
            * thermal.radiator_area.0
            * f64::from(thermal.radiator_faces),
        bus_emission: STEFAN_BOLTZMANN * thermal.bus_effective_emissivity.0 * thermal.bus_effective_area.0,
        coolant_conductance: supply.map_or(0.0, |supply| supply.coolant_conductance.0),
        coolant: supply.map_or(0.0, |supply| supply.coolant.0),
        throttle: compute.throttle_temperature.0,
        shutdown: compute.shutdown_temperature.0,
    }
}

/// The state at the start of a run.
#[must_use]
pub fn initial_state(design: &Design) -> State<f64> {
    let temperature = design.thermal.initial_temperature.0;
    let battery = &design.battery;
    State {
        chip: temperature,
        board: temperature,
        bus: temperature,
        radiator: temperature,
        array: temperature,
        stored: battery.energy.0 * battery.health.0 * battery.state_of_charge.0,
        health: battery.health.0,
        array_efficiency: design.array.efficiency.0,
        losses_pending: 0.0,
    }
}

/// The state of a new unit that takes over from another.
#[must_use]
pub fn new_state(design: &Design) -> State<f64> {
    let battery = &design.battery;
    State {
        stored: battery.energy.0 * battery.state_of_charge.0,
        health: 1.0,
        array_efficiency: design.array.efficiency_new.0,
        ..initial_state(design)
    }
}
