//! What a run leaves behind, in columns: time series, events, jobs, transfers and contacts.
//!
//! A fleet too large to store keeps the chosen sites in full ([`Track`]) and everything else as per-step aggregates
//! ([`FleetTrack`]). All instants are integers; all quantities are SI.

use std::fmt;
use std::ops::Add;

use serde::Serialize;
use sunward_astro::time::{Instant, Span};
use sunward_units::{
    Bits, BitsPerSecond, Flops, FlopsPerSecond, Grays, Joules, Kelvin, Meters, Radians, Ratio, Seconds, Usd, Watts,
};

/// The whole outcome of one run.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where the run came from.
    pub header: Header,
    /// Ground stations, `[station]`.
    pub stations: Vec<StationInfo>,
    /// Every site flown, `[site]`.
    pub sites: Vec<SiteInfo>,
    /// Sites kept in full.
    pub tracks: Vec<Track>,
    /// Aggregates over every site, `[step]`.
    pub fleet: FleetTrack,
    /// Everything that happened at an instant, in order of (time, site, sequence).
    pub events: Vec<Event>,
    /// One outcome a job, `[job]`.
    pub jobs: Vec<JobOutcome>,
    /// Data carried over a contact for one job.
    pub transfers: Vec<Transfer>,
    /// Every pass of a site over a station, used or not.
    pub contacts: Vec<ContactPass>,
    /// Everything that was paid and earned, in the order in which it was entered; empty where no ledger is kept.
    pub ledger: Vec<Payment>,
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payment {
    /// When it fell due.
    pub time: Instant,
    /// What for: the name of its category.
    pub category: &'static str,
    /// How much; revenue too is positive.
    pub amount: Usd,
    /// Why, and how much of what at which price.
    pub cause: String,
}

/// What must be equal for two runs to give the same bytes, and when the run took place in mission time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Mission name.
    pub mission: String,
    /// Content hash of the mission.
    pub mission_hash: String,
    /// Content hash of the catalog.
    pub catalog_hash: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Version of Sunward.
    pub version: String,
    /// First instant.
    pub start: Instant,
    /// Step.
    pub step: Span,
    /// Number of steps.
    pub steps: u64,
}

/// A ground station as plots need it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StationInfo {
    /// Name.
    pub name: String,
    /// Geodetic latitude.
    pub latitude: Radians,
    /// East longitude.
    pub longitude: Radians,
}

/// What stays fixed of one site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteInfo {
    /// Name.
    pub name: String,
    /// Accelerator, by catalog name.
    pub accelerator: String,
    /// Chip temperature above which the clock falls.
    pub throttle_temperature: Kelvin,
    /// State of charge the scheduler keeps.
    pub state_of_charge_floor: Ratio,
    /// Battery energy when new.
    pub battery: Joules,
    /// How many units it stands for, itself included.
    pub stands_for: u32,
}

/// What kept a site from doing more work during a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Bound {
    /// Nothing: the accelerators were busy all the time at their full clock.
    Compute = 0,
    /// The bus granted less power than the full clock needs, or none.
    Power = 1,
    /// The chip would have passed its throttle temperature, or cooled down after a shutdown.
    Heat = 2,
    /// Work waited for its input.
    Link = 3,
    /// A reboot after a fault.
    Radiation = 4,
    /// No work was at hand, or less than the accelerators could do.
    Demand = 5,
    /// Every accelerator has failed for good.
    Failure = 6,
}

impl Bound {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 7] =
        [Self::Compute, Self::Power, Self::Heat, Self::Link, Self::Radiation, Self::Demand, Self::Failure];

    /// The word used in tables and files.
    #[must_use]
    pub fn word(self) -> &'static str {
        ["compute", "power", "heat", "link", "radiation", "demand", "failure"][self as usize]
    }
}

/// One site in full; every column is `[record row]`. Powers, rates and shares are means over the row's steps, states are
/// those at its end.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// Index into [`Record::sites`].
    pub site: u32,
    /// End of the row.
    pub time: Vec<Instant>,
    /// Geodetic latitude below the satellite.
    pub latitude: Vec<Radians>,
    /// East longitude below the satellite, -pi..=pi.
    pub longitude: Vec<Radians>,
    /// Height over the WGS84 ellipsoid.
    pub altitude: Vec<Meters>,
    /// Mean share of the solar disc seen, 0..=1.
    pub illumination: Vec<Ratio>,
    /// Power the array could give at its maximum-power point.
    pub array_available: Vec<Watts>,
    /// Power drawn from the array.
    pub array_used: Vec<Watts>,
    /// Power delivered to all loads.
    pub load: Vec<Watts>,
    /// Power of the accelerators alone.
    pub accelerator: Vec<Watts>,
    /// Stored energy over the battery's present capacity.
    pub state_of_charge: Vec<Ratio>,
    /// Chip temperature.
    pub chip: Vec<Kelvin>,
    /// Board and cold plate temperature.
    pub board: Vec<Kelvin>,
    /// Bus temperature.
    pub bus: Vec<Kelvin>,
    /// Radiator temperature.
    pub radiator: Vec<Kelvin>,
    /// Solar array temperature.
    pub array: Vec<Kelvin>,
    /// Clock over the full boost clock, 0 when stopped.
    pub clock: Vec<Ratio>,
    /// Useful work done.
    pub work_rate: Vec<FlopsPerSecond>,
    /// Job at work, index into [`Record::jobs`].
    pub job: Vec<Option<u32>>,
    /// What bound the work.
    pub bound: Vec<Bound>,
    /// Absorbed dose rate behind the shielding, in gray per second.
    pub dose: Vec<Grays>,
    /// Data rate to the ground.
    pub downlink: Vec<BitsPerSecond>,
    /// Data rate from the ground.
    pub uplink: Vec<BitsPerSecond>,
}

/// Sums and extremes over all sites, `[record row]`.
#[derive(Debug, Clone, Default)]
pub struct FleetTrack {
    /// End of the row.
    pub time: Vec<Instant>,
    /// Sites in full or part sunlight.
    pub sites_lit: Vec<u32>,
    /// Sites at work.
    pub sites_working: Vec<u32>,
    /// Power drawn from all arrays.
    pub array_used: Vec<Watts>,
    /// Power of all loads.
    pub load: Vec<Watts>,
    /// Lowest state of charge.
    pub state_of_charge_min: Vec<Ratio>,
    /// Hottest chip.
    pub chip_max: Vec<Kelvin>,
    /// Useful work done by all sites.
    pub work_rate: Vec<FlopsPerSecond>,
    /// Data rate to the ground over all sites.
    pub downlink: Vec<BitsPerSecond>,
}

/// Something that happened at an instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When.
    pub time: Instant,
    /// Where: index into [`Record::sites`].
    pub site: u32,
    /// What.
    pub kind: EventKind,
    /// The job concerned, index into [`Record::jobs`].
    pub job: Option<u32>,
    /// In words, where there is more to say: a generated text, a cause.
    pub detail: String,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// First contact with the penumbra.
    PenumbraEntered,
    /// Full shadow begins.
    UmbraEntered,
    /// Full shadow ends.
    UmbraLeft,
    /// Full sunlight again.
    PenumbraLeft,
    /// A station rises above its mask.
    ContactBegan,
    /// A station sets.
    ContactEnded,
    /// A job's input is complete on board.
    InputArrived,
    /// A job began.
    JobStarted,
    /// A job did all its work.
    JobFinished,
    /// A job's last output reached the ground.
    JobDelivered,
    /// A checkpoint was written.
    Checkpoint,
    /// The bus could not feed the accelerator: it was switched off in order.
    LoadShed,
    /// The chip reached its shutdown temperature.
    ThermalShutdown,
    /// Silent data corruption.
    SilentCorruption,
    /// An uncorrectable memory error ended the job's process.
    MemoryError,
    /// A functional interrupt of accelerator or host: reboot.
    Interrupt,
    /// The job went back to its last checkpoint.
    Rollback,
    /// A defence of a job did not let a step pass.
    Alarm,
    /// An accelerator failed for good.
    PermanentFault,
    /// A failed accelerator was swapped, or a unit was replaced by a new one.
    Replaced,
    /// A text or measurement came down.
    Sample,
}

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Not yet released, or its input is not on board.
    Waiting,
    /// Begun, not done.
    Running,
    /// All its work is done, its output is not all on the ground.
    Computed,
    /// All its output is on the ground.
    Delivered,
}

/// Where the time of one request or image went, without remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Delay {
    /// Light time, up and down.
    pub light: Span,
    /// Waiting for a station, up and down.
    pub contact: Span,
    /// Waiting on board for the accelerators, and for a link while a station serves the site, transmission included.
    pub queue: Span,
    /// At work.
    pub compute: Span,
}

impl Delay {
    /// From arrival to delivery.
    #[must_use]
    pub fn total(&self) -> Span {
        self.light + self.contact + self.queue + self.compute
    }
}

impl Add for Delay {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            light: self.light + other.light,
            contact: self.contact + other.contact,
            queue: self.queue + other.queue,
            compute: self.compute + other.compute,
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |span: Span| match span.seconds().0 {
            short if short < 1.0 => format!("{:.1} ms", short * 1e3),
            some if some < 100.0 => format!("{some:.1} s"),
            long => format!("{:.1} min", long / 60.0),
        };
        write!(f, "light {}, wait for contact {}, queue {}", text(self.light), text(self.contact), text(self.queue))?;
        if self.compute == Span(0) { Ok(()) } else { write!(f, ", compute {}", text(self.compute)) }
    }
}

/// Mean and quantiles of one part of the latency; none before anything is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: Option<Seconds>,
    /// Half are no longer.
    pub median: Option<Seconds>,
    /// 95 % are no longer.
    pub p95: Option<Seconds>,
}

/// Latency of a job's units and its parts, whose means sum to the mean of the total.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// From arrival to delivery.
    pub total: Spread,
    /// Light time.
    pub light: Spread,
    /// Waiting for contact.
    pub contact: Spread,
    /// Waiting for accelerators and links.
    pub queue: Spread,
    /// At work.
    pub compute: Spread,
}

impl Latency {
    /// Of these delays.
    #[must_use]
    pub fn of(delays: &[Delay]) -> Self {
        Self {
            total: Spread::of(delays, Delay::total),
            light: Spread::of(delays, |delay| delay.light),
            contact: Spread::of(delays, |delay| delay.contact),
            queue: Spread::of(delays, |delay| delay.queue),
            compute: Spread::of(delays, |delay| delay.compute),
        }
    }
}

impl Spread {
    /// Mean, and quantiles at the nearest rank.
    fn of(delays: &[Delay], part: impl Fn(&Delay) -> Span) -> Self {
        let mut all: Vec<Span> = delays.iter().map(part).collect();
        all.sort_unstable();
        let rank = |share: f64| Some(all.get(((share * all.len() as f64).ceil() as usize).max(1) - 1)?.seconds());
        let sum: i128 = all.iter().map(|span| i128::from(span.0)).sum();
        let mean = (!all.is_empty()).then(|| Seconds(sum as f64 / 1e9 / all.len() as f64));
        Self { mean, median: rank(0.5), p95: rank(0.95) }
    }
}

/// The outcome of one job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobOutcome {
    /// Name.
    pub name: String,
    /// "training", "serving" or "imagery".
    pub kind: String,
    /// Site it ran on, index into [`Record::sites`].
    pub site: Option<u32>,
    /// How far it came.
    pub state: JobState,
    /// Input complete on board.
    pub input_arrived: Option<Instant>,
    /// First work.
    pub started: Option<Instant>,
    /// Last work.
    pub finished: Option<Instant>,
    /// Last output on the ground.
    pub delivered: Option<Instant>,
    /// Deadline, if it has one.
    pub deadline: Option<Instant>,
    /// Share of its work done, 0..=1.
    pub progress: Ratio,
    /// Useful work.
    pub work: Flops,
    /// Work thrown away by roll-backs.
    pub work_lost: Flops,
    /// What it counts: "tokens", "requests", "images".
    pub unit: String,
    /// How many of them were computed.
    pub units: f64,
    /// How many of them have reached the ground (all of a training job's tokens when its output has).
    pub units_delivered: f64,
    /// Time it held the accelerator.
    pub busy: Seconds,
    /// Progress over time: (instant, share of the work done).
    pub history: Vec<(Instant, f64)>,
    /// Loss measured by a real payload: (instant, step, loss). Empty for a modelled one.
    pub loss: Vec<(Instant, u64, f64)>,
    /// Loss on text held back from training: (instant, steps done, loss). Empty for a modelled payload.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<(Instant, u64, f64)>,
    /// From a request's or an image's arrival until its result is delivered; nothing for training.
    pub latency: Latency,
    /// Delays of delivered requests or images, sorted by their sum: of all, or of an even share if there are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<Delay>,
    /// What stands for what when a payload runs by proxy.
    pub proxy: Option<String>,
    /// What its defences did and cost; `None` where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defences: Option<DefenceOutcome>,
}

/// What the defences of a job that is really trained, or really answered, did and cost.
///
/// An upset that is undone struck a step that was thrown away because a defence alarmed; one that is left struck a step that stands, or
/// was undone by a reboot. Whether it did harm, the loss tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DefenceOutcome {
    /// Steps and answers that a defence did not let pass.
    pub alarms: u32,
    /// Those computed again.
    pub recomputed: u32,
    /// Those after which the job went back to a verified checkpoint.
    pub rolled_back: u32,
    /// Those after which it began again from its first weights.
    pub begun_anew: u32,
    /// Those that came out alike twice and were accepted: no upsets.
    pub accepted: u32,
    /// Upsets that struck the job.
    pub upsets: u32,
    /// Upsets undone.
    pub upsets_undone: u32,
    /// Work thrown away because of alarms, a part of the job's work lost.
    pub work_lost: Flops,
    /// Time that watching took.
    pub time: Seconds,
    /// Time the job held the accelerators, watching included.
    pub busy: Seconds,
    /// Device memory held.
    pub memory: Bits,
    /// Room of the verified checkpoint in the store.
    pub storage: Bits,
}

impl DefenceOutcome {
    /// That of `copies` jobs alike.
    #[must_use]
    pub fn times(self, copies: u32) -> Self {
        let each = f64::from(copies);
        Self {
            alarms: copies * self.alarms,
            recomputed: copies * self.recomputed,
            rolled_back: copies * self.rolled_back,
            begun_anew: copies * self.begun_anew,
            accepted: copies * self.accepted,
            upsets: copies * self.upsets,
            upsets_undone: copies * self.upsets_undone,
            work_lost: self.work_lost * each,
            time: self.time * each,
            busy: self.busy * each,
            memory: self.memory * each,
            storage: self.storage * each,
        }
    }
}

impl Add for DefenceOutcome {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            alarms: self.alarms + other.alarms,
            recomputed: self.recomputed + other.recomputed,
            rolled_back: self.rolled_back + other.rolled_back,
            begun_anew: self.begun_anew + other.begun_anew,
            accepted: self.accepted + other.accepted,
            upsets: self.upsets + other.upsets,
            upsets_undone: self.upsets_undone + other.upsets_undone,
            work_lost: self.work_lost + other.work_lost,
            time: self.time + other.time,
            busy: self.busy + other.busy,
            memory: self.memory + other.memory,
            storage: self.storage + other.storage,
        }
    }
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Ground to site.
    Up,
    /// Site to ground.
    Down,
}

/// Data carried for one job over one contact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// Job, index into [`Record::jobs`].
    pub job: u32,
    /// Site.
    pub site: u32,
    /// Station.
    pub station: u32,
    /// Which way.
    pub direction: Direction,
    /// When the data was there to be sent.
    pub ready: Instant,
    /// First bit sent; in an earlier contact if it took several.
    pub begin: Instant,
    /// Last bit received, light time included.
    pub end: Instant,
    /// How much.
    pub data: Bits,
    /// Light time at the end.
    pub light: Seconds,
}

/// One pass of a site over a station.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContactPass {
    /// Site.
    pub site: u32,
    /// Station.
    pub station: u32,
    /// Rise above the station's mask, or the start of the run.
    pub rise: Instant,
    /// Highest elevation.
    pub culmination: Instant,
    /// Set below the mask, or the end of the run.
    pub set: Instant,
    /// Highest elevation.
    pub elevation_max: Radians,
    /// Whether the scheduler gave the station to this site.
    pub used: bool,
    /// Data carried down.
    pub down: Bits,
    /// Data carried up.
    pub up: Bits,
}
