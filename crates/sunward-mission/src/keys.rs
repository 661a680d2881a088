//! Every key of a mission file: its type, range, what stands in for it, and what it means.
//!
//! The JSON schema and `docs/missions.md` are made from this module.

use sunward_astro::elements::{Elements, ElementsError, read_omm_json};
use sunward_astro::time::Instant;
pub use sunward_catalog::platform::{Pointing, RadiatorOrientation};
use sunward_catalog::{KilogramsPerJoule, KilogramsPerSecond, UsdPerSecond, UsdPerWatt};
use sunward_units::*;

use crate::declare::{forms, items, section, tagged, words};
use crate::fault::Source;
use crate::form::{Given, Many, Maybe, Tagged, section_json};
use crate::leaf::{ElementSet, Epoch, LocalTime, Name};

section! {
    /// What a mission file holds.
    pub struct Keys {
        /// The run: its name, time span and seed.
        header "mission": Given<Header>,
        /// The satellites, and the halls on the ground they are compared with.
        sites "site": Many<Site>,
        /// The ground stations.
        stations "station": Many<Station> or "no ground contact",
        /// The work to be done.
        jobs "job": Many<Job> or "no work: the plant alone is flown",
        /// The radiation environment.
        radiation: Given<Radiation>,
        /// Sun and Earth as the satellite sees them.
        environment: Given<Environment>,
        /// Prices, from which the ledger of the run is written.
        cost: Maybe<Cost> or "no ledger is kept",
        /// What the record keeps.
        record: Given<Recording>,
        /// Values of catalog parts to be taken otherwise, for a what-if or a study.
        overrides "override": Many<Override> or "every part as the catalog has it",
    }
}

section! {
    /// The run: its name, time span and seed.
    pub struct Header {
        /// Name of the mission, for people.
        name: Given<String>,
        /// Instant at which the run starts.
        start: Given<Instant>,
        /// How long the run lasts: a whole number of milliseconds and of steps.
        duration: Given<Seconds> in "1 s".."20 yr",
        /// Time step of power, heat and work, a whole number of milliseconds; events inside a step keep their own times.
        step: Given<Seconds> in "1 s".."10 min",
        /// Seed of every random draw.
        seed: Given<u64> in "0".."9223372036854775807",
        /// How often the scheduler plans anew.
        planning_interval: Maybe<Seconds> in "1 min".."30 d" or "the catalog's",
    }
}

section! {
    /// A satellite or a hall on the ground, or several of one design.
    pub struct Site {
        /// Name of the satellite or hall; of several, NAME-1, NAME-2 and so on.
        name: Given<Name>,
        /// Catalog entry that supplies the keys not given here.
        platform: Maybe<Name> or "every key of the plant is given here",
        /// Number of identical units: satellites evenly spread in phase on a sun-synchronous orbit, or halls on the ground.
        count: Given<u32> in "1".."1000000" default "1",
        /// How many of the count are flown, each of which stands for as many as the rest; a divisor of the count.
        flown: Maybe<u32> in "1".."1000000" or "all of them",
        /// Where the satellite flies; exactly one form. This or `ground`.
        orbit: Maybe<Orbit> or "`ground`",
        /// Where the hall stands, and what feeds and cools it. This or `orbit`.
        ground: Maybe<Ground> or "`orbit`",
        /// Solar array.
        array: Given<Array>,
        /// Battery.
        battery: Given<Battery>,
        /// Power regulation and the satellite's own loads.
        power: Given<Power>,
        /// Radiator, heat capacities and conductances.
        thermal: Given<Thermal>,
        /// Shielding against radiation.
        shielding: Given<Shielding>,
        /// Accelerators and their host.
        compute: Given<Compute>,
        /// Mass.
        mass: Given<Mass>,
        /// Radios to and from the ground.
        radio: Given<Radio>,
        /// What a unit costs, how long it lives and what becomes of it when it fails; needs the mission's `cost`.
        cost: Given<SiteCost>,
    }
}

section! {
    /// A hall on the ground: where it stands, and what feeds, cools and connects it.
    pub struct Ground {
        /// Geodetic latitude, north positive.
        latitude: Given<Radians> in "-90 deg".."90 deg",
        /// Longitude, east positive.
        longitude: Given<Radians> in "-180 deg".."360 deg",
        /// Power that the connection or the plant on site can give, overhead included.
        power: Given<Watts> in "1 W".."1 TW",
        /// Data rate of the fibre, each way.
        bandwidth: Given<BitsPerSecond> in "1 bit/s".."1000 Tbit/s",
        /// Facility of the catalog that supplies the two keys below.
        facility: Maybe<Name> or "both are given",
        /// Energy of the hall over energy of its computers (PUE).
        power_usage_effectiveness: Maybe<Ratio> in "1".."4" or "the facility's",
        /// Water evaporated per energy of the computers (WUE), a litre taken as a kilogram.
        water_usage: Maybe<KilogramsPerJoule> in "0 kg/kWh".."20 kg/kWh" or "the facility's",
        /// Temperature of the coolant that comes back from the cooling plant.
        coolant_temperature: Maybe<Kelvin> in "250 K".."350 K" or "the catalog's",
        /// Electricity tariff, by its name in the catalog.
        tariff: Maybe<Name> or "`electricity_price` or `fuel`, where a ledger is kept",
        /// Price of electricity at the meter.
        electricity_price: Maybe<UsdPerJoule> in "0 USD/kWh".."100 USD/kWh" or "the tariff's",
        /// Fuel, by its name in the catalog, of a plant on site that feeds the hall instead of a grid.
        fuel: Maybe<Name> or "a grid feeds the hall",
        /// Price of the fuel per heat of combustion.
        fuel_price: Maybe<UsdPerJoule> in "0 USD/MWh".."10 USD/kWh" or "the fuel's",
        /// Grid, by its name in the catalog, for the carbon of its electricity.
        grid: Maybe<Name> or "the fuel's carbon, or us-average",
        /// Price of water.
        water_price: Maybe<UsdPerKilogram> in "0 USD/kg".."1 USD/kg" or "the catalog's",
    }
}

section! {
    /// What a unit costs, how long it lives and what becomes of it when it fails.
    pub struct SiteCost {
        /// Price of one unit without its accelerators: a satellite, or a hall's building and plant.
        unit_price: Maybe<Usd> in "0 USD".."1e6 TUSD" or "`power_price` times power",
        /// The same per watt: of the array when new, or of the computers that a hall can feed.
        power_price: Maybe<UsdPerWatt> in "0 USD/W".."1e6 USD/W" or "the catalog's",
        /// Price of one accelerator with its share of the host.
        accelerator_price: Maybe<Usd> in "0 USD".."1 TUSD" or "the accelerator's",
        /// Share of the unit's price that each doubling of the number built takes off; the price is that of the first.
        unit_learning_rate: Maybe<Ratio> in "0".."0.9" or "the catalog's",
        /// Life of the unit, after which it is replaced.
        life: Maybe<Seconds> in "1 h".."100 yr" or "the catalog's",
        /// Life of the accelerators: a hall swaps them, a satellite lives no longer than they.
        accelerator_life: Maybe<Seconds> in "1 h".."100 yr" or "the catalog's",
        /// Running cost per time over the price of the unit.
        operations: Maybe<PerSecond> in "0 1/yr".."10 1/yr" or "the catalog's",
        /// Insurance over the value launched.
        insurance: Maybe<Ratio> in "0".."1" or "the catalog's",
        /// Cost of taking the unit down at the end of its life, over its price.
        disposal: Maybe<Ratio> in "0".."1" or "the catalog's",
        /// From a failure to its replacement at work: a hall swaps each accelerator, a satellite is replaced whole.
        replacement_delay: Maybe<Seconds> in "0 s".."20 yr" or "failed accelerators stay failed",
        /// Share of working accelerators below which a satellite is replaced.
        replace_below: Maybe<Ratio> in "0".."1" or "the catalog's",
        /// Launcher, by its name in the catalog.
        launcher: Maybe<Name> or "`launch_price`, of a satellite",
        /// Price of launching at the start of the run.
        launch_price: Maybe<UsdPerKilogram> in "0 USD/kg".."1e6 USD/kg" or "the launcher's",
        /// Mass that launchers of that price have ever launched at the start of the run.
        launch_cumulative: Maybe<Kilograms> in "1 kg".."1e6 Mt" or "the mass at which Suncatcher's curve has the launch price",
    }
}

section! {
    /// Prices and the value of time. All money is of one price year.
    pub struct Cost {
        /// Year of whose money all prices are.
        price_year: Given<u32> in "2000".."2100",
        /// Real discount rate a year.
        discount_rate: Maybe<Ratio> in "0".."1" or "the catalog's",
        /// Share of the launch price that each doubling of the mass ever launched takes off.
        launch_learning_rate: Maybe<Ratio> in "0".."0.9" or "the catalog's",
        /// Mass that all others launch per time.
        launch_market: Maybe<KilogramsPerSecond> in "0 t/yr".."1e6 kt/yr" or "the catalog's",
        /// Carbon dioxide of launching a mass, over that mass.
        launch_carbon: Maybe<Ratio> in "0".."10000" or "the catalog's",
        /// Price of antenna time at ground stations.
        contact_price: Maybe<UsdPerSecond> in "0 USD/min".."1000 USD/min" or "the catalog's",
        /// Engineering that is paid once.
        development: Given<Usd> in "0 USD".."1e3 TUSD" default "0 USD",
        /// People, beyond what running the units costs.
        staff: Given<UsdPerSecond> in "0 USD/yr".."1e6 MUSD/yr" default "0 USD/yr",
        /// Price at which an accelerator at work is hired out.
        hire_price: Maybe<UsdPerSecond> in "0 USD/h".."1e6 USD/h" or "no revenue is stated",
    }
}

forms! {
    /// Where a satellite flies.
    pub enum Orbit {
        /// A two-line element set, propagated by SGP4.
        Tle(ElementSet) = "tle",
        /// An orbit mean-elements message (CCSDS 502.0), propagated by SGP4; keys and units are the standard's.
        Omm(Omm) = "omm",
        /// A circular sun-synchronous orbit.
        SunSynchronous(SunSynchronous) = "sun_synchronous",
        /// A Walker constellation (Walker 1984); makes as many satellites as it names.
        Walker(Walker) = "walker",
        /// Mean elements with secular J2 rates; no drag.
        Mean(MeanElements) = "mean",
    }
}

section! {
    /// An orbit mean-elements message (CCSDS 502.0), as OMM JSON names its fields.
    pub struct Omm {
        /// Name of the object.
        object_name "OBJECT_NAME": Maybe<String> or "not needed",
        /// International designator.
        object_id "OBJECT_ID": Maybe<String> or "not needed",
        /// Epoch of the elements, UTC.
        epoch "EPOCH": Given<Epoch>,
        /// Mean motion, revolutions per day.
        mean_motion "MEAN_MOTION": Given<f64> in "0.05".."18",
        /// Eccentricity.
        eccentricity "ECCENTRICITY": Given<f64> in "0".."0.999",
        /// Inclination, degrees.
        inclination "INCLINATION": Given<f64> in "0".."180",
        /// Right ascension of the ascending node, degrees.
        ra_of_asc_node "RA_OF_ASC_NODE": Given<f64> in "0".."360",
        /// Argument of pericenter, degrees.
        arg_of_pericenter "ARG_OF_PERICENTER": Given<f64> in "0".."360",
        /// Mean anomaly, degrees.
        mean_anomaly "MEAN_ANOMALY": Given<f64> in "0".."360",
        /// Ephemeris type; 0 is SGP4.
        ephemeris_type "EPHEMERIS_TYPE": Given<u64> in "0".."0" default "0",
        /// Classification: U, C or S.
        classification_type "CLASSIFICATION_TYPE": Maybe<String> or "U",
        /// Catalog number.
        norad_cat_id "NORAD_CAT_ID": Given<u64> in "0".."999999999",
        /// Element set number.
        element_set_no "ELEMENT_SET_NO": Given<u64> in "0".."9999" default "999",
        /// Revolution number at epoch.
        rev_at_epoch "REV_AT_EPOCH": Given<u64> in "0".."999999" default "0",
        /// SGP4 drag term, per Earth radius.
        bstar "BSTAR": Given<f64> in "-10".."10",
        /// First derivative of the mean motion, half of it, revolutions per day squared.
        mean_motion_dot "MEAN_MOTION_DOT": Maybe<f64> in "-10".."10" or "not needed: SGP4 does not use it",
        /// Second derivative of the mean motion, a sixth of it, revolutions per day cubed.
        mean_motion_ddot "MEAN_MOTION_DDOT": Maybe<f64> in "-10".."10" or "not needed: SGP4 does not use it",
    }
}

section! {
    /// A circular sun-synchronous orbit.
    pub struct SunSynchronous {
        /// Height above the mean equatorial radius; no dose of radiation is known below and above the range.
        altitude: Given<Meters> in "300 km".."2000 km",
        /// Mean local solar time of the ascending node.
        local_time: Given<LocalTime>,
        /// Argument of latitude at the start.
        phase: Given<Radians> in "-360 deg".."360 deg" default "0 deg",
    }
}

section! {
    /// A Walker constellation (Walker 1984).
    pub struct Walker {
        /// Height above the mean equatorial radius; no dose of radiation is known below and above the range.
        altitude: Given<Meters> in "300 km".."2000 km",
        /// Inclination.
        inclination: Given<Radians> in "0 deg".."180 deg",
        /// Number of satellites, a multiple of the planes.
        satellites: Given<u32> in "1".."1000000",
        /// Number of orbital planes.
        planes: Given<u32> in "1".."10000",
        /// Phase between neighbouring planes, in units of 360 deg / satellites; less than the planes.
        phasing: Given<u32> in "0".."9999",
        /// How the nodes are spread.
        pattern: Given<WalkerPattern> default "delta",
    }
}

words! {
    /// How the ascending nodes of a Walker constellation are spread.
    pub enum WalkerPattern {
        /// Over 360 degrees.
        Delta = "delta",
        /// Over 180 degrees, as for polar orbits.
        Star = "star",
    }
}

section! {
    /// Mean elements at the start, with secular J2 rates.
    pub struct MeanElements {
        /// Height above the mean equatorial radius; no dose of radiation is known below and above the range. This or `semi_major_axis`.
        altitude: Maybe<Meters> in "300 km".."2000 km" or "`semi_major_axis`",
        /// Mean semi-major axis, at the same heights; this or `altitude`.
        semi_major_axis: Maybe<Meters> in "6678.137 km".."8378.137 km" or "`altitude`",
        /// Eccentricity; perigee and apogee too lie from 300 km to 2000 km, to 10 km.
        eccentricity: Given<Ratio> in "0".."0.9" default "0",
        /// Inclination.
        inclination: Given<Radians> in "0 deg".."180 deg",
        /// Right ascension of the ascending node.
        raan: Given<Radians> in "-360 deg".."360 deg",
        /// Argument of perigee.
        argument_of_perigee: Given<Radians> in "-360 deg".."360 deg" default "0 deg",
        /// Mean anomaly.
        mean_anomaly: Given<Radians> in "-360 deg".."360 deg" default "0 deg",
    }
}

section! {
    /// Solar array.
    pub struct Array {
        /// Solar cell, by its name in the catalog.
        cell: Maybe<Name> or "the platform's",
        /// Area of the cells.
        area: Maybe<SquareMeters> in "1 cm2".."100 km2" or "the platform's",
        /// How the array is turned.
        pointing: Maybe<Pointing> or "the platform's",
        /// Angle between the array's normal and its aim.
        pointing_error: Maybe<Radians> in "0 deg".."90 deg" or "the platform's",
        /// Time in orbit before the start.
        age: Maybe<Seconds> in "0 s".."50 yr" or "the platform's",
    }
}

words! {
    for Pointing {
        /// Two axes: the normal points at the Sun.
        SunTracking = "sun-tracking",
        /// One axis, along the orbit's normal.
        OneAxis = "one-axis",
        /// Fixed: the normal points away from the Earth.
        Zenith = "zenith",
    }
}

section! {
    /// Battery.
    pub struct Battery {
        /// Battery cell, by its name in the catalog.
        cell: Maybe<Name> or "the platform's",
        /// Energy when new.
        energy: Maybe<Joules> in "1 J".."1 TWh" or "the platform's",
        /// Share of the energy that may be drawn.
        depth_of_discharge_max: Maybe<Ratio> in "0.01".."1" or "the platform's",
        /// Share of the energy stored at the start.
        state_of_charge: Maybe<Ratio> in "0".."1" or "the platform's",
        /// Equivalent full cycles before the start.
        cycles: Maybe<Ratio> in "0".."100000" or "the platform's",
    }
}

section! {
    /// Power regulation and the satellite's own loads.
    pub struct Power {
        /// Efficiency from the array to the bus.
        array_regulator_efficiency: Maybe<Ratio> in "0.01".."1" or "the platform's",
        /// Efficiency into the battery, and again out of it.
        battery_regulator_efficiency: Maybe<Ratio> in "0.01".."1" or "the platform's",
        /// Efficiency from the bus to the loads.
        distribution_efficiency: Maybe<Ratio> in "0.01".."1" or "the platform's",
        /// Essential load.
        bus_load: Maybe<Watts> in "0 W".."1 TW" or "the platform's",
        /// Power of the battery's survival heater.
        heater_power: Maybe<Watts> in "0 W".."1 TW" or "the platform's",
        /// Temperature of the bus below which the heater is on.
        heater_setpoint: Maybe<Kelvin> in "150 K".."400 K" or "the platform's",
    }
}

section! {
    /// Radiator, heat capacities and conductances.
    pub struct Thermal {
        /// Area of the radiator's panel, one face of it.
        radiator_area: Maybe<SquareMeters> in "1 cm2".."100 km2" or "the platform's",
        /// Coating of the radiator, by its name in the catalog.
        radiator_coating: Maybe<Name> or "the platform's",
        /// Faces that radiate.
        radiator_faces: Maybe<u32> in "1".."2" or "the platform's",
        /// How the radiator is turned.
        radiator_orientation: Maybe<RadiatorOrientation> or "the platform's",
        /// Heat capacity of the board that carries the chip.
        board_heat_capacity: Maybe<JoulesPerKelvin> in "0.1 J/K".."1e9 MJ/K" or "the platform's",
        /// Heat capacity of the satellite's body.
        bus_heat_capacity: Maybe<JoulesPerKelvin> in "0.1 J/K".."1e9 MJ/K" or "the platform's",
        /// Heat capacity of the radiator.
        radiator_heat_capacity: Maybe<JoulesPerKelvin> in "0.1 J/K".."1e9 MJ/K" or "the platform's",
        /// Conductance from the board to the radiator.
        board_to_radiator: Maybe<WattsPerKelvin> in "0 W/K".."1e4 kW/K" or "the platform's",
        /// Conductance from the board to the bus.
        board_to_bus: Maybe<WattsPerKelvin> in "0 W/K".."1e4 kW/K" or "the platform's",
        /// Conductance from the bus to the radiator.
        bus_to_radiator: Maybe<WattsPerKelvin> in "0 W/K".."1e4 kW/K" or "the platform's",
        /// Area through which the bus exchanges heat with space.
        bus_effective_area: Maybe<SquareMeters> in "0 m2".."100 km2" or "the platform's",
        /// Effective emissivity of the bus's insulation.
        bus_effective_emissivity: Maybe<Ratio> in "0".."1" or "the platform's",
        /// Temperature of every node at the start.
        initial_temperature: Maybe<Kelvin> in "100 K".."450 K" or "the platform's",
    }
}

words! {
    for RadiatorOrientation {
        /// Its normal points at the Earth.
        Nadir = "nadir",
        /// Its normal points away from the Earth.
        Zenith = "zenith",
        /// Its normal points away from the Sun.
        AntiSun = "anti-sun",
        /// Its edge points at the Sun.
        EdgeOnSun = "edge-on-sun",
    }
}

section! {
    /// Shielding against radiation.
    pub struct Shielding {
        /// Thickness of aluminium around the electronics; no dose is known behind less or more than the range.
        aluminium: Maybe<Meters> in "0.5 mm".."20 mm" or "the platform's",
    }
}

section! {
    /// Accelerators and their host.
    pub struct Compute {
        /// Accelerator, by its name in the catalog.
        accelerator: Maybe<Name> or "the platform's",
        /// Number of accelerators.
        count: Maybe<u32> in "1".."10000000" or "the platform's",
        /// Power of the host while any job runs.
        host_power: Maybe<Watts> in "0 W".."1 TW" or "the platform's",
        /// Power of the host while none does.
        host_idle_power: Maybe<Watts> in "0 W".."1 TW" or "the platform's",
        /// Storage for input, checkpoints and results.
        storage: Maybe<Bits> in "0 bit".."1e9 PB" or "the platform's",
        /// Whether the device memory corrects errors. Without it those that the correction would have told of go unseen; the many more that
        /// it would have put right are not modelled.
        error_correction: Maybe<bool> or "that of the accelerator",
    }
}

section! {
    /// Mass.
    pub struct Mass {
        /// Mass without propellant.
        dry: Maybe<Kilograms> in "1 g".."1e6 kt" or "the platform's",
    }
}

section! {
    /// Radios to and from the ground.
    pub struct Radio {
        /// To the ground.
        downlink: Given<Downlink>,
        /// From the ground.
        uplink: Given<Uplink>,
    }
}

section! {
    /// The satellite's transmitter.
    pub struct Downlink {
        /// Carrier frequency.
        frequency: Maybe<Hertz> in "30 MHz".."1000 THz" or "the platform's",
        /// Radio-frequency power into the antenna.
        transmit_power: Maybe<Watts> in "1 mW".."1 MW" or "the platform's",
        /// Power drawn from the bus while on.
        power_draw: Maybe<Watts> in "1 mW".."10 MW" or "the platform's",
        /// Gain of the satellite's antenna.
        antenna_gain: Maybe<Decibels> in "-20 dBi".."140 dBi" or "the platform's",
        /// Bandwidth of the channel.
        bandwidth: Maybe<Hertz> in "1 Hz".."1000 THz" or "the platform's",
        /// Greatest data rate of the modem.
        rate_max: Maybe<BitsPerSecond> in "1 bit/s".."1000 Tbit/s" or "the platform's",
        /// Loss against theory.
        implementation_loss: Maybe<Decibels> in "0 dB".."30 dB" or "the platform's",
    }
}

section! {
    /// The satellite's receiver.
    pub struct Uplink {
        /// Carrier frequency.
        frequency: Maybe<Hertz> in "30 MHz".."1000 THz" or "the platform's",
        /// Gain of the satellite's antenna.
        antenna_gain: Maybe<Decibels> in "-20 dBi".."140 dBi" or "the platform's",
        /// System noise temperature of the satellite's receiver.
        system_temperature: Maybe<Kelvin> in "1 K".."100000 K" or "the platform's",
        /// Bandwidth of the channel.
        bandwidth: Maybe<Hertz> in "1 Hz".."1000 THz" or "the platform's",
        /// Greatest data rate of the modem.
        rate_max: Maybe<BitsPerSecond> in "1 bit/s".."1000 Tbit/s" or "the platform's",
        /// Loss against theory.
        implementation_loss: Maybe<Decibels> in "0 dB".."30 dB" or "the platform's",
    }
}

section! {
    /// A ground station: an entry of the catalog, of which any key may be overridden, or all keys.
    pub struct Station {
        /// Station, by its name in the catalog.
        catalog: Maybe<Name> or "every other key is given here",
        /// Name of the station.
        name: Maybe<Name> or "the catalog's name",
        /// Geodetic latitude, north positive.
        latitude: Maybe<Radians> in "-90 deg".."90 deg" or "the catalog's",
        /// Longitude, east positive.
        longitude: Maybe<Radians> in "-180 deg".."360 deg" or "the catalog's",
        /// Height above the ellipsoid.
        altitude: Maybe<Meters> in "-500 m".."9000 m" or "the catalog's",
        /// Elevation above which the station sees a satellite.
        minimum_elevation: Maybe<Radians> in "0 deg".."89.9 deg" or "the catalog's",
        /// Gain of the receiving antenna.
        antenna_gain: Maybe<Decibels> in "-20 dBi".."140 dBi" or "the catalog's",
        /// System noise temperature of the receiver.
        system_temperature: Maybe<Kelvin> in "1 K".."100000 K" or "the catalog's",
        /// Radio-frequency power into the transmitting antenna.
        transmit_power: Maybe<Watts> in "1 mW".."10 MW" or "the catalog's",
        /// Gain of the transmitting antenna.
        transmit_gain: Maybe<Decibels> in "-20 dBi".."140 dBi" or "the catalog's",
        /// Number of antennas: satellites served at the same time.
        antennas: Maybe<u32> in "1".."10000" or "the catalog's",
    }
}

section! {
    /// A piece of work.
    pub struct Job {
        /// Name of the job.
        name: Given<Name>,
        /// What the job does; brings the keys of that kind.
        work "kind": Tagged<Work>,
        /// Rank: 9 goes first.
        priority: Given<u32> in "1".."9",
        /// Satellite or hall that does the work.
        site: Maybe<Name> or "the scheduler chooses",
        /// Whether every satellite and hall does a job of its own like this one, called NAME@SITE; what does not fit it is left out.
        each: Given<bool> default "false",
        /// Earliest begin, from the start of the run.
        release: Given<Seconds> in "0 s".."20 yr" default "0 s",
        /// Latest end, from the start of the run.
        deadline: Maybe<Seconds> in "0 s".."20 yr" or "none",
        /// Data to be uplinked before the job begins.
        input: Given<Bits> in "0 bit".."1 PB" default "0 bit",
        /// Data to be downlinked at the end.
        output: Given<Bits> in "0 bit".."1 PB" default "0 bit",
        /// Number format of the arithmetic.
        precision: Given<Precision>,
    }
}

tagged! {
    /// What a job does, with the keys of its kind.
    pub enum Work {
        /// Trains a transformer.
        Training(Training) = "training",
        /// Answers requests to a transformer.
        Serving(Serving) = "serving",
        /// Looks at images taken on board.
        Imagery(Imagery) = "imagery",
    }
}

words! {
    /// Number format of the arithmetic.
    pub enum Precision {
        /// 16-bit brain floating point.
        Bf16 = "bf16",
        /// 16-bit IEEE 754 floating point.
        Fp16 = "fp16",
        /// 8-bit floating point.
        Fp8 = "fp8",
        /// 8-bit integers.
        Int8 = "int8",
        /// 32-bit IEEE 754 floating point.
        Fp32 = "fp32",
    }
}

section! {
    /// Training of a transformer.
    pub struct Training {
        /// Number of parameters.
        parameters: Given<u64> in "1".."1000000000000000",
        /// Tokens of one step.
        tokens_per_step: Given<u64> in "1".."1000000000000",
        /// Steps to be made.
        steps: Given<u64> in "1".."1000000000000",
        /// Layers of the transformer.
        layers: Given<u32> in "1".."100000",
        /// Width of the residual stream.
        width: Given<u32> in "1".."10000000",
        /// Tokens that attention sees.
        context: Given<u64> in "1".."1000000000",
        /// Achievable share of the accelerator's peak rate.
        utilisation: Given<Ratio> in "0.0001".."1",
        /// Time of work between two checkpoints.
        checkpoint_interval: Given<Seconds> in "1 s".."1 yr",
        /// Steps between two samples that are downlinked.
        sample_interval: Maybe<u64> in "1".."1000000000000" or "no samples",
        /// Data of one sample.
        sample: Maybe<Bits> in "1 bit".."1 PB" or "no samples",
        /// Number of accelerators the job runs on.
        accelerators: Given<u32> in "1".."10000000" default "1",
        /// A network that this machine really trains in step with the job.
        executed: Maybe<Executed> or "the work is modelled",
    }
}

section! {
    /// A GPT that is really trained, in step with the simulated job: one executed step stands for `steps / iterations` of the job's.
    /// It is a new network, whose sizes are given, or a trained one, which is fine-tuned on another text.
    pub struct Executed {
        /// Blocks of a new network.
        layers: Maybe<u32> in "1".."96" or "those of the network it continues from",
        /// Attention heads of a block of a new network; they divide the width.
        heads: Maybe<u32> in "1".."128" or "those of the network it continues from",
        /// Width of the residual stream of a new network.
        width: Maybe<u32> in "8".."12288" or "that of the network it continues from",
        /// Tokens that a new network sees at once.
        context: Maybe<u32> in "8".."8192" or "that of the network it continues from",
        /// Tokens of a new network.
        vocabulary: Maybe<VocabularyKind> or "characters, or that of the network it continues from",
        /// List of the merges of byte pairs, best first (GPT-2's `merges.txt`): a file, relative to the mission's folder.
        merges: Maybe<String> or "none, which characters need not",
        /// Executed job, written before this one, from whose network it continues when that is done, on the same satellite.
        from: Maybe<Name> or "a new network",
        /// Trained network to continue from (a `.safetensors` that a run left): a file, relative to the mission's folder.
        checkpoint: Maybe<String> or "a new network",
        /// Rank of the low-rank adapters that are trained in place of a trained network's weights.
        adapter_rank: Maybe<u32> in "1".."4096" or "all weights are trained",
        /// Scale of the adapters: what they add is multiplied by `adapter_alpha / adapter_rank`.
        adapter_alpha: Maybe<Ratio> in "0.001".."100000" or "the rank: a scale of 1",
        /// Sequences of a step.
        batch: Given<u32> in "1".."4096",
        /// Optimiser steps executed over the whole job.
        iterations: Given<u64> in "1".."100000000",
        /// Highest learning rate; it falls to a tenth of it by a cosine.
        learning_rate: Given<Ratio> in "0.0000001".."1" default "0.001",
        /// Executed steps between evaluations, each of which sends down a sample.
        evaluate_interval: Given<u64> in "1".."100000000" default "250",
        /// Tokens of a sample.
        sample_tokens: Given<u32> in "1".."10000" default "200",
        /// Text to train on: a file, relative to the mission's folder.
        text: Maybe<String> or "a corpus that the project generates",
        /// What the generated corpus is like.
        corpus: Maybe<CorpusKind> or "telemetry",
        /// What watches the training for upsets.
        defences: Maybe<Defences> or "nothing: upsets do what they do",
    }
}

section! {
    /// Defences of a job that is really trained. A step that alarms uses up its time and is not made: it is computed again where the memory
    /// is known to be intact, else the training goes back to its verified checkpoint. What the defences cost in time follows from the
    /// memory that they read beside the simulated job.
    pub struct Defences {
        /// Watch for losses and gradient norms that are no numbers.
        finite: Given<bool> default "false",
        /// Largest rise of the loss over its running mean (nat).
        loss_spike: Maybe<f64> in "0.000001".."1000000" or "the loss is not watched",
        /// Largest ratio of the gradient norm to its running mean.
        gradient_norm: Maybe<f64> in "0.000001".."1000000" or "the norm is not watched",
        /// Watch weights and moments by checksums from step to step.
        shards: Given<bool> default "false",
        /// Largest ratio of an activation to the largest before at its place.
        ranges: Maybe<f64> in "0.000001".."1000000" or "activations are not watched",
        /// Check every matrix product by its sums.
        products: Given<bool> default "false",
        /// Compute every step twice.
        redundant: Given<bool> default "false",
        /// Executed steps between verified checkpoints.
        rollback: Maybe<u64> in "1".."100000000" or "none: the training begins anew after an alarm, unless its memory is known to be intact",
        /// Share of a step's time that the defences take beside it, as measured.
        overhead: Maybe<Ratio> in "0".."100" or "what follows from the memory they read",
    }
}

words! {
    /// What a token is.
    pub enum VocabularyKind {
        /// A character: those that stand in the text.
        Characters = "characters",
        /// A byte pair of GPT-2's encoding, by the list `merges`.
        BytePairs = "gpt2-bpe",
    }
}

words! {
    /// What a generated corpus is like.
    pub enum CorpusKind {
        /// Sentences about a spacecraft, with numbers in them.
        Telemetry = "telemetry",
        /// Short lines in which stations call each other, ask and answer.
        Dialogue = "dialogue",
    }
}

section! {
    /// Serving of a transformer.
    pub struct Serving {
        /// Number of parameters.
        parameters: Given<u64> in "1".."1000000000000000",
        /// Bits of one weight: 8 or 16.
        weight_bits: Given<u32> in "8".."16",
        /// Requests per day.
        requests_per_day: Given<u64> in "1".."1000000000000000",
        /// Tokens of a prompt.
        prompt_tokens: Given<u64> in "1".."1000000000",
        /// Tokens of an answer.
        output_tokens: Given<u64> in "1".."1000000000",
        /// Requests answered at the same time.
        batch: Given<u32> in "1".."1000000",
        /// Achievable share of the accelerator's peak rate.
        utilisation: Given<Ratio> in "0.0001".."1",
        /// Attention cache of one token.
        kv_bits_per_token: Given<Bits> in "1 bit".."1 GB",
        /// Where requests come from.
        origin: Given<Origin>,
        /// Number of accelerators the job runs on.
        accelerators: Given<u32> in "1".."10000000" default "1",
        /// A network that really answers on this machine in step with the job.
        executed: Maybe<Answering> or "the work is modelled",
    }
}

section! {
    /// A Gemma 2 or 3 that really answers, in step with the simulated job: one executed request stands for `every` of the job's.
    pub struct Answering {
        /// Folder of the model beside the mission: config.json, *.safetensors and tokenizer.json.
        model: Maybe<String> or "a small network of random weights, which the project makes",
        /// Prompts, one a line, asked in turn; a file beside the mission.
        prompts: Maybe<String> or "some that the project brings",
        /// One request in so many is really answered; the others are modelled.
        every: Given<u64> in "1".."1000000000000",
        /// Tokens of an answer at most.
        tokens: Maybe<u64> in "1".."1000000" or "the job's output_tokens",
        /// How this machine holds the weights.
        weights: Given<WeightForm> default "int8",
        /// Logits are divided by it; 0 always takes the likeliest token.
        temperature: Given<f64> in "0".."100" default "1",
        /// Only so many of the likeliest tokens are drawn from; 0 sets no such bound.
        top_k: Given<u64> in "0".."1000000" default "64",
        /// Only the fewest likeliest tokens that together have this probability are drawn from.
        top_p: Given<Ratio> in "0".."1" default "0.95",
        /// Seed of the draws.
        seed: Maybe<u64> in "0".."9223372036854775807" or "the mission's",
        /// What watches the answers for upsets.
        defences: Maybe<ServingDefences> or "nothing: upsets do what they do",
    }
}

section! {
    /// Defences of a job that is really answered. At an alarm the answer in hand is made again, from weights loaded anew; what was worked
    /// on it is lost. What the defences cost in time follows from the memory that they read, and from a second computation.
    pub struct ServingDefences {
        /// Watch the weights by checksums before text is let go.
        weights: Given<bool> default "false",
        /// Watch keys and values by checksums from token to token.
        cache: Given<bool> default "false",
        /// Watch for logits that are no numbers.
        finite: Given<bool> default "false",
        /// Compute every token twice.
        redundant: Given<bool> default "false",
        /// Tokens held back at most until the weights are verified.
        hold: Given<u64> in "1".."1000000" default "8",
        /// Share of a request's time that the defences take beside it, as measured.
        overhead: Maybe<Ratio> in "0".."100" or "what follows from what they read and compute",
    }
}

words! {
    /// How the weights of an executed network are held.
    pub enum WeightForm {
        /// 32-bit floating point.
        F32 = "f32",
        /// 16-bit brain floating point.
        Bf16 = "bf16",
        /// Blocks of 8-bit whole numbers with a scale.
        Int8 = "int8",
    }
}

words! {
    /// Where requests come from.
    pub enum Origin {
        /// From the ground: prompt and answer cross the link.
        Ground = "ground",
        /// From on board: only the work counts.
        Onboard = "onboard",
    }
}

section! {
    /// Looking at images taken on board.
    pub struct Imagery {
        /// Images per day.
        images_per_day: Given<u64> in "1".."1000000000000",
        /// Whether images are taken only over sunlit ground.
        daylight_only: Given<bool>,
        /// Data of one raw image.
        image: Given<Bits> in "1 bit".."1 PB",
        /// Pixels of one image.
        pixels: Given<u64> in "1".."1000000000000000",
        /// Achievable share of the accelerator's peak rate.
        utilisation: Given<Ratio> in "0.0001".."1",
        /// Work for one pixel.
        flop_per_pixel: Given<Flops> in "0 FLOP".."1 PFLOP",
        /// Data of one image's result.
        result: Given<Bits> in "0 bit".."1 PB",
        /// Share of the raw images that is downlinked.
        downlink_raw_share: Given<Ratio> in "0".."1",
        /// Number of accelerators the job runs on.
        accelerators: Given<u32> in "1".."10000000" default "1",
    }
}

section! {
    /// The radiation environment.
    pub struct Radiation {
        /// Factor on every upset rate.
        upset_multiplier: Given<Ratio> in "0".."1e5" default "1",
    }
}

section! {
    /// Sun and Earth as the satellite sees them.
    pub struct Environment {
        /// Irradiance of the Sun at one astronomical unit.
        solar_irradiance: Maybe<WattsPerSquareMeter> in "1000 W/m2".."2000 W/m2" or "the catalog's",
        /// Share of sunlight that the Earth reflects.
        albedo: Maybe<Ratio> in "0".."1" or "the catalog's",
        /// Flux that the Earth emits, at its surface.
        earth_infrared: Maybe<WattsPerSquareMeter> in "0 W/m2".."1000 W/m2" or "the catalog's",
    }
}

section! {
    /// What the record keeps.
    pub struct Recording {
        /// Steps between two rows of the time series.
        every: Given<u64> in "1".."1000000000" default "1",
        /// Satellites kept in full.
        sites: Many<Name> or "all, up to the first 16",
    }
}

section! {
    /// A value of a catalog part, taken otherwise in this mission.
    pub struct Override {
        /// The value as the run's list of assumptions names it, such as `site[0].array.cell.efficiency`; one that has no key of its own.
        key: Given<String>,
        /// What to take, with its unit: `"31 %"`; at most ten times below or above the catalog's range.
        taken "value": Given<String>,
    }
}

items!(
    Keys,
    Header,
    Site,
    Omm,
    SunSynchronous,
    Walker,
    MeanElements,
    Array,
    Battery,
    Power,
    Thermal,
    Shielding,
    Compute,
    Mass,
    Ground,
    SiteCost,
    Cost,
    Radio,
    Downlink,
    Uplink,
    Station,
    Job,
    Radiation,
    Environment,
    Recording,
    Executed,
    Defences,
    Answering,
    ServingDefences,
    Override,
);

/// A mission as it was written: typed, within range, without contradictions; nothing is looked up yet.
#[derive(Debug, Clone)]
pub struct Mission {
    pub(crate) source: Source,
    pub(crate) keys: Keys,
}

impl std::ops::Deref for Mission {
    type Target = Keys;
    fn deref(&self) -> &Keys {
        &self.keys
    }
}

impl Omm {
    /// The elements of the message.
    ///
    /// # Errors
    /// The first field that the standard's reader refuses; none in a mission that was read.
    pub fn elements(&self) -> Result<Elements, ElementsError> {
        let text = section_json(self).to_string();
        read_omm_json(&text).map(|mut all| all.remove(0)).map_err(|mut errors| errors.remove(0))
    }
}

impl Site {
    /// Number of units this entry stands for.
    #[must_use]
    pub fn units(&self) -> u32 {
        match self.walker() {
            Some(walker) => *walker.satellites,
            None => *self.count,
        }
    }

    /// Number of units that are flown.
    #[must_use]
    pub fn satellites(&self) -> u32 {
        self.flown.as_ref().map_or_else(|| self.units(), |flown| flown.value)
    }

    fn walker(&self) -> Option<&Walker> {
        match self.orbit.as_ref().map(|orbit| &orbit.value) {
            Some(Orbit::Walker(walker)) => Some(walker),
            _ => None,
        }
    }

    /// Names of the units that are flown: NAME, or NAME-1, NAME-2 and so on where there are several.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let alone = self.satellites() == 1 && self.walker().is_none();
        let number = move |number| if alone { self.name.to_string() } else { format!("{}-{number}", *self.name) };
        (1..=self.satellites()).map(number)
    }
}

impl Station {
    /// Name of the station: its own, else the catalog's.
    #[must_use]
    pub fn label(&self) -> Option<&Given<Name>> {
        self.name.as_ref().or(self.catalog.as_ref())
    }
}
