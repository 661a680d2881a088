//! Satellites as sections of a mission's site: whatever a mission leaves out, its platform gives.

use crate::entry::{Entry, entry};
use crate::value::{Chosen, Valued};
use serde::{Deserialize, Serialize};
use sunward_units::{
    Bits, BitsPerSecond, Decibels, Hertz, Joules, JoulesPerKelvin, Kelvin, Kilograms, Meters, Radians, Ratio, Seconds,
    SquareMeters, Watts, WattsPerKelvin,
};

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }
    };
}

/// How an array follows the Sun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pointing {
    /// The normal points at the Sun.
    SunTracking,
    /// One rotation axis, along the orbit normal.
    OneAxis,
    /// The normal points away from the Earth.
    Zenith,
}

/// Where a radiator looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RadiatorOrientation {
    /// At the Earth.
    Nadir,
    /// Away from the Earth.
    Zenith,
    /// Away from the Sun.
    AntiSun,
    /// Sunlight along the plate.
    EdgeOnSun,
}

impl std::fmt::Display for Pointing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SunTracking => "sun-tracking",
            Self::OneAxis => "one-axis",
            Self::Zenith => "zenith",
        })
    }
}

impl std::fmt::Display for RadiatorOrientation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nadir => "nadir",
            Self::Zenith => "zenith",
            Self::AntiSun => "anti-sun",
            Self::EdgeOnSun => "edge-on-sun",
        })
    }
}

entry! {
    /// A satellite without its orbit and its job.
    "platform" Platform {
        /// Solar array.
        array: Array,
        /// Battery.
        battery: Battery,
        /// Power conversion and essential loads.
        power: Power,
        /// Heat paths.
        thermal: Thermal,
        /// Radiation shielding.
        shielding: Shielding,
        /// Host computer and, where the platform is built around one, its accelerator.
        compute: ComputeHost,
        /// Mass.
        mass: Mass,
        /// Radio links to the ground.
        radio: Radio,
    }
}

section! {
    /// Solar array.
    Array {
        /// Name of a solar cell in the catalog.
        cell: Chosen<String>,
        /// Area of cells.
        area: Valued<SquareMeters>,
        /// How it follows the Sun.
        pointing: Chosen<Pointing>,
        /// Angle between the intended and the true normal.
        pointing_error: Valued<Radians>,
        /// Time in orbit at mission start.
        age: Valued<Seconds>,
    }
}

section! {
    /// Battery.
    Battery {
        /// Name of a battery cell in the catalog.
        cell: Chosen<String>,
        /// Rated energy, begin of life.
        energy: Valued<Joules>,
        /// Deepest discharge the power system allows.
        depth_of_discharge_max: Valued<Ratio>,
        /// State of charge at mission start.
        state_of_charge: Valued<Ratio>,
        /// Equivalent full cycles before mission start.
        cycles: Valued<Ratio>,
    }
}

section! {
    /// Power conversion and essential loads.
    Power {
        /// Bus power over array power.
        array_regulator_efficiency: Valued<Ratio>,
        /// Efficiency of the battery's converter, each way.
        battery_regulator_efficiency: Valued<Ratio>,
        /// Load power over bus power.
        distribution_efficiency: Valued<Ratio>,
        /// Avionics, attitude control and receiver: never shed.
        bus_load: Valued<Watts>,
        /// Battery survival heater.
        heater_power: Valued<Watts>,
        /// Bus temperature below which the heater is on.
        heater_setpoint: Valued<Kelvin>,
    }
}

section! {
    /// Heat paths: chip to board to radiator, and the bus beside them.
    Thermal {
        /// Radiating area of one face.
        radiator_area: Valued<SquareMeters>,
        /// Name of a coating in the catalog.
        radiator_coating: Chosen<String>,
        /// Radiating faces, 1 or 2.
        radiator_faces: Chosen<u32>,
        /// Where the radiator looks.
        radiator_orientation: Chosen<RadiatorOrientation>,
        /// Heat capacity of boards and cold plate.
        board_heat_capacity: Valued<JoulesPerKelvin>,
        /// Heat capacity of structure, battery and avionics.
        bus_heat_capacity: Valued<JoulesPerKelvin>,
        /// Heat capacity of the radiator.
        radiator_heat_capacity: Valued<JoulesPerKelvin>,
        /// Conductance from board to radiator.
        board_to_radiator: Valued<WattsPerKelvin>,
        /// Conductance from board to bus.
        board_to_bus: Valued<WattsPerKelvin>,
        /// Conductance from bus to radiator.
        bus_to_radiator: Valued<WattsPerKelvin>,
        /// Outer area of the insulated bus.
        bus_effective_area: Valued<SquareMeters>,
        /// Effective emissivity of the insulation.
        bus_effective_emissivity: Valued<Ratio>,
        /// Temperature of every node at mission start.
        initial_temperature: Valued<Kelvin>,
    }
}

section! {
    /// Radiation shielding.
    Shielding {
        /// Thickness of aluminium that stops as much as what surrounds the chip.
        aluminium: Valued<Meters>,
    }
}

section! {
    /// Host computer and, where the platform is built around one, its accelerator.
    ComputeHost {
        /// Name of an accelerator in the catalog.
        accelerator: Option<Chosen<String>>,
        /// How many accelerators.
        count: Option<Chosen<u32>>,
        /// Draw of the host while any job runs.
        host_power: Valued<Watts>,
        /// Draw of the host between jobs.
        host_idle_power: Valued<Watts>,
        /// Storage for inputs, checkpoints and results.
        storage: Valued<Bits>,
    }
}

section! {
    /// Mass.
    Mass {
        /// Without propellant.
        dry: Valued<Kilograms>,
    }
}

section! {
    /// Radio links to the ground.
    Radio {
        /// From the satellite.
        downlink: Downlink,
        /// To the satellite.
        uplink: Uplink,
    }
}

section! {
    /// Transmitter of the satellite.
    Downlink {
        /// Carrier frequency.
        frequency: Valued<Hertz>,
        /// Radiated power before the antenna.
        transmit_power: Valued<Watts>,
        /// Power drawn while transmitting.
        power_draw: Valued<Watts>,
        /// Antenna gain.
        antenna_gain: Valued<Decibels>,
        /// Occupied bandwidth.
        bandwidth: Valued<Hertz>,
        /// Fastest coding and modulation of the modem.
        rate_max: Valued<BitsPerSecond>,
        /// Distance of the real modem from the ideal one.
        implementation_loss: Valued<Decibels>,
    }
}

section! {
    /// Receiver of the satellite.
    Uplink {
        /// Carrier frequency.
        frequency: Valued<Hertz>,
        /// Antenna gain.
        antenna_gain: Valued<Decibels>,
        /// Receiving system noise temperature.
        system_temperature: Valued<Kelvin>,
        /// Occupied bandwidth.
        bandwidth: Valued<Hertz>,
        /// Fastest coding and modulation of the modem.
        rate_max: Valued<BitsPerSecond>,
        /// Distance of the real modem from the ideal one.
        implementation_loss: Valued<Decibels>,
    }
}
