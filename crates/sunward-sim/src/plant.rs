//! One coupled step of a site's plant: light to power, power to heat, heat to clock, clock to work rate, and what wears.
//!
//! Written once over [`Real`]: `f64` is the readable oracle, [`Lanes`] flies eight sites at a time with the same bits.
//!
//! The chain within a step is: what the array can give at its present temperature; what the essential loads take; what is left
//! for the accelerators, above the battery's floor and under the scheduler's cap; what the governor leaves of it so that the chip
//! ends the step at or below its throttle temperature; the clock and the work rate that this power buys; what flows into or
//! out of the battery; the temperatures that follow. Conversion losses of a step warm the bus in the next one: energy is kept
//! exactly, a step late.
//!
//! **Not modelled**: sunlight absorbed through the bus's insulation; chips that are not in use (they are cut off, at the
//! temperature of those in use).

use sunward_plant::accelerator::PowerCurve;
use sunward_plant::heat::{self, HeatInput, HeatNetwork, Temperatures};
use sunward_plant::power::{PowerNetwork, Store, array_output};
use sunward_units::lanes::{Lanes, Real};

/// Declares structs of lanes with a `gather` of scalars into a block and a `lane` out of it.
macro_rules! lanes_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<T> { $($(#[$field_doc])* pub $field: T,)+ }

        impl $name<Lanes> {
            /// Puts one site's values into a lane.
            #[inline]
            pub fn put(&mut self, lane: usize, from: &$name<f64>) { $(self.$field.0[lane] = from.$field;)+ }
            /// One site's values.
            #[inline]
            #[must_use]
            pub fn get(&self, lane: usize) -> $name<f64> { $name { $($field: self.$field.0[lane],)+ } }
            /// The same values in every lane.
            #[must_use]
            pub fn fill(from: &$name<f64>) -> Self { Self { $($field: Lanes::splat(from.$field),)+ } }
        }
    };
}

lanes_struct! {
    /// Constants of a site, SI.
    Plant {
        /// Area of the cells, m2.
        array_area,
        /// Relative change of efficiency per kelvin.
        array_coefficient,
        /// Heat capacity of the array, J/K.
        array_capacity,
        /// Emission of both faces, W/K4.
        array_emission,
        /// Share of the array's output lost per second.
        array_degradation,
        /// Power that a grid or a plant on site can give, W; 0 in space.
        supply,
        /// Efficiency from array or supply to the bus.
        array_regulator,
        /// Battery regulator efficiency, each way.
        battery_regulator,
        /// Distribution efficiency.
        distribution,
        /// Stored over accepted.
        battery_charge,
        /// Delivered over taken out.
        battery_discharge,
        /// Greatest power accepted, W.
        charge_max,
        /// Greatest power delivered, W.
        discharge_max,
        /// Energy when new, J.
        battery_energy,
        /// Stored share below which only essential loads draw.
        floor_share,
        /// Capacity share lost per second at rest.
        calendar_fade,
        /// Capacity share lost per equivalent full cycle.
        cycle_fade,
        /// Bus temperature below which the battery takes no charge, K.
        charge_temperature_min,
        /// Essential load, W.
        bus_load,
        /// Heater, W.
        heater_power,
        /// Bus temperature below which it is on, K.
        heater_setpoint,
        /// Board and cold plate, J/K.
        board_capacity,
        /// Bus, J/K.
        bus_capacity,
        /// Radiator, J/K.
        radiator_capacity,
        /// Board to bus, W/K.
        board_to_bus,
        /// Board to radiator, W/K.
        board_to_radiator,
        /// Bus to radiator, W/K.
        bus_to_radiator,
        /// Radiator emission, W/K4.
        radiator_emission,
        /// Bus emission, W/K4.
        bus_emission,
        /// Conductance from the radiator to the coolant of a hall, W/K; 0 in space.
        coolant_conductance,
        /// Temperature of that coolant, K.
        coolant,
        /// Chip temperature the governor holds, K.
        throttle,
        /// Chip temperature at which the part switches off, K.
        shutdown,
    }
}

lanes_struct! {
    /// What changes.
    State {
        /// Chip, K.
        chip,
        /// Board, K.
        board,
        /// Bus, K.
        bus,
        /// Radiator, K.
        radiator,
        /// Array, K.
        array,
        /// Stored energy, J.
        stored,
        /// Capacity over capacity when new.
        health,
        /// Array efficiency at 28 degC, ageing included.
        array_efficiency,
        /// Conversion losses not yet turned into heat, W over the coming step.
        losses_pending,
    }
}

lanes_struct! {
    /// What shines on a site during a step.
    Sky {
        /// Irradiance on the cells, W/m2.
        array_irradiance,
        /// Heat flux absorbed by the array before any power is drawn, W.
        array_absorbed,
        /// Heat flux absorbed by the radiator, W.
        radiator_absorbed,
    }
}

lanes_struct! {
    /// What the site is told to do during a step.
    Command {
        /// 1 where a job is to run, else 0.
        run,
        /// Power the scheduler allows the accelerators, W.
        power_cap,
        /// Host while a job runs, W.
        host_active,
        /// Host while none does, W.
        host_idle,
        /// Drawn by the transmitter, W.
        transmitter_draw,
        /// Of which leaves as radio waves, W.
        transmitter_radiated,
        /// Heat capacity of the chips in use, J/K.
        chip_capacity,
        /// Conductance from the chips in use to their boards, W/K.
        chip_to_board,
        /// Idle power of the accelerators at work, W.
        idle,
        /// Their full power, W.
        full,
        /// Voltage floor.
        voltage_floor,
        /// Clock floor.
        clock_floor,
        /// Memory's share of dynamic power.
        memory_share,
        /// How busy compute is.
        compute_activity,
        /// How busy memory is.
        memory_activity,
    }
}

lanes_struct! {
    /// What came of a step; powers are means over it, W.
    Flow {
        /// What array and supply could give.
        array_available,
        /// What was drawn from them.
        array_used,
        /// Delivered to all loads.
        load,
        /// Of which to accelerators.
        accelerator,
        /// Of which to their host.
        host,
        /// Essential load that could not be fed.
        shed,
        /// Losses of conversion and storage.
        losses,
        /// Rate of change of stored energy.
        stored,
        /// Energy moved through the store.
        throughput,
        /// Heat absorbed from Sun and Earth by the radiator.
        absorbed,
        /// Heat radiated by radiator and bus.
        radiated,
        /// 1 where a job ran.
        ran,
        /// Clock over boost clock while the part works; 0 where no job ran.
        clock,
        /// Share of the step in which it works; below 1 only where even the lowest clock needs more power than was granted.
        duty,
        /// Power the load would draw unbound, W.
        wanted,
        /// Power bus and scheduler granted, W.
        granted,
        /// Energy balance: zero but for rounding, W.
        energy_residual,
        /// Heat balance: zero but for the solver's tolerance, W.
        heat_residual,
        /// Sum of the magnitudes of which the heat residual is the difference, W.
        heat_magnitude,
    }
}

impl<T: Real> Plant<T> {
    fn power_network(&self, state: &State<T>) -> PowerNetwork<T> {
        PowerNetwork {
            array_regulator: self.array_regulator,
            battery_regulator: self.battery_regulator,
            distribution: self.distribution,
            battery_charge: self.battery_charge,
            battery_discharge: self.battery_discharge,
            charge_max: state.bus.if_less(self.charge_temperature_min, T::splat(0.0), self.charge_max),
            discharge_max: self.discharge_max,
        }
    }

    fn store(&self, state: &State<T>) -> Store<T> {
        let capacity = self.battery_energy * state.health;
        Store { energy: state.stored, capacity, floor: capacity * self.floor_share }
    }

    fn heat_network(&self, chip_capacity: T, chip_to_board: T) -> HeatNetwork<T> {
        HeatNetwork {
            chip_capacity,
            board_capacity: self.board_capacity,
            bus_capacity: self.bus_capacity,
            radiator_capacity: self.radiator_capacity,
            chip_to_board,
            board_to_bus: self.board_to_bus,
            board_to_radiator: self.board_to_radiator,
            bus_to_radiator: self.bus_to_radiator,
            radiator_emission: self.radiator_emission,
            bus_emission: self.bus_emission,
            coolant_conductance: self.coolant_conductance,
            coolant: self.coolant,
        }
    }
}

impl<T: Real> Command<T> {
    fn curve(&self) -> PowerCurve<T> {
        PowerCurve {
            idle: self.idle,
            full: self.full,
            voltage_floor: self.voltage_floor,
            clock_floor: self.clock_floor,
            memory_share: self.memory_share,
            compute_activity: self.compute_activity,
            memory_activity: self.memory_activity,
        }
    }

    /// (clock, duty) that `power` buys. Below the power of the lowest clock the part works at that clock part of the time and idles
    /// the rest, so that work falls linearly to none at idle power.
    fn work(&self, curve: &PowerCurve<T>, power: T) -> (T, T) {
        let one = T::splat(1.0);
        let floor = curve.power_floor();
        let clock = curve.clock(power).max(self.clock_floor);
        let duty = ((power - self.idle) / (floor - self.idle)).clamp_to(T::splat(0.0), one);
        let unbound = curve.power_unbound();
        (power.if_less(unbound, clock, one), power.if_less(floor, duty, one))
    }
}

/// Advances a site, or eight, by `dt_s` seconds.
#[inline(always)]
#[must_use]
pub fn step<T: Real>(
    plant: &Plant<T>,
    state: &State<T>,
    sky: &Sky<T>,
    command: &Command<T>,
    dt_s: f64,
) -> (State<T>, Flow<T>) {
    let (zero, one) = (T::splat(0.0), T::splat(1.0));
    let network = plant.power_network(state);
    let store = plant.store(state);
    let from_sun = array_output(
        sky.array_irradiance,
        plant.array_area,
        state.array_efficiency,
        plant.array_coefficient,
        state.array,
    );
    let array_available = from_sun + plant.supply;

    let heater = state.bus.if_less(plant.heater_setpoint, plant.heater_power, zero);
    let essential = plant.bus_load + heater + command.transmitter_draw;
    let reach = network.reach(array_available, &store, dt_s);
    let fed = (reach / essential.max(T::splat(f64::MIN_POSITIVE))).min(one);
    let essential_fed = essential * fed;
    let grant = network.grant(array_available, &store, essential, dt_s);

    let curve = command.curve();
    let wanted = curve.power_unbound();
    let allowed = (grant - command.host_active).min(command.power_cap);
    let cool = state.chip.if_less(plant.shutdown, one, zero);
    let able = command.idle.if_less(allowed, one, zero);
    let ran = command.run * cool * able;
    let host = ran.if_less(T::splat(0.5), command.host_idle.min(grant), command.host_active);
    let granted = ran * allowed.min(wanted);

    let network_heat = plant.heat_network(command.chip_capacity, command.chip_to_board);
    let bus_heat = essential_fed - command.transmitter_radiated * fed + state.losses_pending;
    let input = HeatInput {
        board: host,
        bus: bus_heat,
        radiator: sky.radiator_absorbed,
        chip_granted: granted,
        chip_minimum: ran * command.idle,
        chip_limit: plant.throttle,
    };
    let from = Temperatures { chip: state.chip, board: state.board, bus: state.bus, radiator: state.radiator };
    let warmed = heat::advance(&network_heat, &from, &input, dt_s);
    let chip_power = warmed.chip_power;

    let load = essential_fed + host + chip_power;
    let settled = network.settle(array_available, &store, load, dt_s);
    let (clock, duty) = command.work(&curve, chip_power);

    let health = state.health
        - settled.throughput * dt_s / (plant.battery_energy * 2.0) * plant.cycle_fade
        - plant.calendar_fade * dt_s;
    let health = health.positive();
    let held = state.stored + settled.stored * dt_s;
    let stored = held.min(plant.battery_energy * health).positive();
    let lost_with_capacity = (held - stored) / dt_s;
    // The Sun is used before the supply; what is drawn from the array leaves it cooler.
    let converted =
        plant.supply.if_less(T::splat(f64::MIN_POSITIVE), settled.array_used, settled.array_used.min(from_sun));
    let array = heat::advance_panel(
        plant.array_capacity,
        plant.array_emission,
        state.array,
        sky.array_absorbed - converted,
        dt_s,
    );

    let next = State {
        chip: warmed.temperatures.chip,
        board: warmed.temperatures.board,
        bus: warmed.temperatures.bus,
        radiator: warmed.temperatures.radiator,
        array,
        stored,
        health,
        array_efficiency: state.array_efficiency * (one - plant.array_degradation * dt_s),
        losses_pending: settled.losses + lost_with_capacity,
    };
    let flow = Flow {
        array_available,
        array_used: settled.array_used,
        load,
        accelerator: chip_power,
        host,
        shed: essential - essential_fed,
        losses: settled.losses + lost_with_capacity,
        stored: (stored - state.stored) / dt_s,
        throughput: settled.throughput,
        absorbed: sky.radiator_absorbed,
        radiated: warmed.radiated,
        ran,
        clock: clock * ran,
        duty: duty * ran,
        wanted,
        granted,
        energy_residual: settled.array_used
            - load
            - settled.losses
            - lost_with_capacity
            - (stored - state.stored) / dt_s
            + settled.unserved,
        heat_residual: warmed.residual,
        heat_magnitude: warmed.magnitude,
    };
    (next, flow)
}
