//! How long a unit of work takes at a given clock: compute falls with the clock, memory bandwidth does not.
//!
//! A unit is up to two phases in sequence (a request is read, then answered). A phase takes the longer of its compute time and
//! its memory time: `t = max(F / (R u x), D / B)`.
//!
//! F operations, R peak rate at boost clock, u achievable share of R, x clock over boost clock, D bytes moved, B memory bandwidth.
//!
//! **Source**: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009.
//!
//! **Not modelled**: overlap between phases, caches, kernel launch overheads (they are part of `u`).

use sunward_units::lanes::Real;
use sunward_units::{Bits, BitsPerSecond, Flops, FlopsPerSecond, Ratio, Seconds};

/// Operations and memory traffic of one phase of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Phase {
    /// Operations.
    pub work: Flops,
    /// Device memory traffic.
    pub traffic: Bits,
}

/// The accelerators a job runs on, taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Peak rate at boost clock in the job's precision.
    pub peak: FlopsPerSecond,
    /// Device memory bandwidth.
    pub bandwidth: BitsPerSecond,
    /// Share of the peak that the job's kernels reach when compute-bound.
    pub utilisation: Ratio,
}

/// Seconds per unit, phase by phase, at boost clock; one value per lane.
#[derive(Debug, Clone, Copy)]
pub struct UnitTime<T> {
    /// Compute time of the first phase at boost clock, s.
    pub compute_first: T,
    /// Memory time of the first phase, s.
    pub memory_first: T,
    /// Compute time of the second phase at boost clock, s.
    pub compute_second: T,
    /// Memory time of the second phase, s.
    pub memory_second: T,
}

impl UnitTime<f64> {
    /// The times of `phases` on `machine`.
    #[must_use]
    pub fn new(phases: &[Phase; 2], machine: &Machine) -> Self {
        let compute = |phase: &Phase| (phase.work / (machine.peak * machine.utilisation.0)).0;
        let memory = |phase: &Phase| (phase.traffic / machine.bandwidth).0;
        Self {
            compute_first: compute(&phases[0]),
            memory_first: memory(&phases[0]),
            compute_second: compute(&phases[1]),
            memory_second: memory(&phases[1]),
        }
    }

    /// How busy compute and memory are at boost clock, each 0..=1.
    #[must_use]
    pub fn activity(&self) -> (Ratio, Ratio) {
        let whole = self.at_clock(1.0);
        let compute = (self.compute_first + self.compute_second) / whole;
        let memory = (self.memory_first + self.memory_second) / whole;
        (Ratio(compute), Ratio(memory))
    }

    /// The same with every part `factor` times as long.
    #[must_use]
    pub fn stretched(self, factor: f64) -> Self {
        Self {
            compute_first: factor * self.compute_first,
            memory_first: factor * self.memory_first,
            compute_second: factor * self.compute_second,
            memory_second: factor * self.memory_second,
        }
    }

    /// Time of one unit at boost clock.
    #[must_use]
    pub fn unbound(&self) -> Seconds {
        Seconds(self.at_clock(1.0))
    }
}

impl<T: Real> UnitTime<T> {
    /// Seconds per unit at `clock` over boost clock, which must be positive.
    #[inline(always)]
    #[must_use]
    pub fn at_clock(&self, clock: T) -> T {
        (self.compute_first / clock).max(self.memory_first) + (self.compute_second / clock).max(self.memory_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NVIDIA H100 PCIe 80 GB: 756 TFLOP/s bf16 dense, 2.0 TB/s.
    const MACHINE: Machine =
        Machine { peak: FlopsPerSecond(756e12), bandwidth: BitsPerSecond(16e12), utilisation: Ratio(0.4) };

    fn time(work: f64, bytes: f64) -> UnitTime<f64> {
        UnitTime::new(&[Phase { work: Flops(work), traffic: Bits(bytes * 8.0) }, Phase::default()], &MACHINE)
    }

    #[test]
    fn a_compute_bound_unit_slows_with_the_clock() {
        let unit = time(302.4e12, 1e9);
        assert!((unit.at_clock(1.0) - 1.0).abs() < 1e-12);
        assert!((unit.at_clock(0.5) - 2.0).abs() < 1e-12);
        assert_eq!(unit.activity().0, Ratio(1.0));
    }

    #[test]
    fn a_memory_bound_unit_keeps_its_time_until_compute_is_the_longer() {
        let unit = time(30.24e12, 2e12);
        assert!((unit.at_clock(1.0) - 1.0).abs() < 1e-12);
        assert!((unit.at_clock(0.5) - 1.0).abs() < 1e-12);
        assert!((unit.at_clock(0.05) - 2.0).abs() < 1e-12);
        let (compute, memory) = unit.activity();
        assert!((compute.0 - 0.1).abs() < 1e-12 && (memory.0 - 1.0).abs() < 1e-12);
    }
}
