//! Power and clock of an accelerator: how fast it may run on the power it gets, and what that power does.
//!
//! `P(x) = P_idle + (P_max - P_idle) (m b + (1 - m) a x v(x)^2)`, `v(x) = v0 + (1 - v0) x`
//!
//! x: clock over boost clock; v: supply voltage over its value at boost clock, v0 its floor; m: share of the dynamic power that
//! memory takes; a, b: how busy compute and memory are (0..=1). Dynamic power of CMOS logic goes with `f V^2`
//! (**Source**: Weste and Harris, "CMOS VLSI Design", 4th ed. 2011, eq. 5.10) and the voltage falls about linearly with the clock
//! between its floor and its ceiling.
//!
//! **Not modelled**: leakage's growth with temperature, discrete clock steps, differences between chips of one site.

use sunward_units::lanes::Real;

/// Power-clock curve and load of a site's accelerators taken together, SI; one value per lane.
#[derive(Debug, Clone, Copy)]
pub struct PowerCurve<T> {
    /// Power of all working accelerators when idle, W.
    pub idle: T,
    /// Their power at boost clock with compute and memory fully busy, W.
    pub full: T,
    /// Voltage at the lowest clock over voltage at boost clock.
    pub voltage_floor: T,
    /// Lowest clock over boost clock.
    pub clock_floor: T,
    /// Share of dynamic power drawn by memory at full bandwidth.
    pub memory_share: T,
    /// How busy compute is, 0..=1.
    pub compute_activity: T,
    /// How busy memory is, 0..=1.
    pub memory_activity: T,
}

/// Newton iterations for the inverse: the cubic is convex and increasing on 0..=1, so five from above reach 1e-12.
const INVERSE_ITERATIONS: usize = 7;

impl<T: Real> PowerCurve<T> {
    #[inline(always)]
    fn voltage(&self, clock: T) -> T {
        self.voltage_floor + (T::splat(1.0) - self.voltage_floor) * clock
    }

    /// Power at `clock` (over boost clock), W.
    #[inline(always)]
    #[must_use]
    pub fn power(&self, clock: T) -> T {
        let voltage = self.voltage(clock);
        let memory = self.memory_share * self.memory_activity;
        let compute = (T::splat(1.0) - self.memory_share) * self.compute_activity * clock * voltage * voltage;
        self.idle + (self.full - self.idle) * (memory + compute)
    }

    /// Power at boost clock: what the load draws when nothing holds it back, W.
    #[inline(always)]
    #[must_use]
    pub fn power_unbound(&self) -> T {
        self.power(T::splat(1.0))
    }

    /// Power at the lowest clock: below it the accelerator can only idle or be switched off, W.
    #[inline(always)]
    #[must_use]
    pub fn power_floor(&self) -> T {
        self.power(self.clock_floor)
    }

    /// Clock over boost clock that draws `power` W, held within `0..=1`; below the floor power it is what the curve says,
    /// which the caller must refuse.
    #[inline(always)]
    #[must_use]
    pub fn clock(&self, power: T) -> T {
        let one = T::splat(1.0);
        let dynamic = (power - self.idle) / (self.full - self.idle) - self.memory_share * self.memory_activity;
        let target = (dynamic / ((one - self.memory_share) * self.compute_activity)).clamp_to(T::splat(0.0), one);
        let slope = one - self.voltage_floor;
        let mut x = one;
        for _ in 0..INVERSE_ITERATIONS {
            let v = self.voltage(x);
            x = x - (x * v * v - target) / (v * (v + slope * x * 2.0));
        }
        x.clamp_to(T::splat(0.0), one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(compute_activity: f64, memory_activity: f64) -> PowerCurve<f64> {
        PowerCurve {
            idle: 60.0,
            full: 350.0,
            voltage_floor: 0.65,
            clock_floor: 0.2,
            memory_share: 0.25,
            compute_activity,
            memory_activity,
        }
    }

    #[test]
    fn the_ends_of_the_curve_are_idle_and_full_power() {
        assert_eq!(curve(1.0, 1.0).power(1.0), 350.0);
        assert_eq!(curve(1.0, 0.0).power(0.0), 60.0);
    }

    #[test]
    fn clock_inverts_power() {
        for (a, b) in [(1.0, 1.0), (1.0, 0.3), (0.4, 1.0)] {
            let curve = curve(a, b);
            for percent in 5..=100 {
                let x = f64::from(percent) / 100.0;
                let back = curve.clock(curve.power(x));
                assert!((back - x).abs() < 1e-9, "{x} came back as {back}");
            }
        }
    }

    #[test]
    fn clock_rises_with_power_and_stops_at_boost() {
        let curve = curve(1.0, 0.5);
        let clocks: Vec<f64> = (0..50).map(|i| curve.clock(100.0 + 5.0 * f64::from(i))).collect();
        assert!(clocks.windows(2).all(|pair| pair[1] >= pair[0]));
        assert_eq!(curve.clock(1e6), 1.0);
        assert!(curve.clock(0.0) < 1e-9);
    }

    /// Work per joule is best well below the boost clock: the reason why a power-starved satellite throttles rather than bursts.
    #[test]
    fn half_the_dynamic_power_gives_more_than_half_the_clock() {
        let curve = curve(1.0, 0.0);
        let half = 60.0 + (curve.power_unbound() - 60.0) / 2.0;
        assert!(curve.clock(half) > 0.6);
    }
}
