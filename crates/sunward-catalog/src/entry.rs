//! The kinds of entry and their fields. Every field of a data file becomes one field here; unknown keys are refused.

use crate::quantity::{
    JoulesPerKelvinSquareMeter, JoulesPerKilogram, KilogramsPerJoule, KilogramsPerSecond, UsdPerSecond, UsdPerWatt,
    UsdPerWattSecond, WattsPerKilogram,
};
use crate::value::{Chosen, Valued};
use serde::{Deserialize, Serialize};
use sunward_units::{
    Bits, BitsPerSecond, Decibels, FlopsPerSecond, Hertz, JoulesPerKelvin, Kelvin, Kilograms, KilogramsPerSquareMeter,
    Meters, PerKelvin, PerSecond, Radians, Ratio, Seconds, Usd, UsdPerJoule, UsdPerKilogram, Watts, WattsPerKelvin,
    WattsPerSquareMeter,
};

/// What every entry has: a kind, and a kebab-case name unique within the catalog.
pub trait Entry {
    /// The name of the kind, as in data files: `accelerator`, `solar-cell`, ...
    const KIND: &'static str;
    /// The name other files refer to.
    fn id(&self) -> &str;
    /// One line for people.
    fn title(&self) -> &str;
}

macro_rules! entry {
    ($(#[$doc:meta])* $kind:literal $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Kebab-case name, unique within the catalog.
            pub id: String,
            /// One line for people.
            pub title: String,
            $($(#[$field_doc])* pub $field: $type,)+
        }

        impl Entry for $name {
            const KIND: &'static str = $kind;
            fn id(&self) -> &str { &self.id }
            fn title(&self) -> &str { &self.title }
        }
    };
}
pub(crate) use entry;

/// Peak dense rates (without structured sparsity); absent where the part has no such mode.
///
/// Integer rates are written in FLOP/s too: one multiply or one add is one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakRates {
    /// 32-bit floating point on the vector units.
    pub fp32: Option<Valued<FlopsPerSecond>>,
    /// bfloat16 on the matrix units, 32-bit accumulation.
    pub bf16: Option<Valued<FlopsPerSecond>>,
    /// IEEE half precision on the matrix units.
    pub fp16: Option<Valued<FlopsPerSecond>>,
    /// 8-bit floating point on the matrix units.
    pub fp8: Option<Valued<FlopsPerSecond>>,
    /// 8-bit integers on the matrix units.
    pub int8: Option<Valued<FlopsPerSecond>>,
}

/// Number formats with a peak rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    Fp32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    Fp16,
    /// 8-bit floating point.
    Fp8,
    /// 8-bit integers.
    Int8,
}

impl PeakRates {
    /// The peak rate of a precision, `None` where the part lacks it.
    #[must_use]
    pub fn of(&self, precision: Precision) -> Option<&Valued<FlopsPerSecond>> {
        match precision {
            Precision::Fp32 => self.fp32.as_ref(),
            Precision::Bf16 => self.bf16.as_ref(),
            Precision::Fp16 => self.fp16.as_ref(),
            Precision::Fp8 => self.fp8.as_ref(),
            Precision::Int8 => self.int8.as_ref(),
        }
    }
}

/// How an accelerator's memory answers an upset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryProtection {
    /// Single-bit errors corrected, double-bit errors detected, in memory and on-chip arrays.
    EccSecded,
    /// Nothing is corrected or reported.
    None,
}

entry! {
    /// An accelerator: what it computes, draws, weighs and withstands. A rack is one entry too.
    "accelerator" Accelerator {
        /// Peak dense rates by precision, at the boost clock.
        peak: PeakRates,
        /// Device memory.
        memory: Valued<Bits>,
        /// Device memory bandwidth.
        memory_bandwidth: Valued<BitsPerSecond>,
        /// Largest sustained draw of the part (thermal design power).
        power: Valued<Watts>,
        /// Draw with a context open and nothing running.
        idle_power: Valued<Watts>,
        /// Share of the power above idle that the memory takes when it is streamed at full bandwidth.
        memory_power_share: Valued<Ratio>,
        /// Highest clock; peak rates hold there.
        boost_clock: Valued<Hertz>,
        /// Clock guaranteed within `power`.
        base_clock: Valued<Hertz>,
        /// Lowest clock while work runs.
        minimum_clock: Valued<Hertz>,
        /// Supply voltage at the minimum clock divided by that at the boost clock.
        voltage_floor_ratio: Valued<Ratio>,
        /// Chip temperature at which the clock starts to fall.
        throttle_temperature: Valued<Kelvin>,
        /// Chip temperature at which the part switches itself off.
        shutdown_temperature: Valued<Kelvin>,
        /// Heat capacity of the chip node: dies, package and lid.
        chip_heat_capacity: Valued<JoulesPerKelvin>,
        /// Conductance from the chip node to the board node (interface, cold plate, strap root).
        chip_to_board: Valued<WattsPerKelvin>,
        /// Mass as bought, with its own heat sink.
        mass: Valued<Kilograms>,
        /// Price of one.
        price: Valued<Usd>,
        /// What an upset in memory meets.
        memory_protection: Chosen<MemoryProtection>,
        /// Share of parts that fail for good, per time.
        permanent_failure_rate: Valued<PerSecond>,
        /// From a hang to running work again: detection, power cycle, host boot, driver and model load.
        reboot_time: Valued<Seconds>,
    }
}

entry! {
    /// A solar cell as laid on a panel. Areas are of cells, not of panels.
    "solar-cell" SolarCell {
        /// Efficiency under AM0 at `reference_temperature`, begin of life.
        efficiency: Valued<Ratio>,
        /// Temperature at which `efficiency` holds.
        reference_temperature: Valued<Kelvin>,
        /// Relative change of efficiency per kelvin, negative: `efficiency * (1 + coefficient * (T - reference))`.
        temperature_coefficient: Valued<PerKelvin>,
        /// Power left after 1e15 electrons/cm2 of 1 MeV, relative to begin of life.
        remaining_power_1e15: Valued<Ratio>,
        /// Share of power lost per year in low Earth orbit (radiation, ultraviolet, cycling, debris), compounding.
        degradation: Valued<PerSecond>,
        /// Share of sunlight absorbed at the front with no power drawn.
        absorptance: Valued<Ratio>,
        /// Infrared emissivity of the cover glass.
        emissivity_front: Valued<Ratio>,
        /// Infrared emissivity of the panel's back.
        emissivity_back: Valued<Ratio>,
        /// Mass of cell, cover glass, wiring and panel per cell area.
        areal_mass: Valued<KilogramsPerSquareMeter>,
        /// Heat capacity of the same per cell area.
        areal_heat_capacity: Valued<JoulesPerKelvinSquareMeter>,
        /// Power per mass of a finished wing, begin of life.
        specific_power: Valued<WattsPerKilogram>,
        /// Price of a finished, tested panel per watt at begin of life.
        price: Valued<UsdPerWatt>,
    }
}

entry! {
    /// A battery cell type, as packed into a battery.
    ///
    /// Cycle life falls with depth: the capacity share lost per equivalent full cycle at depth of discharge `d` is
    /// `cycle_fade * (d / cycle_fade_depth)^cycle_fade_exponent`.
    "battery-cell" BatteryCell {
        /// Energy per mass of the finished battery.
        specific_energy: Valued<JoulesPerKilogram>,
        /// Largest charge power over rated energy ("1 1/h" is 1 C).
        charge_rate_max: Valued<PerSecond>,
        /// Largest discharge power over rated energy.
        discharge_rate_max: Valued<PerSecond>,
        /// Energy stored over energy put in.
        charge_efficiency: Valued<Ratio>,
        /// Energy delivered over energy taken out.
        discharge_efficiency: Valued<Ratio>,
        /// Share of capacity lost per time at rest, at about 20 degC and half charge.
        calendar_fade: Valued<PerSecond>,
        /// Share of capacity lost per equivalent full cycle at `cycle_fade_depth`.
        cycle_fade: Valued<Ratio>,
        /// Depth of discharge at which `cycle_fade` holds.
        cycle_fade_depth: Valued<Ratio>,
        /// Exponent of the depth in the fade per equivalent full cycle.
        cycle_fade_exponent: Valued<Ratio>,
        /// Capacity share at which the battery counts as worn out.
        end_of_life_capacity: Valued<Ratio>,
        /// Lowest temperature at which it may be charged.
        charge_temperature_min: Valued<Kelvin>,
        /// Lowest temperature at which it may be discharged.
        discharge_temperature_min: Valued<Kelvin>,
        /// Highest temperature.
        temperature_max: Valued<Kelvin>,
        /// Price of a finished, flight-tested battery per watt-hour, written per kWh.
        price: Valued<UsdPerJoule>,
    }
}

entry! {
    /// A radiator surface.
    "coating" Coating {
        /// Infrared hemispherical emissivity near 300 K.
        emissivity: Valued<Ratio>,
        /// Solar absorptance, begin of life.
        absorptance: Valued<Ratio>,
        /// Solar absorptance, end of life (years of ultraviolet, atomic oxygen and contamination).
        absorptance_end_of_life: Valued<Ratio>,
        /// Mass of the coating alone.
        areal_mass: Valued<KilogramsPerSquareMeter>,
    }
}

entry! {
    /// A way to build a radiator.
    "radiator" Radiator {
        /// Mass per planform area, with pipes, face sheets and attachment.
        areal_mass: Valued<KilogramsPerSquareMeter>,
        /// Heat rejected over that of a plate all at the root's temperature (fin effectiveness).
        effectiveness: Valued<Ratio>,
    }
}

entry! {
    /// What surrounds a satellite of the Earth.
    "environment" Environment {
        /// Sunlight at one astronomical unit.
        solar_irradiance: Valued<WattsPerSquareMeter>,
        /// Share of sunlight the Earth reflects.
        albedo: Valued<Ratio>,
        /// Infrared emission of the Earth at the top of the atmosphere.
        earth_infrared: Valued<WattsPerSquareMeter>,
        /// Temperature of deep space.
        space_temperature: Valued<Kelvin>,
    }
}

entry! {
    /// What a mission file may leave out.
    "defaults" Defaults {
        /// Time between two plans of the scheduler.
        planning_interval: Valued<Seconds>,
    }
}

entry! {
    /// A ground antenna of the kind a network puts at its sites.
    "antenna" Antenna {
        /// Diameter of the dish.
        diameter: Valued<Meters>,
        /// Receive gain at X band (8.2 GHz).
        antenna_gain: Valued<Decibels>,
        /// Receiving system noise temperature at X band, clear sky, 10 degrees elevation.
        system_temperature: Valued<Kelvin>,
        /// Power of the S-band uplink before the antenna.
        transmit_power: Valued<Watts>,
        /// Transmit gain at S band (2.1 GHz).
        transmit_gain: Valued<Decibels>,
    }
}

entry! {
    /// A ground station.
    "station" Station {
        /// Geodetic latitude (WGS 84).
        latitude: Valued<Radians>,
        /// Longitude, east positive.
        longitude: Valued<Radians>,
        /// Height above the sea.
        altitude: Valued<Meters>,
        /// Lowest elevation at which a pass is used.
        minimum_elevation: Valued<Radians>,
        /// Name of an antenna in the catalog; see [`crate::Catalog::antenna_of`].
        antenna: Chosen<String>,
        /// Antennas a customer can book at once.
        antennas: Chosen<u32>,
    }
}

entry! {
    /// A way to orbit and its price.
    "launcher" Launcher {
        /// Largest payload to low Earth orbit; absent for a price that belongs to no one vehicle.
        payload: Option<Valued<Kilograms>>,
        /// Price of a whole launch.
        launch_price: Option<Valued<Usd>>,
        /// Price per mass delivered to low Earth orbit.
        price: Valued<UsdPerKilogram>,
    }
}

entry! {
    /// An electricity price at the meter.
    "tariff" Tariff {
        /// Price per energy.
        price: Valued<UsdPerJoule>,
    }
}

entry! {
    /// A fuel burnt on site.
    "fuel" Fuel {
        /// Price per heat of combustion (higher heating value).
        price: Valued<UsdPerJoule>,
        /// Electricity out over heat in, of the plant that usually burns it.
        efficiency: Valued<Ratio>,
        /// Carbon dioxide per heat of combustion.
        carbon: Valued<KilogramsPerJoule>,
        /// Price of that plant per electrical watt.
        plant_price: Valued<UsdPerWatt>,
    }
}

entry! {
    /// Carbon dioxide equivalent of a kilowatt-hour.
    "grid" Grid {
        /// Emission per electrical energy.
        carbon: Valued<KilogramsPerJoule>,
    }
}

entry! {
    /// How a terrestrial hall spends energy and water beyond its computers.
    "facility" Facility {
        /// Energy of the site over energy of the computers (PUE).
        power_usage_effectiveness: Valued<Ratio>,
        /// Water evaporated per energy of the computers (WUE), a litre taken as a kilogram.
        water_usage: Valued<KilogramsPerJoule>,
    }
}

entry! {
    /// What a terrestrial hall holds beside each of its accelerators, and what cools it.
    "hall" Hall {
        /// Power of the host over that of its accelerators at full load.
        host_share: Valued<Ratio>,
        /// The same while no job runs.
        host_idle_share: Valued<Ratio>,
        /// Storage an accelerator.
        storage: Valued<Bits>,
        /// Heat capacity of board and cold plate, over that of the chip.
        board_capacity_ratio: Valued<Ratio>,
        /// Heat capacity of the facility's water loop, over that of the chips.
        loop_capacity_ratio: Valued<Ratio>,
        /// Heat capacity of the hall's air and racks, over that of the chips.
        air_capacity_ratio: Valued<Ratio>,
        /// Rise from loop to board at full load.
        board_rise: Valued<Kelvin>,
        /// Rise from coolant to loop at full load.
        loop_rise: Valued<Kelvin>,
        /// Share of the full load whose heat the air handlers are sized for.
        air_share: Valued<Ratio>,
        /// Rise from loop to air with that share in the air.
        air_rise: Valued<Kelvin>,
        /// Temperature of the coolant that comes back from the cooling plant.
        coolant: Valued<Kelvin>,
        /// Name of the battery cell of the uninterruptible supply.
        battery_cell: Chosen<String>,
        /// How long the uninterruptible supply carries the full load.
        battery_time: Valued<Seconds>,
        /// Efficiency of its converter, each way.
        battery_regulator: Valued<Ratio>,
    }
}

entry! {
    /// What money costs, and what a mission's ledger takes where the mission is silent.
    "costs" Costs {
        /// Real discount rate a year.
        discount_rate: Valued<Ratio>,
        /// Share of the launch price that each doubling of the mass ever launched takes off.
        launch_learning_rate: Valued<Ratio>,
        /// Mass that the whole world launches per time.
        launch_market: Valued<KilogramsPerSecond>,
        /// Carbon dioxide of launching a kilogram, per kilogram.
        launch_carbon: Valued<Ratio>,
        /// Booked antenna time.
        contact_price: Valued<UsdPerSecond>,
        /// Insurance of launch and first year over the value launched.
        insurance: Valued<Ratio>,
        /// Share of the unit price lost with each doubling of the units built.
        unit_learning_rate: Valued<Ratio>,
        /// Life of a satellite.
        satellite_life: Valued<Seconds>,
        /// Life of a hall's building and plant.
        hall_life: Valued<Seconds>,
        /// Life of accelerators.
        accelerator_life: Valued<Seconds>,
        /// Running a fleet, per time and price of its satellites.
        satellite_operations: Valued<PerSecond>,
        /// Running a hall, per time and price of building and plant.
        hall_operations: Valued<PerSecond>,
        /// Taking a unit down at the end, over its price.
        disposal: Valued<Ratio>,
        /// Share of working accelerators below which a satellite is replaced.
        replace_below: Valued<Ratio>,
        /// Water at the meter.
        water_price: Valued<UsdPerKilogram>,
    }
}

entry! {
    /// A price of hardware per power.
    "component" Component {
        /// Price per watt.
        price: Valued<UsdPerWatt>,
    }
}

entry! {
    /// A price of powered capacity, hosted and kept up.
    "hosting" Hosting {
        /// Price per power and time.
        price: Valued<UsdPerWattSecond>,
    }
}

entry! {
    /// The hire of one accelerator.
    "hire" Hire {
        /// Price per time.
        price: Valued<UsdPerSecond>,
    }
}
