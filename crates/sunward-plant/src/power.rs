//! Array, regulators, battery and loads of a site: what can be drawn, what is stored, what is lost.
//!
//! ```text
//!   array --regulator--> bus --distribution--> loads
//!                         |
//!                 battery regulator <--> battery
//! ```
//!
//! Every watt is accounted for: `drawn from the array + out of the battery = loads + losses + into the battery`. What the
//! array could give and nobody takes is not drawn; it stays in the panel as heat.
//!
//! **Not modelled**: voltages and currents, battery self-discharge, dependence of the battery's resistance on temperature and rate.

use sunward_units::lanes::Real;

/// Temperature at which solar cells are rated, K (28 degC, AIAA S-111).
pub const CELL_REFERENCE_K: f64 = 301.15;

/// Electrical constants of a site, SI; one value per lane.
#[derive(Debug, Clone, Copy)]
pub struct PowerNetwork<T> {
    /// Array regulator efficiency.
    pub array_regulator: T,
    /// Battery regulator efficiency, each way.
    pub battery_regulator: T,
    /// Efficiency of distribution to the loads.
    pub distribution: T,
    /// Battery charge efficiency: stored over accepted.
    pub battery_charge: T,
    /// Battery discharge efficiency: delivered over taken from store.
    pub battery_discharge: T,
    /// Greatest power the battery accepts at its terminals, W.
    pub charge_max: T,
    /// Greatest power the battery delivers at its terminals, W.
    pub discharge_max: T,
}

/// The battery at the start of a step.
#[derive(Debug, Clone, Copy)]
pub struct Store<T> {
    /// Stored energy, J.
    pub energy: T,
    /// Energy it can hold now, J.
    pub capacity: T,
    /// Energy below which only essential loads may draw, J.
    pub floor: T,
}

/// Cells' electrical output at the maximum-power point, W.
///
/// `P = G A eta (1 + k (T - 301.15 K))`, never below zero.
/// `irradiance` W/m2 normal to the cells, `area` m2, `efficiency` at 28 degC now, `coefficient` 1/K, `temperature` K.
#[inline(always)]
#[must_use]
pub fn array_output<T: Real>(irradiance: T, area: T, efficiency: T, coefficient: T, temperature: T) -> T {
    (irradiance * area * efficiency * (coefficient * (temperature - CELL_REFERENCE_K) + 1.0)).positive()
}

impl<T: Real> PowerNetwork<T> {
    /// Greatest power the battery can put on the bus for `dt_s` seconds without going below `floor` joules, W.
    #[inline(always)]
    fn discharge_limit(&self, store: &Store<T>, floor: T, dt_s: f64) -> T {
        let by_energy = (store.energy - floor).positive() * self.battery_discharge / dt_s;
        self.discharge_max.min(by_energy) * self.battery_regulator
    }

    /// Greatest load the site can feed for `dt_s` seconds, draining the battery if it must, W.
    #[inline(always)]
    #[must_use]
    pub fn reach(&self, array_available: T, store: &Store<T>, dt_s: f64) -> T {
        let bus = array_available * self.array_regulator + self.discharge_limit(store, T::splat(0.0), dt_s);
        bus * self.distribution
    }

    /// Power left for the accelerators at their terminals, W, once the essential loads are fed: array first, then the
    /// battery down to its floor. A battery below its floor is charged before anything is left.
    #[inline(always)]
    #[must_use]
    pub fn grant(&self, array_available: T, store: &Store<T>, essential: T, dt_s: f64) -> T {
        let missing = (store.floor - store.energy).positive() / (self.battery_charge * dt_s);
        let charge = missing.min(self.charge_max) / self.battery_regulator;
        let bus = array_available * self.array_regulator + self.discharge_limit(store, store.floor, dt_s) - charge;
        (bus * self.distribution - essential).positive()
    }

    /// Feeds `load` W at the loads' terminals for `dt_s` seconds.
    #[inline(always)]
    #[must_use]
    pub fn settle(&self, array_available: T, store: &Store<T>, load: T, dt_s: f64) -> PowerStep<T> {
        let zero = T::splat(0.0);
        let wanted = load / self.distribution;
        let array_bus = array_available * self.array_regulator;
        let surplus = (array_bus - wanted).positive();
        let room = (store.capacity - store.energy).positive() / (self.battery_charge * dt_s);
        let charge_terminal = (surplus * self.battery_regulator).min(self.charge_max).min(room);
        let charge_bus = charge_terminal / self.battery_regulator;

        let shortage = (wanted - array_bus).positive();
        let discharge_bus = shortage.min(self.discharge_limit(store, zero, dt_s));
        let discharge_terminal = discharge_bus / self.battery_regulator;
        let unserved = (shortage - discharge_bus) * self.distribution;

        let into_store = charge_terminal * self.battery_charge;
        let out_of_store = discharge_terminal / self.battery_discharge;
        let array_used = (wanted - shortage + charge_bus) / self.array_regulator;
        let served = load - unserved;
        let stored = into_store - out_of_store;
        PowerStep {
            array_used,
            served,
            unserved,
            stored,
            throughput: into_store + out_of_store,
            losses: array_used * (T::splat(1.0) - self.array_regulator)
                + (wanted - unserved / self.distribution) * (T::splat(1.0) - self.distribution)
                + charge_bus * (T::splat(1.0) - self.battery_regulator)
                + charge_terminal * (T::splat(1.0) - self.battery_charge)
                + discharge_terminal * (T::splat(1.0) - self.battery_regulator)
                + out_of_store * (T::splat(1.0) - self.battery_discharge),
        }
    }
}

/// Mean powers over a step, W.
#[derive(Debug, Clone, Copy)]
pub struct PowerStep<T> {
    /// Drawn from the array.
    pub array_used: T,
    /// Delivered to the loads.
    pub served: T,
    /// Asked for and not delivered: array and battery together could not.
    pub unserved: T,
    /// Rate of change of the stored energy.
    pub stored: T,
    /// Energy moved into and out of the store per second: what wears it.
    pub throughput: T,
    /// Turned into heat in regulators, distribution and battery.
    pub losses: T,
}

impl<T: Real> PowerStep<T> {
    /// Drawn less served, lost and stored: zero but for rounding.
    #[inline(always)]
    #[must_use]
    pub fn residual(&self) -> T {
        self.array_used - self.served - self.losses - self.stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: PowerNetwork<f64> = PowerNetwork {
        array_regulator: 0.95,
        battery_regulator: 0.96,
        distribution: 0.98,
        battery_charge: 0.97,
        battery_discharge: 0.97,
        charge_max: 400.0,
        discharge_max: 800.0,
    };

    fn store(energy: f64) -> Store<f64> {
        Store { energy, capacity: 3.6e6, floor: 2.16e6 }
    }

    /// facts 8: cote's panel, 0.01811 m2 at 28.508 %, gives 7.03 W at 1361 W/m2.
    #[test]
    fn array_output_matches_the_cote_panel() {
        let watts = array_output(1361.0, 0.01811, 0.28508, -0.002, CELL_REFERENCE_K);
        assert!((watts - 7.03).abs() < 0.005, "{watts}");
    }

    #[test]
    fn hot_cells_give_less_and_none_gives_negative_power() {
        assert!(array_output(1361.0, 1.0, 0.3, -0.002, 350.0) < array_output(1361.0, 1.0, 0.3, -0.002, 300.0));
        assert_eq!(array_output(1361.0, 1.0, 0.3, -0.002, 2000.0), 0.0);
    }

    #[test]
    fn every_watt_is_accounted_for() {
        for array in [0.0, 50.0, 200.0, 700.0, 2000.0] {
            for load in [0.0, 80.0, 350.0, 900.0, 5000.0] {
                for energy in [0.0, 1.0e3, 2.2e6, 3.5999e6, 3.6e6] {
                    let step = NETWORK.settle(array, &store(energy), load, 30.0);
                    assert!(step.residual().abs() < 1e-9, "array {array}, load {load}, store {energy}: {step:?}");
                    let after = energy + step.stored * 30.0;
                    assert!((-1e-6..=3.6e6 + 1e-6).contains(&after));
                    assert!(step.array_used <= array + 1e-9 && step.losses >= -1e-12);
                    assert!((step.served + step.unserved - load).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn what_is_granted_can_be_served_and_leaves_the_floor() {
        for array in [0.0, 100.0, 500.0] {
            for energy in [2.16e6, 2.17e6, 3.0e6] {
                let grant = NETWORK.grant(array, &store(energy), 60.0, 60.0);
                let step = NETWORK.settle(array, &store(energy), 60.0 + grant, 60.0);
                if grant > 0.0 {
                    assert!(step.unserved < 1e-9);
                    assert!(energy + step.stored * 60.0 >= 2.16e6 - 1e-6, "below the floor");
                }
            }
        }
    }

    #[test]
    fn reach_is_the_greatest_load_served() {
        for (array, energy) in [(0.0, 1e3), (120.0, 0.0), (300.0, 3.0e6)] {
            let reach = NETWORK.reach(array, &store(energy), 30.0);
            assert!(NETWORK.settle(array, &store(energy), reach, 30.0).unserved < 1e-9);
            assert!(NETWORK.settle(array, &store(energy), reach + 1.0, 30.0).unserved > 0.99);
        }
    }

    #[test]
    fn a_battery_at_its_floor_and_a_dark_array_grant_nothing_but_still_feed_the_bus() {
        assert_eq!(NETWORK.grant(0.0, &store(2.16e6), 60.0, 60.0), 0.0);
        assert_eq!(NETWORK.settle(0.0, &store(2.16e6), 60.0, 60.0).unserved, 0.0);
        assert!(NETWORK.settle(0.0, &store(0.0), 60.0, 60.0).unserved > 59.99);
    }

    #[test]
    fn a_battery_below_its_floor_is_charged_before_the_accelerators_draw() {
        let low = store(2.15e6);
        let grant = NETWORK.grant(500.0, &low, 60.0, 60.0);
        assert!(grant < NETWORK.grant(500.0, &store(2.16e6), 60.0, 60.0));
        assert!(NETWORK.settle(500.0, &low, 60.0 + grant, 60.0).stored > 0.0);
        assert_eq!(NETWORK.grant(70.0, &low, 60.0, 60.0), 0.0, "all of a weak array goes into the battery");
    }

    #[test]
    fn a_round_trip_through_the_battery_costs_what_its_efficiencies_say() {
        let charged = NETWORK.settle(300.0, &store(2.5e6), 0.0, 60.0);
        let drawn = NETWORK.settle(0.0, &store(3.0e6), 100.0, 60.0);
        let stored_per_bus = charged.stored / (charged.array_used * 0.95);
        let bus_per_stored = (drawn.served / 0.98) / -drawn.stored;
        let round_trip = stored_per_bus * bus_per_stored;
        assert!((round_trip - 0.96 * 0.97 * 0.97 * 0.96).abs() < 1e-12);
    }
}
