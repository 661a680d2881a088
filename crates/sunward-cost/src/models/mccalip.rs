//! Orbital against gas-fired data centers after McCalip's calculator, to its last digit.
//!
//! **Source**: McCalip (2025), "Economics of orbital vs terrestrial data centers", github.com/andrewmccalip/thoughts at
//! e59571e (15 December 2025). Every default below is that calculator's.
//!
//! **Not modelled** (its quirks, kept so that its outputs come out, and stated): no battery; no split into radiator and bus;
//! no discounting; no eclipse in the thermal part; accelerators replaced as a share of the satellite's price; on the ground
//! neither accelerators replaced nor maintenance; a capacity factor of 1 in orbit against 0.85 on the ground; a break-even
//! launch price that leaves out operations, accelerators and development and so disagrees with the totals beside it.
//!
//! **Accuracy**: operations are done in the calculator's order and its powers are rounded correctly, so that its digits come
//! out to the last one; its JavaScript engine rounds one power in fourteen the other way, which may show in the 16th digit.

use std::sync::LazyLock;

use sunward_catalog::{UsdPerWatt, WattsPerKilogram};
use sunward_units::lanes::{Lanes, Real, WIDTH};
use sunward_units::{Joules, Kelvin, Kilograms, Meters, Radians, Ratio, SquareMeters, Usd, UsdPerKilogram, Watts};

use crate::HOURS_PER_YEAR;
use crate::error::{CostError, positive, require, share};

/// Share of the hardware's price that operations cost each year.
pub const OPERATIONS_SHARE: f64 = 0.01;
/// Array of one 27 kW satellite (Starlink V2 mini).
const ARRAY_M2: f64 = 116.0;
const ARRAY_POWER_KW: f64 = 27.0;
/// One Starship to orbit, and what it burns.
const STARSHIP_PAYLOAD_KG: f64 = 100_000.0;
const STARSHIP_OXYGEN_GAL: f64 = 787_000.0;
const STARSHIP_METHANE_GAL: f64 = 755_000.0;
/// One GE 7HA gas turbine.
const TURBINE_MW: f64 = 430.0;
const BTU_PER_CUBIC_FOOT: f64 = 1000.0;
const JOULES_PER_MWH: f64 = 3.6e9;

/// Price of energy as the model prints it, USD/MWh.
#[must_use]
pub fn usd_per_mwh(total: Usd, energy: Joules) -> f64 {
    total.0 / (energy.0 / JOULES_PER_MWH)
}

/// The orbital side's inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orbital {
    /// Power to deliver on average.
    pub target: Watts,
    /// Time to deliver it.
    pub years: u32,
    /// Launch price.
    pub launch_price: UsdPerKilogram,
    /// Price of a satellite per watt of its array.
    pub hardware_price: UsdPerWatt,
    /// Power of a satellite per mass.
    pub specific_power: WattsPerKilogram,
    /// Power of one satellite.
    pub satellite_power: Watts,
    /// Share of the time in sunlight.
    pub sun_fraction: Ratio,
    /// Share of its power that an array loses each year.
    pub degradation: Ratio,
    /// Share of the accelerators replaced each year.
    pub accelerator_failure: Ratio,
    /// Paid once.
    pub development: Usd,
}

impl Default for Orbital {
    /// 1 GW for five years on V2 mini satellites at 500 USD/kg.
    fn default() -> Self {
        Self {
            target: Watts(1e9),
            years: 5,
            launch_price: UsdPerKilogram(500.0),
            hardware_price: UsdPerWatt(22.0),
            specific_power: WattsPerKilogram(36.5),
            satellite_power: Watts(27e3),
            sun_fraction: Ratio(0.98),
            degradation: Ratio(0.025),
            accelerator_failure: Ratio(0.09),
            development: Usd(1e9),
        }
    }
}

/// What the orbital side comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrbitalOutcome {
    /// Mean of what degradation leaves, over the years.
    pub average_capacity: Ratio,
    /// Power to install so that the mean meets the target.
    pub required_power: Watts,
    /// Satellites, a whole number.
    pub satellites: f64,
    /// Power installed.
    pub initial_power: Watts,
    /// Mass launched.
    pub mass: Kilograms,
    /// Paid for satellites.
    pub hardware: Usd,
    /// Paid for their launch.
    pub launch: Usd,
    /// Paid for operations over the years.
    pub operations: Usd,
    /// Paid for accelerators replaced over the years.
    pub accelerators: Usd,
    /// Paid once.
    pub development: Usd,
    /// Sum of the five.
    pub total: Usd,
    /// Delivered, at a capacity factor of 1.
    pub energy: Joules,
    /// Array of one satellite.
    pub satellite_array: SquareMeters,
    /// Array of all satellites.
    pub array: SquareMeters,
    /// Starship launches, a whole number.
    pub launches: f64,
    /// Liquid oxygen, US gallons.
    pub oxygen_gallons: f64,
    /// Liquid methane, US gallons.
    pub methane_gallons: f64,
}

impl Orbital {
    /// The model's outcome.
    ///
    /// # Errors
    /// No years; a target, specific power or satellite power not above zero; a share outside 0..=1; no sun at all.
    pub fn evaluate(&self) -> Result<OrbitalOutcome, CostError> {
        self.check()?;
        let bill = bill(self.target.0, self.satellite_power.0, self.years, &self.sliders());
        let satellite_array_m2 = ARRAY_M2 * (self.satellite_power.0 / 1e3 / ARRAY_POWER_KW);
        let launches = (bill.mass_kg / STARSHIP_PAYLOAD_KG).ceil();
        Ok(OrbitalOutcome {
            average_capacity: Ratio(bill.average_capacity),
            required_power: Watts(bill.required_w),
            satellites: bill.satellites,
            initial_power: Watts(bill.initial_w),
            mass: Kilograms(bill.mass_kg),
            hardware: Usd(bill.hardware_usd),
            launch: Usd(bill.launch_usd),
            operations: Usd(bill.operations_usd),
            accelerators: Usd(bill.accelerators_usd),
            development: self.development,
            total: Usd(bill.total_usd),
            energy: self.energy(),
            satellite_array: SquareMeters(satellite_array_m2),
            array: SquareMeters(bill.satellites * satellite_array_m2),
            launches,
            oxygen_gallons: launches * STARSHIP_OXYGEN_GAL,
            methane_gallons: launches * STARSHIP_METHANE_GAL,
        })
    }

    /// Energy delivered, which no slider changes: the target times the years.
    #[must_use]
    pub fn energy(&self) -> Joules {
        Joules(self.target.0 * (HOURS_PER_YEAR * 3600.0) * f64::from(self.years))
    }

    fn sliders(&self) -> Sliders<f64> {
        Sliders {
            launch_price: self.launch_price.0,
            hardware_price: self.hardware_price.0,
            specific_power: self.specific_power.0,
            sun_fraction: self.sun_fraction.0,
            degradation: self.degradation.0,
            accelerator_failure: self.accelerator_failure.0,
            development: self.development.0,
        }
    }

    fn check(&self) -> Result<(), CostError> {
        positive("years", Ratio(f64::from(self.years)))?;
        positive("target power", self.target)?;
        positive("satellite power", self.satellite_power)?;
        positive("specific power", self.specific_power)?;
        positive("sun fraction", share("sun fraction", self.sun_fraction)?)?;
        require("degradation", self.degradation, (0.0..1.0).contains(&self.degradation.0), "[0, 1) a year")?;
        share("accelerator failure", self.accelerator_failure)?;
        crate::error::not_negative("launch price", self.launch_price)?;
        crate::error::not_negative("hardware price", self.hardware_price)?;
        crate::error::not_negative("development", self.development).map(drop)
    }
}

/// The inputs that a study draws, in SI: one number each, or eight.
struct Sliders<R> {
    launch_price: R,
    hardware_price: R,
    specific_power: R,
    sun_fraction: R,
    degradation: R,
    accelerator_failure: R,
    development: R,
}

struct Bill<R> {
    average_capacity: R,
    required_w: R,
    satellites: R,
    initial_w: R,
    mass_kg: R,
    hardware_usd: R,
    launch_usd: R,
    operations_usd: R,
    accelerators_usd: R,
    total_usd: R,
}

/// What the bill needs beyond a kernel's usual operations.
trait Number: Real {
    /// The least whole number that is not less.
    fn ceil(self) -> Self;
    /// `self * factor + addend`, rounded once.
    fn fused(self, factor: Self, addend: Self) -> Self;
}

impl Number for f64 {
    #[inline(always)]
    fn ceil(self) -> Self {
        self.ceil()
    }
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
}

impl Number for Lanes {
    #[inline(always)]
    fn ceil(self) -> Self {
        Lanes(self.0.map(f64::ceil))
    }
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        Lanes(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
    }
}

/// `1 + r + r^2 + ...`, `years` terms, each power rounded correctly before it is added.
///
/// A power is carried as the sum of two numbers, whose second holds what the first has lost (Dekker 1971, "A floating-point
/// technique for extending the available precision").
#[inline(always)]
fn sum_of_powers<R: Number>(r: R, years: u32) -> R {
    let (mut sum, mut power, mut rest) = (R::splat(1.0), R::splat(1.0), R::splat(0.0));
    for _ in 1..years {
        let product = power * r;
        let lost = rest.fused(r, power.fused(r, -product));
        power = product + lost;
        rest = lost - (power - product);
        sum = sum + power;
    }
    sum
}

/// The orbital bill: with `r = 1 - degradation`,
/// `avg = sum r^y / N`, `P_req = P / (avg sun)`, `n = ceil(P_req / P_sat)`, `m = n (P_sat / SP)`, and the five lines of cost.
#[inline(always)]
fn bill<R: Number>(target_w: f64, satellite_w: f64, years: u32, sliders: &Sliders<R>) -> Bill<R> {
    let n = f64::from(years);
    let average_capacity = sum_of_powers(-sliders.degradation + 1.0, years) / n;
    let required_w = R::splat(target_w) / (average_capacity * sliders.sun_fraction);
    let satellites = (required_w / satellite_w).ceil();
    let initial_w = satellites * satellite_w;
    let mass_kg = satellites * (R::splat(satellite_w) / sliders.specific_power);
    let hardware_usd = sliders.hardware_price * initial_w;
    let launch_usd = sliders.launch_price * mass_kg;
    let operations_usd = hardware_usd * OPERATIONS_SHARE * n;
    let accelerators_usd = hardware_usd * sliders.accelerator_failure * n;
    let total_usd = hardware_usd + launch_usd + operations_usd + accelerators_usd + sliders.development;
    Bill {
        average_capacity,
        required_w,
        satellites,
        initial_w,
        mass_kg,
        hardware_usd,
        launch_usd,
        operations_usd,
        accelerators_usd,
        total_usd,
    }
}

/// Drawn inputs of many orbital sites, in columns of one length: `[draw]`.
#[derive(Debug, Clone, Copy)]
pub struct Draws<'a> {
    /// Launch prices.
    pub launch_price: &'a [UsdPerKilogram],
    /// Hardware prices.
    pub hardware_price: &'a [UsdPerWatt],
    /// Specific powers.
    pub specific_power: &'a [WattsPerKilogram],
    /// Shares of time in sunlight.
    pub sun_fraction: &'a [Ratio],
    /// Yearly losses of power.
    pub degradation: &'a [Ratio],
    /// Shares of accelerators replaced yearly.
    pub accelerator_failure: &'a [Ratio],
    /// Development.
    pub development: &'a [Usd],
}

impl Draws<'_> {
    fn at(&self, draw: usize) -> Sliders<f64> {
        Sliders {
            launch_price: self.launch_price[draw].0,
            hardware_price: self.hardware_price[draw].0,
            specific_power: self.specific_power[draw].0,
            sun_fraction: self.sun_fraction[draw].0,
            degradation: self.degradation[draw].0,
            accelerator_failure: self.accelerator_failure[draw].0,
            development: self.development[draw].0,
        }
    }

    #[inline(always)]
    fn block(&self, from: usize) -> Sliders<Lanes> {
        macro_rules! lanes {
            ($column:ident) => {{
                let column = &self.$column[from..from + WIDTH];
                Lanes(std::array::from_fn(|lane| column[lane].0))
            }};
        }
        Sliders {
            launch_price: lanes!(launch_price),
            hardware_price: lanes!(hardware_price),
            specific_power: lanes!(specific_power),
            sun_fraction: lanes!(sun_fraction),
            degradation: lanes!(degradation),
            accelerator_failure: lanes!(accelerator_failure),
            development: lanes!(development),
        }
    }

    fn len(&self) -> usize {
        let lengths = [
            self.hardware_price.len(),
            self.specific_power.len(),
            self.sun_fraction.len(),
            self.degradation.len(),
            self.accelerator_failure.len(),
            self.development.len(),
        ];
        let len = self.launch_price.len();
        assert!(lengths.iter().all(|&other| other == len), "columns of one length, got {len} and {lengths:?}");
        len
    }
}

/// The total of every draw, into `total` (`[draw]`): the same bits as [`Orbital::evaluate`], eight at a time.
///
/// `base` gives the target, years and satellite power; the draws give the rest and are not checked one by one (a drawn value
/// is checked where its distribution is made).
///
/// # Errors
/// A `base` that [`Orbital::evaluate`] refuses.
///
/// # Panics
/// Columns of unlike length.
pub fn totals(base: &Orbital, draws: &Draws<'_>, total: &mut [Usd]) -> Result<(), CostError> {
    base.check()?;
    assert_eq!(draws.len(), total.len(), "a total for every draw");
    let (target_w, satellite_w, years) = (base.target.0, base.satellite_power.0, base.years);
    let mut blocks = total.chunks_exact_mut(WIDTH);
    let mut from = 0;
    for block in &mut blocks {
        let sum = bill(target_w, satellite_w, years, &draws.block(from)).total_usd;
        block.iter_mut().zip(sum.0).for_each(|(total, sum)| *total = Usd(sum));
        from += WIDTH;
    }
    for (place, total) in blocks.into_remainder().iter_mut().enumerate() {
        *total = Usd(bill(target_w, satellite_w, years, &draws.at(from + place)).total_usd);
    }
    Ok(())
}

/// The ground side's inputs: a gas-fired campus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Power of the computers.
    pub target: Watts,
    /// Time to run.
    pub years: u32,
    /// Gas turbines, per watt generated.
    pub turbine_price: UsdPerWatt,
    /// Electrical plant, per watt of computers.
    pub electrical_price: UsdPerWatt,
    /// Cooling.
    pub mechanical_price: UsdPerWatt,
    /// Land and buildings.
    pub civil_price: UsdPerWatt,
    /// Network.
    pub network_price: UsdPerWatt,
    /// Power generated over power of the computers.
    pub pue: Ratio,
    /// Gas, USD per million BTU (the model's unit, so that its digits come out).
    pub gas_price_usd_per_mmbtu: f64,
    /// Heat per electrical energy, BTU/kWh (the model's unit).
    pub heat_rate_btu_per_kwh: f64,
    /// Share of the time at full power.
    pub capacity_factor: Ratio,
}

impl Default for Ground {
    /// 1 GW for five years on 4.30 USD gas.
    fn default() -> Self {
        Self {
            target: Watts(1e9),
            years: 5,
            turbine_price: UsdPerWatt(1.8),
            electrical_price: UsdPerWatt(5.25),
            mechanical_price: UsdPerWatt(3.0),
            civil_price: UsdPerWatt(2.5),
            network_price: UsdPerWatt(1.75),
            pue: Ratio(1.2),
            gas_price_usd_per_mmbtu: 4.30,
            heat_rate_btu_per_kwh: 6200.0,
            capacity_factor: Ratio(0.85),
        }
    }
}

/// What the ground side comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroundOutcome {
    /// Paid for turbines.
    pub power_plant: Usd,
    /// Paid for electrical plant.
    pub electrical: Usd,
    /// Paid for cooling.
    pub mechanical: Usd,
    /// Paid for land and buildings.
    pub civil: Usd,
    /// Paid for network.
    pub network: Usd,
    /// Sum of the five.
    pub capital: Usd,
    /// The same per watt of computers.
    pub capital_price: UsdPerWatt,
    /// Fuel for a megawatt-hour generated, USD/MWh.
    pub fuel_usd_per_mwh: f64,
    /// Paid for fuel over the years.
    pub fuel: Usd,
    /// Capital and fuel.
    pub total: Usd,
    /// Delivered to the computers.
    pub energy: Joules,
    /// Generated.
    pub generation: Joules,
    /// Gas burnt, billion cubic feet.
    pub gas_bcf: f64,
    /// Turbines of 430 MW that generate for the computers and all else, a whole number.
    pub turbines: f64,
}

impl Ground {
    /// The model's outcome.
    ///
    /// # Errors
    /// No years; a target not above zero; a PUE below 1; a capacity factor outside 0..=1; negative gas prices or heat rates.
    pub fn evaluate(&self) -> Result<GroundOutcome, CostError> {
        self.check()?;
        let (watts, megawatts) = (self.target.0, self.target.0 / 1e6);
        // Per kilowatt, as the calculator has it.
        let plant_price = self.turbine_price.0 * 1e3 * self.pue.0 / 1e3;
        let power_plant = plant_price * watts;
        let shell = [self.electrical_price, self.mechanical_price, self.civil_price, self.network_price];
        let capital_price = UsdPerWatt(shell.iter().fold(plant_price, |sum, price| sum + price.0));
        let [electrical, mechanical, civil, network] = shell.map(|price| Usd(price.0 * watts));
        let capital = Usd(power_plant) + electrical + mechanical + civil + network;
        let energy_mwh = megawatts * (HOURS_PER_YEAR * f64::from(self.years)) * self.capacity_factor.0;
        let generation_mwh = energy_mwh * self.pue.0;
        let fuel_usd_per_mwh = self.heat_rate_btu_per_kwh * self.gas_price_usd_per_mmbtu / 1000.0;
        let fuel = Usd(fuel_usd_per_mwh * generation_mwh);
        Ok(GroundOutcome {
            power_plant: Usd(power_plant),
            electrical,
            mechanical,
            civil,
            network,
            capital,
            capital_price,
            fuel_usd_per_mwh,
            fuel,
            total: capital + fuel,
            energy: Joules(energy_mwh * JOULES_PER_MWH),
            generation: Joules(generation_mwh * JOULES_PER_MWH),
            gas_bcf: generation_mwh * 1e3 * self.heat_rate_btu_per_kwh / BTU_PER_CUBIC_FOOT / 1e9,
            turbines: (megawatts * self.pue.0 / TURBINE_MW).ceil(),
        })
    }

    fn check(&self) -> Result<(), CostError> {
        positive("years", Ratio(f64::from(self.years)))?;
        positive("target power", self.target)?;
        require("PUE", self.pue, self.pue.0 >= 1.0, "[1, infinity)")?;
        positive("capacity factor", share("capacity factor", self.capacity_factor)?)?;
        crate::error::not_negative("gas price (USD/MMBtu)", Ratio(self.gas_price_usd_per_mmbtu))?;
        crate::error::not_negative("heat rate (BTU/kWh)", Ratio(self.heat_rate_btu_per_kwh)).map(drop)
    }
}

/// The launch price at which the satellites alone would cost as much as the ground: `(C_ground - c_W P_req) SP / P_req`.
///
/// Negative where the satellites cost more than the ground before they are launched. Operations, accelerators and
/// development are left out, as in the calculator.
#[must_use]
pub fn break_even(orbital: &Orbital, outcome: &OrbitalOutcome, ground: &GroundOutcome) -> UsdPerKilogram {
    let required_w = outcome.required_power.0;
    let campus = ground.capital_price.0 * orbital.target.0 + ground.fuel.0;
    UsdPerKilogram((campus - orbital.hardware_price.0 * required_w) / (required_w / orbital.specific_power.0))
}

/// The thermal part's inputs: one flat plate, cells on one face and radiator on the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thermal {
    /// Absorptance of the cells.
    pub absorptance: Ratio,
    /// Emissivity of the cells' face.
    pub cell_emissivity: Ratio,
    /// Emissivity of the radiator's face.
    pub radiator_emissivity: Ratio,
    /// Share of the sunlight that the cells turn into electricity; all of it comes back as the computers' heat.
    pub efficiency: Ratio,
    /// Angle between the orbit's plane and the Sun.
    pub beta: Radians,
    /// Height of the orbit.
    pub altitude: Meters,
    /// Hottest the die may be.
    pub die: Kelvin,
    /// Kelvin lost between die and radiator.
    pub drop: Kelvin,
}

impl Default for Thermal {
    /// 550 km, terminator orbit.
    fn default() -> Self {
        Self {
            absorptance: Ratio(0.92),
            cell_emissivity: Ratio(0.85),
            radiator_emissivity: Ratio(0.90),
            efficiency: Ratio(0.22),
            beta: Radians::from_degrees(90.0),
            altitude: Meters(550e3),
            die: Kelvin::from_celsius(85.0),
            drop: Kelvin(10.0),
        }
    }
}

/// What the thermal part comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThermalOutcome {
    /// View factor from the cells' face to the Earth, mean over the orbit.
    pub cell_view: Ratio,
    /// View factor from the radiator's face to the Earth.
    pub radiator_view: Ratio,
    /// View factor of a plate that faces the Earth.
    pub nadir_view: Ratio,
    /// Half angle under which the Earth is seen.
    pub earth_radius: Radians,
    /// Sunlight absorbed and not turned into electricity.
    pub solar_heat: Watts,
    /// The Earth's infrared, absorbed by both faces.
    pub infrared_heat: Watts,
    /// Sunlight reflected by the Earth, absorbed by the cells.
    pub albedo_heat: Watts,
    /// The electricity, which comes back as heat.
    pub electricity: Watts,
    /// Sum of the four.
    pub heat: Watts,
    /// Temperature at which the plate balances.
    pub equilibrium: Kelvin,
    /// Area that would balance at the limit.
    pub required_area: SquareMeters,
    /// Limit less equilibrium.
    pub margin: Kelvin,
}

const SUN_W_M2: f64 = 1361.0;
const EARTH_INFRARED_W_M2: f64 = 237.0;
const ALBEDO: f64 = 0.30;
const SPACE_K: f64 = 3.0;
const EARTH_RADIUS_M: f64 = 6_371e3;
/// The calculator's own, rounded.
const STEFAN_BOLTZMANN: f64 = 5.67e-8;
const ORBIT_POINTS: usize = 72;
/// Share of the nadir view factor that a face turned away keeps.
const AWAY_SHARE: f64 = 0.05;

impl Thermal {
    /// Balance of a plate of `array`.
    ///
    /// # Errors
    /// Absorptance, emissivities or efficiency outside 0..=1, no emissivity at all, an altitude or array not above zero.
    pub fn evaluate(&self, array: SquareMeters) -> Result<ThermalOutcome, CostError> {
        share("absorptance", self.absorptance)?;
        share("cell emissivity", self.cell_emissivity)?;
        positive("radiator emissivity", share("radiator emissivity", self.radiator_emissivity)?)?;
        positive("altitude", self.altitude)?;
        let to_center = EARTH_RADIUS_M / (EARTH_RADIUS_M + self.altitude.0);
        let nadir_view = to_center * to_center;
        let (cell_view, radiator_view) = self.mean_views(nadir_view);
        share("efficiency", self.efficiency)?;
        let area_m2 = positive("array", array)?.0;
        let emissivity = self.cell_emissivity.0 + self.radiator_emissivity.0;
        let electricity_w = SUN_W_M2 * self.efficiency.0 * area_m2;
        let solar_w = SUN_W_M2 * self.absorptance.0 * area_m2 - electricity_w;
        let infrared_w = EARTH_INFRARED_W_M2 * cell_view * self.cell_emissivity.0 * area_m2
            + EARTH_INFRARED_W_M2 * radiator_view * self.radiator_emissivity.0 * area_m2;
        let albedo_w = SUN_W_M2 * ALBEDO * cell_view * self.beta.0.cos() * self.absorptance.0 * area_m2;
        let heat_w = solar_w + infrared_w + albedo_w + electricity_w;
        let space = SPACE_K.powi(4);
        let equilibrium = Kelvin((heat_w / (STEFAN_BOLTZMANN * area_m2 * emissivity) + space).powf(0.25));
        let limit = self.die - self.drop;
        Ok(ThermalOutcome {
            cell_view: Ratio(cell_view),
            radiator_view: Ratio(radiator_view),
            nadir_view: Ratio(nadir_view),
            earth_radius: Radians(to_center.asin()),
            solar_heat: Watts(solar_w),
            infrared_heat: Watts(infrared_w),
            albedo_heat: Watts(albedo_w),
            electricity: Watts(electricity_w),
            heat: Watts(heat_w),
            equilibrium,
            required_area: SquareMeters(heat_w / (STEFAN_BOLTZMANN * emissivity * (limit.0.powi(4) - space))),
            margin: limit - equilibrium,
        })
    }

    /// Mean view factor of the cells' and of the radiator's face over the orbit's points.
    fn mean_views(&self, nadir_view: f64) -> (f64, f64) {
        let toward = self.beta.0.cos();
        let view = |cosine: f64| if cosine > 0.0 { nadir_view * cosine } else { AWAY_SHARE * nadir_view };
        let both = |(cells, radiator), cosine: &f64| (cells + view(toward * cosine), radiator + view(-toward * cosine));
        let (cells, radiator) = COSINES.iter().fold((0.0, 0.0), both);
        (cells / ORBIT_POINTS as f64, radiator / ORBIT_POINTS as f64)
    }
}

/// Cosine of the anomaly at the orbit's points.
static COSINES: LazyLock<[f64; ORBIT_POINTS]> =
    LazyLock::new(|| std::array::from_fn(|point| (std::f64::consts::TAU * point as f64 / ORBIT_POINTS as f64).cos()));

#[cfg(test)]
mod tests {
    use sunward_units::random::{Purpose, Stream};

    use super::*;

    fn both(orbital: Orbital) -> (OrbitalOutcome, GroundOutcome, f64) {
        let ground = Ground { years: orbital.years, ..Ground::default() };
        let (orbit, ground) = (orbital.evaluate().unwrap(), ground.evaluate().unwrap());
        (orbit, ground, break_even(&orbital, &orbit, &ground).0)
    }

    /// The calculator's own outputs for its defaults, run at e59571e; equal to the last digit it prints.
    #[test]
    fn orbital_defaults_are_the_calculators_to_the_last_digit() {
        let (orbit, _, break_even) = both(Orbital::default());
        // Given with 12 digits; the power and the break-even below, given in full, fix its last bit.
        assert!((orbit.average_capacity.0 - 0.951234453125).abs() < 5e-13);
        assert_eq!(orbit.required_power, Watts(1_072_719_937.669474));
        assert_eq!(orbit.satellites, 39_731.0);
        assert_eq!(orbit.initial_power, Watts(1_072_737_000.0));
        assert_eq!(orbit.mass, Kilograms(29_390_054.79452055));
        assert_eq!(orbit.hardware, Usd(23_600_214_000.0));
        assert_eq!(orbit.launch, Usd(14_695_027_397.260275));
        assert_eq!(orbit.operations, Usd(1_180_010_700.0));
        assert_eq!(orbit.accelerators, Usd(10_620_096_300.0));
        assert_eq!(orbit.total, Usd(51_095_348_397.26028));
        assert_eq!(usd_per_mwh(orbit.total, orbit.energy), 1166.5604656908738);
        assert!((orbit.total.0 / 1e9 - 51.095348).abs() < 5e-7, "USD/W");
        assert_eq!(orbit.array, SquareMeters(4_608_796.0));
        assert_eq!(
            (orbit.launches, orbit.oxygen_gallons, orbit.methane_gallons),
            (294.0, 231_378_000.0, 221_970_000.0)
        );
        assert!((100.0 * (orbit.initial_power.0 / 1e9 - 1.0) - 7.2737).abs() < 5e-5, "margin in percent");
        assert_eq!(break_even, -263.65720555455283);
    }

    #[test]
    fn ground_defaults_are_the_calculators_to_the_last_digit() {
        let (_, ground, _) = both(Orbital::default());
        assert_eq!(ground.power_plant, Usd(2.16e9));
        assert_eq!(
            [ground.electrical, ground.mechanical, ground.civil, ground.network].map(|usd| usd.0 / 1e9),
            [5.25, 3.0, 2.5, 1.75]
        );
        assert_eq!(ground.capital, Usd(14.66e9));
        assert_eq!(ground.fuel_usd_per_mwh, 26.66);
        assert_eq!(ground.fuel, Usd(1_191_062_160.0));
        assert_eq!(ground.total, Usd(15_851_062_160.0));
        assert_eq!(ground.total.0 / 1e9, 15.85106216);
        assert_eq!((ground.energy.0 / 3.6e9, ground.generation.0 / 3.6e9), (37_230_000.0, 44_676_000.0));
        assert_eq!(usd_per_mwh(ground.total, ground.energy), 425.76046629062586);
        assert!((ground.gas_bcf - 276.9912).abs() < 5e-5);
        assert_eq!(ground.turbines, 3.0);
    }

    #[test]
    fn thermal_defaults_are_the_calculators() {
        let array = Orbital::default().evaluate().unwrap().array;
        let out = Thermal::default().evaluate(array).unwrap();
        assert!((out.cell_view.0 - 0.0211844660).abs() < 5e-11 && (out.radiator_view.0 - 0.0211844660).abs() < 5e-11);
        assert!((out.earth_radius.degrees() - 67.0039).abs() < 5e-5);
        assert!((out.equilibrium.0 - 335.7495380).abs() < 5e-8);
        assert!((out.equilibrium.celsius() - 62.5995).abs() < 5e-5);
        assert!((out.required_area.0 / 1e6 - 3.986424855).abs() < 5e-10);
        assert!((out.margin.0 - 12.4005).abs() < 5e-5);
    }

    struct Case {
        orbital: Orbital,
        beta_deg: f64,
        orbital_usd: f64,
        orbital_usd_per_mwh: f64,
        mass_kg: f64,
        satellites: f64,
        ground_usd: f64,
        ground_usd_per_mwh: f64,
        break_even: f64,
        equilibrium_c: f64,
    }

    /// The calculator's outputs with sliders moved, at the digits it was read with.
    #[test]
    fn overrides_are_the_calculators() {
        let default = Case {
            orbital: Orbital::default(),
            beta_deg: 90.0,
            orbital_usd: 51_095_348_397.26,
            orbital_usd_per_mwh: 1166.5605,
            mass_kg: 29_390_054.79,
            satellites: 39_731.0,
            ground_usd: 15_851_062_160.0,
            ground_usd_per_mwh: 425.7605,
            break_even: -263.657,
            equilibrium_c: 62.5995,
        };
        let falcon_9 = Case {
            orbital: Orbital { launch_price: UsdPerKilogram(2940.0), ..Orbital::default() },
            orbital_usd: 122_807_082_095.89,
            orbital_usd_per_mwh: 2803.8147,
            ..default
        };
        let v3 = Case {
            orbital: Orbital {
                hardware_price: UsdPerWatt(25.0),
                specific_power: WattsPerKilogram(31.6),
                satellite_power: Watts(60e3),
                ..Orbital::default()
            },
            orbital_usd: 58_201_484_177.22,
            orbital_usd_per_mwh: 1328.8010,
            mass_kg: 33_947_468.35,
            satellites: 17_879.0,
            break_even: -323.0621,
            ..default
        };
        let low_orbit = Case {
            orbital: Orbital { sun_fraction: Ratio(0.60), ..Orbital::default() },
            beta_deg: 0.0,
            orbital_usd: 82_821_183_547.95,
            orbital_usd_per_mwh: 1890.8946,
            mass_kg: 48_003_041.10,
            satellites: 64_893.0,
            break_even: -472.7901,
            equilibrium_c: 76.4334,
            ..default
        };
        let ten_years = Case {
            orbital: Orbital { years: 10, ..Orbital::default() },
            orbital_usd: 66_807_249_424.66,
            orbital_usd_per_mwh: 762.6398,
            mass_kg: 31_247_506.85,
            satellites: 42_242.0,
            ground_usd: 17_042_124_320.0,
            ground_usd_per_mwh: 228.8762,
            break_even: -257.6050,
            ..default
        };
        for case in [default, falcon_9, v3, low_orbit, ten_years] {
            let (orbit, ground, break_even) = both(case.orbital);
            let thermal = Thermal { beta: Radians::from_degrees(case.beta_deg), ..Thermal::default() };
            let equilibrium_c = thermal.evaluate(orbit.array).unwrap().equilibrium.celsius();
            let near = |value: f64, printed: f64, half_a_digit: f64| {
                assert!((value - printed).abs() <= half_a_digit * 1.01, "{value} is not {printed}");
            };
            near(orbit.total.0, case.orbital_usd, 0.005);
            near(usd_per_mwh(orbit.total, orbit.energy), case.orbital_usd_per_mwh, 5e-5);
            near(orbit.mass.0, case.mass_kg, 0.005);
            assert_eq!(orbit.satellites, case.satellites);
            near(ground.total.0, case.ground_usd, 0.5);
            near(usd_per_mwh(ground.total, ground.energy), case.ground_usd_per_mwh, 5e-5);
            near(break_even, case.break_even, if case.break_even == -263.657 { 5e-4 } else { 5e-5 });
            near(equilibrium_c, case.equilibrium_c, 5e-5);
        }
    }

    /// Oracle: eight at a time equal one by one, bit for bit, remainder included.
    #[test]
    fn columns_equal_the_single_evaluation_bit_for_bit() {
        let (stream, n) = (Stream::new(7, 0, Purpose::Study), 1_003u64);
        let column = |place: u64, low: f64, high: f64| -> Vec<f64> {
            (0..n).map(|draw| low + (high - low) * stream.uniform(7 * draw + place)).collect()
        };
        let launch_price: Vec<_> = column(0, 1.0, 2940.0).into_iter().map(UsdPerKilogram).collect();
        let hardware_price: Vec<_> = column(1, 1.0, 40.0).into_iter().map(UsdPerWatt).collect();
        let specific_power: Vec<_> = column(2, 3.0, 500.0).into_iter().map(WattsPerKilogram).collect();
        let sun_fraction: Vec<_> = column(3, 0.55, 1.0).into_iter().map(Ratio).collect();
        let degradation: Vec<_> = column(4, 0.0, 0.12).into_iter().map(Ratio).collect();
        let accelerator_failure: Vec<_> = column(5, 0.0, 0.10).into_iter().map(Ratio).collect();
        let development: Vec<_> = column(6, 0.0, 1e10).into_iter().map(Usd).collect();
        let draws = Draws {
            launch_price: &launch_price,
            hardware_price: &hardware_price,
            specific_power: &specific_power,
            sun_fraction: &sun_fraction,
            degradation: &degradation,
            accelerator_failure: &accelerator_failure,
            development: &development,
        };
        let mut total = vec![Usd(0.0); n as usize];
        totals(&Orbital::default(), &draws, &mut total).unwrap();
        for draw in 0..n as usize {
            let single = Orbital {
                launch_price: launch_price[draw],
                hardware_price: hardware_price[draw],
                specific_power: specific_power[draw],
                sun_fraction: sun_fraction[draw],
                degradation: degradation[draw],
                accelerator_failure: accelerator_failure[draw],
                development: development[draw],
                ..Orbital::default()
            };
            assert_eq!(single.evaluate().unwrap().total, total[draw]);
        }
    }

    #[test]
    fn more_sun_cheaper_launch_and_lighter_satellites_cost_less() {
        let total = |orbital: Orbital| orbital.evaluate().unwrap().total;
        let default = Orbital::default();
        assert!(total(Orbital { sun_fraction: Ratio(0.7), ..default }) > total(default));
        assert!(total(Orbital { launch_price: UsdPerKilogram(100.0), ..default }) < total(default));
        assert!(total(Orbital { specific_power: WattsPerKilogram(100.0), ..default }) < total(default));
        assert!(total(Orbital { degradation: Ratio(0.05), ..default }) > total(default));
        assert!(total(Orbital { accelerator_failure: Ratio(0.0), ..default }) < total(default));
    }

    #[test]
    fn impossible_inputs_are_refused() {
        let default = Orbital::default();
        let error = Orbital { sun_fraction: Ratio(1.2), ..default }.evaluate().unwrap_err().to_string();
        assert!(error.starts_with("sun fraction 1.2") && error.ends_with("is outside 0..=1"), "{error}");
        for orbital in [
            Orbital { years: 0, ..default },
            Orbital { sun_fraction: Ratio(0.0), ..default },
            Orbital { degradation: Ratio(1.0), ..default },
            Orbital { specific_power: WattsPerKilogram(0.0), ..default },
            Orbital { satellite_power: Watts(-1.0), ..default },
            Orbital { target: Watts(f64::NAN), ..default },
            Orbital { launch_price: UsdPerKilogram(-1.0), ..default },
            Orbital { hardware_price: UsdPerWatt(f64::INFINITY), ..default },
            Orbital { development: Usd(-1.0), ..default },
            Orbital { accelerator_failure: Ratio(2.0), ..default },
        ] {
            assert!(orbital.evaluate().is_err(), "{orbital:?}");
        }
        let ground = Ground::default();
        for ground in [
            Ground { pue: Ratio(0.9), ..ground },
            Ground { years: 0, ..ground },
            Ground { capacity_factor: Ratio(0.0), ..ground },
            Ground { gas_price_usd_per_mmbtu: -1.0, ..ground },
        ] {
            assert!(ground.evaluate().is_err(), "{ground:?}");
        }
        let thermal = Thermal { radiator_emissivity: Ratio(1.1), ..Thermal::default() };
        assert!(thermal.evaluate(SquareMeters(1.0)).is_err());
        assert!(Thermal { altitude: Meters(0.0), ..Thermal::default() }.evaluate(SquareMeters(1.0)).is_err());
    }
}
