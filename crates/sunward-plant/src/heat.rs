//! Four heat nodes of a site: chip, board, bus and radiator, advanced implicitly.
//!
//! ```text
//!   chip --- board --- radiator --> space
//!              |          |
//!             bus --------+--> coolant (on the ground)
//!              +--> space (through the insulation)
//! ```
//!
//! In space the radiator's coolant conductance is zero. On the ground the radiator node is the facility's water loop: it emits
//! nothing and gives its heat to a cooling plant, which holds the coolant it returns at a given temperature.
//!
//! Backward Euler: `C (T1 - T0) / dt = inflow(T1) - outflow(T1)`, solved by Newton's method after the two linear nodes are
//! eliminated. It is L-stable, so any step is stable, and of first order in the step: halving the step halves the error
//! of a transient; steady states are exact at any step. The system is an M-matrix plus convex increasing emission, for which
//! Newton's iterates from any non-negative start decrease monotonically after the first (Ortega and Rheinboldt, "Iterative
//! Solution of Nonlinear Equations in Several Variables", 1970, 13.3).
//!
//! **Not modelled**: gradients within a node, dependence of conductances on temperature, radiation between nodes, the
//! 2.7 K of the sky (3e-6 W/m2).

use sunward_units::lanes::Real;

/// Stefan-Boltzmann constant, W/(m2 K4) (CODATA 2018, exact).
pub const STEFAN_BOLTZMANN: f64 = 5.670_374_419e-8;

/// Newton iterations after which a step has failed; two or three are the rule.
const ITERATIONS_MAX: usize = 60;
/// A step is solved when no temperature moves by more than this, K.
const TEMPERATURE_TOLERANCE_K: f64 = 1e-7;
/// Nor may the chip's power move by more than this conducts from chip to board, K: it is missing from the balance.
const POWER_TOLERANCE_K: f64 = 1e-9;

/// Capacities and conductances, SI; one value per lane.
#[derive(Debug, Clone, Copy)]
pub struct HeatNetwork<T> {
    /// Heat capacity of all chips together, J/K.
    pub chip_capacity: T,
    /// Heat capacity of boards and cold plates, J/K.
    pub board_capacity: T,
    /// Heat capacity of the bus, J/K.
    pub bus_capacity: T,
    /// Heat capacity of the radiator, J/K.
    pub radiator_capacity: T,
    /// Conductance from all chips to their boards, W/K.
    pub chip_to_board: T,
    /// Conductance from boards to bus, W/K.
    pub board_to_bus: T,
    /// Conductance from boards to radiator, W/K.
    pub board_to_radiator: T,
    /// Conductance from bus to radiator, W/K.
    pub bus_to_radiator: T,
    /// Emission of the radiator: emissivity times emitting area times the Stefan-Boltzmann constant, W/K4.
    pub radiator_emission: T,
    /// Emission of the bus through its insulation, W/K4.
    pub bus_emission: T,
    /// Conductance from the radiator to the coolant, W/K; 0 in space.
    pub coolant_conductance: T,
    /// Temperature of the coolant, K.
    pub coolant: T,
}

/// Node temperatures, K.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperatures<T> {
    /// Chip.
    pub chip: T,
    /// Board and cold plate.
    pub board: T,
    /// Bus.
    pub bus: T,
    /// Radiator.
    pub radiator: T,
}

/// What flows into the nodes during a step, W, and the chip's governor.
#[derive(Debug, Clone, Copy)]
pub struct HeatInput<T> {
    /// Power into the board.
    pub board: T,
    /// Power into the bus.
    pub bus: T,
    /// Flux absorbed by the radiator.
    pub radiator: T,
    /// Power the chips may draw.
    pub chip_granted: T,
    /// Power the chips cannot go below while switched on.
    pub chip_minimum: T,
    /// Temperature the governor holds the chip below at the end of the step, K.
    pub chip_limit: T,
}

/// The step's outcome.
#[derive(Debug, Clone, Copy)]
pub struct HeatStep<T> {
    /// Temperatures at the end of the step.
    pub temperatures: Temperatures<T>,
    /// Power the chips drew: the grant, less what the governor took away.
    pub chip_power: T,
    /// Power radiated to space by radiator and bus, and given to the coolant.
    pub radiated: T,
    /// Inflow less outflow less storage, W: zero but for rounding and the solver's tolerance.
    pub residual: T,
    /// Sum of the magnitudes that `residual` is the small difference of, W.
    pub magnitude: T,
}

/// Advances the nodes by `dt_s` seconds, drawing as much of the granted chip power as keeps the chip at its limit.
///
/// The governor of a real part acts within milliseconds; here it is a constraint on the end of the step, so it neither
/// oscillates nor lags whatever the step is.
///
/// # Panics
/// If Newton's method has not converged, which only a NaN or a negative constant can cause.
#[inline(always)]
#[must_use]
pub fn advance<T: Real>(
    network: &HeatNetwork<T>,
    from: &Temperatures<T>,
    input: &HeatInput<T>,
    dt_s: f64,
) -> HeatStep<T> {
    let reduced = Reduced::new(network, from, input, dt_s);
    let (mut bus, mut radiator, mut power) = (from.bus, from.radiator, input.chip_granted);
    let mut moving = T::splat(1.0);
    for _ in 0..ITERATIONS_MAX {
        let next = reduced.newton(bus, radiator, power, input);
        let moved = (next.0 - bus).abs().max((next.1 - radiator).abs());
        let of_power = (next.2 - power).abs() / reduced.chip_diagonal;
        let moved = moved.max(of_power * (TEMPERATURE_TOLERANCE_K / POWER_TOLERANCE_K));
        // A lane that has converged stays as it is, whatever its neighbours still need.
        bus = moving.if_less(T::splat(0.5), bus, next.0);
        radiator = moving.if_less(T::splat(0.5), radiator, next.1);
        power = moving.if_less(T::splat(0.5), power, next.2);
        moving = moved.if_less(T::splat(TEMPERATURE_TOLERANCE_K), T::splat(0.0), moving);
        if moving.largest() == 0.0 {
            return reduced.finish(network, from, input, bus, radiator, power);
        }
    }
    panic!("heat step of {dt_s} s did not converge within {ITERATIONS_MAX} iterations");
}

/// The network with chip and board eliminated: two equations in bus and radiator temperature.
struct Reduced<'a, T> {
    network: &'a HeatNetwork<T>,
    inertia: Temperatures<T>,
    /// Share of the board's temperature in the chip's.
    chip_weight: T,
    chip_diagonal: T,
    chip_from: T,
    board_diagonal: T,
    board_from: T,
    bus_diagonal: T,
    coupling: T,
    radiator_diagonal: T,
    bus_from: T,
    radiator_from: T,
}

impl<'a, T: Real> Reduced<'a, T> {
    #[inline(always)]
    fn new(n: &'a HeatNetwork<T>, from: &Temperatures<T>, input: &HeatInput<T>, dt_s: f64) -> Self {
        let inertia = Temperatures {
            chip: n.chip_capacity / dt_s,
            board: n.board_capacity / dt_s,
            bus: n.bus_capacity / dt_s,
            radiator: n.radiator_capacity / dt_s,
        };
        let chip_diagonal = inertia.chip + n.chip_to_board;
        let chip_weight = n.chip_to_board / chip_diagonal;
        let chip_from = inertia.chip * from.chip;
        let board_links = n.board_to_bus + n.board_to_radiator;
        // chip_to_board * (1 - chip_weight), without the cancellation.
        let board_own = inertia.board + chip_weight * inertia.chip;
        let board_diagonal = board_own + board_links;
        Self {
            network: n,
            inertia,
            chip_weight,
            chip_diagonal,
            chip_from,
            board_diagonal,
            board_from: inertia.board * from.board + input.board + chip_weight * chip_from,
            // g - g^2 / d = g (d - g) / d, with d - g written as the sum it is.
            bus_diagonal: inertia.bus
                + n.bus_to_radiator
                + n.board_to_bus * (board_own + n.board_to_radiator) / board_diagonal,
            coupling: n.bus_to_radiator + n.board_to_bus * n.board_to_radiator / board_diagonal,
            radiator_diagonal: inertia.radiator
                + n.bus_to_radiator
                + n.board_to_radiator * (board_own + n.board_to_bus) / board_diagonal
                + n.coolant_conductance,
            bus_from: inertia.bus * from.bus + input.bus,
            radiator_from: inertia.radiator * from.radiator + input.radiator + n.coolant_conductance * n.coolant,
        }
    }

    #[inline(always)]
    fn board(&self, bus: T, radiator: T, power: T) -> T {
        let n = self.network;
        let source = self.board_from + self.chip_weight * power;
        (source + n.board_to_bus * bus + n.board_to_radiator * radiator) / self.board_diagonal
    }

    #[inline(always)]
    fn chip(&self, board: T, power: T) -> T {
        (self.chip_from + power + self.network.chip_to_board * board) / self.chip_diagonal
    }

    /// One Newton step for both temperatures, then one for the power the governor leaves.
    #[inline(always)]
    fn newton(&self, bus: T, radiator: T, power: T, input: &HeatInput<T>) -> (T, T, T) {
        let n = self.network;
        let (bus3, radiator3) = (bus * bus * bus, radiator * radiator * radiator);
        let a = self.bus_diagonal + n.bus_emission * bus3 * 4.0;
        let d = self.radiator_diagonal + n.radiator_emission * radiator3 * 4.0;
        let determinant = a * d - self.coupling * self.coupling;
        let board_source = (self.board_from + self.chip_weight * power) / self.board_diagonal;
        let bus_right = self.bus_from + n.board_to_bus * board_source + n.bus_emission * bus3 * bus * 3.0;
        let radiator_right =
            self.radiator_from + n.board_to_radiator * board_source + n.radiator_emission * radiator3 * radiator * 3.0;
        let next_bus = (bus_right * d + self.coupling * radiator_right) / determinant;
        let next_radiator = (radiator_right * a + self.coupling * bus_right) / determinant;

        // Chip temperature per watt of chip power, through the linearised network.
        let board_per_watt = self.chip_weight / self.board_diagonal;
        let (bus_push, radiator_push) = (n.board_to_bus * board_per_watt, n.board_to_radiator * board_per_watt);
        let bus_per_watt = (bus_push * d + self.coupling * radiator_push) / determinant;
        let radiator_per_watt = (radiator_push * a + self.coupling * bus_push) / determinant;
        let board_per_watt = board_per_watt
            + (n.board_to_bus * bus_per_watt + n.board_to_radiator * radiator_per_watt) / self.board_diagonal;
        let chip_per_watt = T::splat(1.0) / self.chip_diagonal + self.chip_weight * board_per_watt;
        let chip = self.chip(self.board(next_bus, next_radiator, power), power);
        let allowed = power - (chip - input.chip_limit) / chip_per_watt;
        (next_bus, next_radiator, allowed.max(input.chip_minimum).min(input.chip_granted))
    }

    #[inline(always)]
    fn finish(
        &self,
        n: &HeatNetwork<T>,
        from: &Temperatures<T>,
        input: &HeatInput<T>,
        bus: T,
        radiator: T,
        power: T,
    ) -> HeatStep<T> {
        let board = self.board(bus, radiator, power);
        let chip = self.chip(board, power);
        let radiated = n.bus_emission * fourth(bus)
            + n.radiator_emission * fourth(radiator)
            + n.coolant_conductance * (radiator - n.coolant);
        let stored = self.inertia.chip * (chip - from.chip)
            + self.inertia.board * (board - from.board)
            + self.inertia.bus * (bus - from.bus)
            + self.inertia.radiator * (radiator - from.radiator);
        let inflow = power + input.board + input.bus + input.radiator;
        let held = self.inertia.chip * chip
            + self.inertia.board * board
            + self.inertia.bus * bus
            + self.inertia.radiator * radiator;
        HeatStep {
            temperatures: Temperatures { chip, board, bus, radiator },
            chip_power: power,
            radiated,
            residual: inflow - radiated - stored,
            magnitude: inflow + radiated.abs() + held,
        }
    }
}

#[inline(always)]
fn fourth<T: Real>(t: T) -> T {
    let square = t * t;
    square * square
}

/// Advances one node that only radiates (a solar array): backward Euler by Newton's method.
///
/// `inflow` W, `capacity` J/K, `emission` W/K4, temperatures K. Returns the new temperature.
#[inline(always)]
pub fn advance_panel<T: Real>(capacity: T, emission: T, from: T, inflow: T, dt_s: f64) -> T {
    let inertia = capacity / dt_s;
    let (mut at, mut moving) = (from, T::splat(1.0));
    for _ in 0..ITERATIONS_MAX {
        let cube = at * at * at;
        let next = (inertia * from + inflow + emission * cube * at * 3.0) / (inertia + emission * cube * 4.0);
        let moved = (next - at).abs();
        at = moving.if_less(T::splat(0.5), at, next);
        moving = moved.if_less(T::splat(TEMPERATURE_TOLERANCE_K), T::splat(0.0), moving);
        if moving.largest() == 0.0 {
            return at;
        }
    }
    panic!("panel step of {dt_s} s did not converge within {ITERATIONS_MAX} iterations");
}

#[cfg(test)]
mod tests {
    use super::*;
    use sunward_units::lanes::{Lanes, WIDTH};

    fn network() -> HeatNetwork<f64> {
        HeatNetwork {
            chip_capacity: 400.0,
            board_capacity: 2_000.0,
            bus_capacity: 30_000.0,
            radiator_capacity: 5_000.0,
            chip_to_board: 12.0,
            board_to_bus: 2.0,
            board_to_radiator: 15.0,
            bus_to_radiator: 4.0,
            radiator_emission: 0.9 * 0.45 * STEFAN_BOLTZMANN,
            bus_emission: 0.02 * 2.0 * STEFAN_BOLTZMANN,
            coolant_conductance: 0.0,
            coolant: 0.0,
        }
    }

    fn input(power: f64) -> HeatInput<f64> {
        HeatInput { board: 40.0, bus: 60.0, radiator: 25.0, chip_granted: power, chip_minimum: 10.0, chip_limit: 360.0 }
    }

    const START: Temperatures<f64> = Temperatures { chip: 290.0, board: 290.0, bus: 290.0, radiator: 290.0 };

    fn run(network: &HeatNetwork<f64>, input: &HeatInput<f64>, dt: f64, steps: usize) -> HeatStep<f64> {
        let mut step = advance(network, &START, input, dt);
        for _ in 1..steps {
            step = advance(network, &step.temperatures, input, dt);
        }
        step
    }

    /// On the ground nothing radiates: the loop settles above the coolant by heat over conductance, at any step.
    #[test]
    fn a_cooled_loop_settles_at_the_closed_form() {
        let n = HeatNetwork {
            radiator_emission: 0.0,
            bus_emission: 0.0,
            coolant_conductance: 50.0,
            coolant: 300.0,
            ..network()
        };
        let steady_input = HeatInput { radiator: 0.0, chip_limit: 1e4, ..input(120.0) };
        for (dt, steps) in [(60.0, 3000), (1e4, 60)] {
            let step = run(&n, &steady_input, dt, steps);
            assert!((step.temperatures.radiator - (300.0 + (120.0 + 40.0 + 60.0) / 50.0)).abs() < 1e-6);
            assert!((step.radiated - 220.0).abs() < 1e-4 && step.residual.abs() < 1e-7 * step.magnitude);
        }
    }

    /// With the bus cut off, all heat leaves through the radiator: T_r = (Q / eps A sigma)^(1/4), and each conductance
    /// adds its drop.
    #[test]
    fn steady_state_is_the_closed_form_at_any_step() {
        let n = HeatNetwork { board_to_bus: 0.0, bus_to_radiator: 0.0, ..network() };
        let steady_input = HeatInput { chip_limit: 1e4, ..input(120.0) };
        let radiator = ((120.0 + 40.0 + 25.0) / n.radiator_emission).powf(0.25);
        let board = radiator + (120.0 + 40.0) / n.board_to_radiator;
        let chip = board + 120.0 / n.chip_to_board;
        for (dt, steps) in [(60.0, 3000), (1e4, 60), (1e9, 40)] {
            let t = run(&n, &steady_input, dt, steps).temperatures;
            for (got, expected) in [(t.radiator, radiator), (t.board, board), (t.chip, chip)] {
                assert!((got - expected).abs() < 1e-5, "dt {dt}: {got} is not {expected}");
            }
        }
    }

    #[test]
    fn heat_in_is_heat_out_plus_heat_stored() {
        let mut t = START;
        for step in 0..500 {
            let drive =
                HeatInput { bus: 60.0 + f64::from(step % 7) * 30.0, ..input(f64::from(step % 11) * 60.0 + 10.0) };
            let out = advance(&network(), &t, &drive, 30.0);
            assert!(out.residual.abs() < 1e-6, "residual {} W", out.residual);
            t = out.temperatures;
        }
    }

    /// Radiative cooling of one node has the closed form T(t) = (T0^-3 + 3 E t / C)^(-1/3): the error must halve with the step.
    #[test]
    fn convergence_is_of_first_order() {
        let (capacity, emission, start, end_s) = (5_000.0, 0.9 * 0.45 * STEFAN_BOLTZMANN, 350.0_f64, 1920.0);
        let exact = (start.powi(-3) + 3.0 * emission * end_s / capacity).powf(-1.0 / 3.0);
        let error = |dt: f64| {
            let steps = (end_s / dt) as usize;
            let end = (0..steps).fold(start, |t, _| advance_panel(capacity, emission, t, 0.0, dt));
            (end - exact).abs()
        };
        for dt in [240.0, 120.0, 60.0] {
            let ratio = error(dt) / error(dt / 2.0);
            assert!((1.9..2.1).contains(&ratio), "halving {dt} s changes the error {ratio}x");
        }
    }

    #[test]
    fn governor_holds_the_chip_at_its_limit_and_takes_no_more_than_needed() {
        let steady = run(&network(), &input(700.0), 60.0, 10_000);
        assert!((steady.temperatures.chip - 360.0).abs() < 1e-5);
        assert!(steady.chip_power > 100.0 && steady.chip_power < 700.0, "{}", steady.chip_power);
        let free = run(&network(), &HeatInput { chip_limit: 1e4, ..input(steady.chip_power) }, 60.0, 10_000);
        assert!((free.temperatures.chip - 360.0).abs() < 1e-3, "the same power alone gives the same chip");
    }

    #[test]
    fn governor_leaves_a_cool_chip_alone() {
        assert_eq!(advance(&network(), &START, &input(100.0), 30.0).chip_power, 100.0);
    }

    #[test]
    fn hotter_chip_for_smaller_radiator_and_for_more_power() {
        let chip = |area: f64, power: f64| {
            let n = HeatNetwork { radiator_emission: 0.9 * area * STEFAN_BOLTZMANN, ..network() };
            run(&n, &HeatInput { chip_limit: 1e4, ..input(power) }, 60.0, 3000).temperatures.chip
        };
        assert!(chip(0.3, 150.0) > chip(0.45, 150.0));
        assert!(chip(0.45, 200.0) > chip(0.45, 150.0));
    }

    /// Defect 4 of a published tool: capacity from 1e6 to 1e9 J/K changed nothing there, and 1e5 J/K overflowed.
    #[test]
    fn capacity_slows_the_chip_down_and_never_overflows() {
        let after_hour = |bus_capacity: f64| {
            run(&HeatNetwork { bus_capacity, ..network() }, &input(150.0), 60.0, 60).temperatures.bus
        };
        let rises: Vec<f64> = [1.0, 1e5, 1e6, 1e9].map(after_hour).to_vec();
        assert!(rises.windows(2).all(|pair| pair[0] > pair[1] + 1e-6), "{rises:?}");
        assert!(rises.iter().all(|t| t.is_finite()));
    }

    /// A single lumped node puts the chip at the mean temperature; the network must not.
    #[test]
    fn chip_is_far_above_a_single_lumped_node() {
        let t = run(&network(), &HeatInput { chip_limit: 1e4, ..input(150.0) }, 60.0, 3000).temperatures;
        assert!(t.chip - t.radiator > 150.0 / 12.0 + 5.0);
    }

    #[test]
    fn lanes_give_the_bits_of_the_scalar() {
        let spread = |value: f64| Lanes(std::array::from_fn(|lane| value * (1.0 + 0.03 * lane as f64)));
        let n = network();
        let wide = HeatNetwork {
            chip_capacity: spread(n.chip_capacity),
            board_capacity: spread(n.board_capacity),
            bus_capacity: spread(n.bus_capacity),
            radiator_capacity: spread(n.radiator_capacity),
            chip_to_board: spread(n.chip_to_board),
            board_to_bus: spread(n.board_to_bus),
            board_to_radiator: spread(n.board_to_radiator),
            bus_to_radiator: spread(n.bus_to_radiator),
            radiator_emission: spread(n.radiator_emission),
            bus_emission: spread(n.bus_emission),
            coolant_conductance: spread(3.0),
            coolant: spread(300.0),
        };
        let narrow = |lane: usize| HeatNetwork {
            chip_capacity: wide.chip_capacity.0[lane],
            board_capacity: wide.board_capacity.0[lane],
            bus_capacity: wide.bus_capacity.0[lane],
            radiator_capacity: wide.radiator_capacity.0[lane],
            chip_to_board: wide.chip_to_board.0[lane],
            board_to_bus: wide.board_to_bus.0[lane],
            board_to_radiator: wide.board_to_radiator.0[lane],
            bus_to_radiator: wide.bus_to_radiator.0[lane],
            radiator_emission: wide.radiator_emission.0[lane],
            bus_emission: wide.bus_emission.0[lane],
            coolant_conductance: wide.coolant_conductance.0[lane],
            coolant: wide.coolant.0[lane],
        };
        let start =
            Temperatures { chip: spread(300.0), board: spread(295.0), bus: spread(290.0), radiator: spread(280.0) };
        let drive = HeatInput {
            board: spread(40.0),
            bus: spread(60.0),
            radiator: spread(25.0),
            chip_granted: spread(300.0),
            chip_minimum: spread(10.0),
            chip_limit: Lanes::splat(330.0),
        };
        let together = advance(&wide, &start, &drive, 30.0);
        for lane in 0..WIDTH {
            let at = |x: Lanes| x.0[lane];
            let alone = advance(
                &narrow(lane),
                &Temperatures {
                    chip: at(start.chip),
                    board: at(start.board),
                    bus: at(start.bus),
                    radiator: at(start.radiator),
                },
                &HeatInput {
                    board: at(drive.board),
                    bus: at(drive.bus),
                    radiator: at(drive.radiator),
                    chip_granted: at(drive.chip_granted),
                    chip_minimum: at(drive.chip_minimum),
                    chip_limit: at(drive.chip_limit),
                },
                30.0,
            );
            assert_eq!(alone.temperatures.chip.to_bits(), at(together.temperatures.chip).to_bits());
            assert_eq!(alone.chip_power.to_bits(), at(together.chip_power).to_bits());
        }
    }
}
