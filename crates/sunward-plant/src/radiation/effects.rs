//! What dose and debris do: upsets and interrupts drawn in time, total-dose limits, permanent faults, impacts.
//!
//! Events follow the proton dose, at the dose per event of the one accelerator whose beam test is public:
//!
//! ```text
//! rate = proton dose rate / dose per event        sigma = 1.27e-7 cm2 rad / dose per event
//! ```
//!
//! **Source**: Trillium (TPU v6e) with its host in a 67 MeV proton beam, Google (2026), arXiv:2511.19468v2; 1 rad(Si) is
//! 7.9e6 protons/cm2 there. For other accelerators no beam data is public: these values are stand-ins, and
//! [`Susceptibility::range`] says how far apart measured parts lie.
//!
//! **Not modelled**: dependence on proton energy (the test's one energy stands for the belt's spectrum behind the shield),
//! events from heavy ions and electrons, annealing, dose-rate effects.

use super::RadiationError;
use sunward_units::random::{Purpose, Stream};
use sunward_units::{Bits, Grays, PerSecond, Ratio, Seconds, SquareMeters};

/// 1 rad(Si) of 67 MeV protons is 7.9e6 per cm2, so sigma D = 1.27e-7 cm2 rad; here in m2 Gy.
const CROSS_SECTION_DOSE_M2_GY: f64 = 1.27e-7 * 1e-4 * RAD_GY;
const RAD_GY: f64 = 0.01;
/// High-bandwidth memory of the tested chip: 32 GB (Google Cloud, TPU v6e system architecture, 2024).
const TESTED_MEMORY: Bits = Bits(32e9 * 8.0);
/// Largest mean number of events in one draw: beyond it the first term of the sum, exp(-mean), nears zero.
const MEAN_MAX: f64 = 500.0;

/// A kind of single event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// Silent data corruption: a wrong result without a word.
    SilentCorruption = 0,
    /// An error in the high-bandwidth memory that its code detects and cannot correct.
    UncorrectableMemory = 1,
    /// The accelerator hangs until reset.
    ChipInterrupt = 2,
    /// The host's processor hangs until reboot.
    CpuInterrupt = 3,
    /// The host's memory forces a reboot.
    RamInterrupt = 4,
}

impl Event {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::SilentCorruption,
        Self::UncorrectableMemory,
        Self::ChipInterrupt,
        Self::CpuInterrupt,
        Self::RamInterrupt,
    ];

    /// The stream from which this kind is drawn for one accelerator or host.
    #[must_use]
    pub fn stream(self, seed: u64, entity: u32) -> Stream {
        let purpose = match self {
            Self::SilentCorruption | Self::UncorrectableMemory => Purpose::Upset,
            Self::ChipInterrupt | Self::CpuInterrupt | Self::RamInterrupt => Purpose::Interrupt,
        };
        Stream::new(seed, entity, purpose)
    }
}

/// Proton dose per event of one accelerator with its host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Susceptibility {
    dose_per_event: [Grays; 5],
}

impl Susceptibility {
    /// Trillium and its host as tested: 17, 44, 5000, 450 and 400 rad per event.
    pub const TRILLIUM: Self = Self { dose_per_event: [Grays(0.17), Grays(0.44), Grays(50.0), Grays(4.5), Grays(4.0)] };

    /// The same part with `capacity` of high-bandwidth memory.
    ///
    /// Uncorrectable errors are counted over all cells, so they grow in proportion; the other kinds arise in logic, caches and
    /// host, whose sizes do not follow that capacity, and stay.
    ///
    /// # Errors
    /// The capacity is negative or not finite.
    pub fn with_memory(mut self, capacity: Bits) -> Result<Self, RadiationError> {
        let share = finite("memory capacity over the tested 32 GB", capacity / TESTED_MEMORY)?;
        self.dose_per_event[Event::UncorrectableMemory as usize] =
            Self::TRILLIUM.dose_per_event(Event::UncorrectableMemory) / share;
        Ok(self)
    }

    /// Proton dose per event.
    #[must_use]
    pub fn dose_per_event(&self, event: Event) -> Grays {
        self.dose_per_event[event as usize]
    }

    /// Lowest and highest dose per event for a part that stands for one never tested.
    ///
    /// Corruption: 14.4 to 20 rad, the test's own spread over workloads. Memory: two standard deviations of its 203 events. Interrupts:
    /// from Jetson TX1 (6.22e-8 cm2, 200 MeV), the most sensitive system-on-chip with public proton data, to Trillium's chip.
    #[must_use]
    pub fn range(&self, event: Event) -> [Grays; 2] {
        let spread = 2.0 / 203f64.sqrt();
        match event {
            Event::SilentCorruption => [Grays(0.144), Grays(0.20)],
            Event::UncorrectableMemory => [1.0 + spread, 1.0 - spread].map(|by| self.dose_per_event(event) / by),
            Event::ChipInterrupt | Event::CpuInterrupt | Event::RamInterrupt => [Grays(0.0204), Grays(50.0)],
        }
    }

    /// Rates under `proton_gy_s`, the proton dose rate in Gy/s.
    ///
    /// # Errors
    /// The dose rate is negative or not finite.
    pub fn rates(&self, proton_gy_s: f64) -> Result<EventRates, RadiationError> {
        let dose_rate = finite("proton dose rate in Gy/s", proton_gy_s)?;
        Ok(EventRates(self.dose_per_event.map(|dose| PerSecond(dose_rate / dose.0))))
    }
}

/// Events per second of each kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventRates([PerSecond; 5]);

impl EventRates {
    /// The rate of one kind.
    #[must_use]
    pub fn of(&self, event: Event) -> PerSecond {
        self.0[event as usize]
    }
}

/// Cross-section of an event that `dose` of protons causes once.
#[must_use]
pub fn cross_section(dose: Grays) -> SquareMeters {
    SquareMeters(CROSS_SECTION_DOSE_M2_GY / dose.0)
}

/// How many events of one kind fall into step number `step`, of which `mean` are expected: a Poisson draw by inversion.
///
/// # Errors
/// `mean` is negative, not finite or above 500.
pub fn event_count(stream: &Stream, event: Event, step: u64, mean: f64) -> Result<u32, RadiationError> {
    let mean = finite("mean number of events in a step", mean)?;
    if mean > MEAN_MAX {
        return Err(RadiationError::Crowded { mean });
    }
    Ok(stream.poisson(draw_index(event, step, 0), mean) as u32)
}

/// When event `number` (from 0, unordered) of step `step` happens, counted from the step's start: uniform over its duration.
#[must_use]
pub fn event_time(stream: &Stream, event: Event, step: u64, number: u32, duration: Seconds) -> Seconds {
    duration * stream.uniform(draw_index(event, step, number + 1))
}

/// 2^10 draws a kind and step, 2^3 kinds, 2^51 steps.
fn draw_index(event: Event, step: u64, draw: u32) -> u64 {
    assert!(draw < 1 << 10, "event number {draw} of one step");
    step << 13 | (event as u64) << 10 | u64::from(draw)
}

/// What a total dose means for the tested accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoseState {
    /// Below 2 krad: nothing was seen.
    Nominal,
    /// From 2 krad: the high-bandwidth memory behaves irregularly.
    MemoryIrregular,
    /// Above 15 krad, where the test ended without a hard failure: unknown.
    Untested,
}

/// Judges a total dose (all components) by the Trillium test: irregular memory from 2 krad, no hard failure up to 15 krad.
#[must_use]
pub fn dose_state(total: Grays) -> DoseState {
    match total.0 / RAD_GY {
        krad if krad < 2e3 => DoseState::Nominal,
        krad if krad <= 15e3 => DoseState::MemoryIrregular,
        _ => DoseState::Untested,
    }
}

/// The age at which unit number `life` of one slot (0 the first, 1 its replacement) fails for good, at a constant hazard.
///
/// `None` at a hazard of zero: it never does. Draw from a stream of [`Purpose::Fault`].
///
/// # Errors
/// The hazard is negative or not finite.
pub fn fault_age(stream: &Stream, life: u64, hazard: PerSecond) -> Result<Option<Seconds>, RadiationError> {
    let hazard = finite("permanent-fault hazard in 1/s", hazard.0)?;
    Ok((hazard > 0.0).then(|| Seconds(stream.exponential(life) / hazard)))
}

/// Probability of at least one impact on `area` within `time`: P = 1 - exp(-F A t), F in impacts per m2 and second.
///
/// In sun-synchronous orbits F is 1e-5 to 1e-4 /m2/yr for objects above 1 cm and 1e-3 to 1e-2 above 1 mm (ORDEM 3.1 and
/// MASTER-8, NTRS 20210011563: they differ by one to two orders in between).
///
/// # Errors
/// An input is negative or not finite.
pub fn debris_strike_probability(
    flux_per_m2_s: f64,
    area: SquareMeters,
    time: Seconds,
) -> Result<Ratio, RadiationError> {
    let flux = finite("debris flux in 1/m2/s", flux_per_m2_s)?;
    let area = finite("area in m2", area.0)?;
    let time = finite("time in s", time.0)?;
    Ok(Ratio(-(-flux * area * time).exp_m1()))
}

fn finite(what: &'static str, got: f64) -> Result<f64, RadiationError> {
    if got.is_finite() && got >= 0.0 { Ok(got) } else { Err(RadiationError::Negative { what, got }) }
}
