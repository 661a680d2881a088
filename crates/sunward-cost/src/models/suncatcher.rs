//! Price of launched power after Suncatcher's table 1, and the ground's electricity beside it.
//!
//! **Source**: Agüera y Arcas et al. (2025), arXiv:2511.19468v2, table 1 and section on launch costs.
//!
//! **Not modelled** (as published): the satellite itself, interest, replacement, operations; power is the array's at begin
//! of life and in full sun.

use sunward_catalog::UsdPerWattSecond;
use sunward_units::{
    JULIAN_YEAR_S, Kilograms, Ratio, Seconds, SquareMeters, UsdPerJoule, UsdPerKilogram, Watts, WattsPerSquareMeter,
};

use crate::HOURS_PER_YEAR;
use crate::error::{CostError, positive, require};

/// A satellite as table 1 lists it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Satellite {
    /// Its name in the table.
    pub name: &'static str,
    /// Mass.
    pub mass: Kilograms,
    /// Power of the array.
    pub power: Watts,
    /// Time it works.
    pub life: Seconds,
}

const fn satellite(name: &'static str, mass_kg: f64, power_w: f64, life_years: f64) -> Satellite {
    Satellite { name, mass: Kilograms(mass_kg), power: Watts(power_w), life: Seconds(life_years * JULIAN_YEAR_S) }
}

/// The table's four satellites.
pub const SATELLITES: [Satellite; 4] = [
    satellite("Starlink v2 mini (optimised)", 575.0, 28e3, 5.0),
    satellite("Starlink v1", 260.0, 7e3, 5.0),
    satellite("OneWeb", 150.0, 0.8e3, 5.0),
    satellite("Iridium NEXT", 860.0, 2e3, 12.5),
];

/// Launch price of a satellite spread over its power and life.
///
/// # Errors
/// A power, life or price not above zero.
///
/// ```
/// use sunward_cost::models::suncatcher::{SATELLITES, launched_power_price};
/// use sunward_units::{JULIAN_YEAR_S, UsdPerKilogram};
/// let price = launched_power_price(&SATELLITES[0], UsdPerKilogram(200.0))?;
/// assert!((price.0 * 1e3 * JULIAN_YEAR_S - 821.4).abs() < 0.1); // USD per kW and year: 575 x 200 / 28 / 5
/// # Ok::<(), sunward_cost::CostError>(())
/// ```
pub fn launched_power_price(satellite: &Satellite, launch: UsdPerKilogram) -> Result<UsdPerWattSecond, CostError> {
    let paid = positive("launch price", launch)? * satellite.mass;
    Ok(UsdPerWattSecond(paid.0 / positive("power", satellite.power)?.0 / positive("life", satellite.life)?.0))
}

/// Launch price at which launching power costs `target`: the inverse of [`launched_power_price`].
///
/// # Errors
/// A mass, power, life or target not above zero.
pub fn launch_price_for(satellite: &Satellite, target: UsdPerWattSecond) -> Result<UsdPerKilogram, CostError> {
    let lived = positive("power", satellite.power)?.0 * positive("life", satellite.life)?.0;
    Ok(UsdPerKilogram(positive("target", target)?.0 * lived / positive("mass", satellite.mass)?.0))
}

/// What a ground site pays for electricity, per power of its computers and time: `tariff x PUE`, over years of 8,760 h.
///
/// # Errors
/// A PUE below 1, or a tariff that is not finite.
pub fn electricity_price(tariff: UsdPerJoule, pue: Ratio) -> Result<UsdPerWattSecond, CostError> {
    require("tariff", tariff, true, "the finite numbers")?;
    require("PUE", pue, pue.0 >= 1.0, "[1, infinity)")?;
    Ok(UsdPerWattSecond(tariff.0 * pue.0 * (HOURS_PER_YEAR * 3600.0) / JULIAN_YEAR_S))
}

/// Power of an array: `area x efficiency x sunlight x everything else that is lost`.
#[must_use]
pub fn array_power(area: SquareMeters, efficiency: Ratio, sun: WattsPerSquareMeter, kept: Ratio) -> Watts {
    sun * area * (efficiency.0 * kept.0)
}

/// Price that leaves `margin` of itself above `cost`: `cost / (1 - margin)`.
///
/// # Errors
/// A margin outside `[0, 1)`.
pub fn price_at_margin(cost: UsdPerKilogram, margin: Ratio) -> Result<UsdPerKilogram, CostError> {
    require("margin", margin, (0.0..1.0).contains(&margin.0), "[0, 1)")?;
    Ok(cost / (1.0 - margin.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_kw_year(price: UsdPerWattSecond) -> f64 {
        price.0 * 1e3 * JULIAN_YEAR_S
    }

    /// Table 1: what it prints, and the same recomputed from its own masses, powers and lives (all within 1.5 %).
    #[test]
    fn table_1_is_reproduced() {
        let rows = [
            (14_700.0, 810.0, 14_786.0, 821.0),
            (26_600.0, 1_470.0, 26_743.0, 1_486.0),
            (135_800.0, 7_500.0, 135_000.0, 7_500.0),
            (124_600.0, 6_900.0, 123_840.0, 6_880.0),
        ];
        for (satellite, (dear, cheap, dear_again, cheap_again)) in SATELLITES.iter().zip(rows) {
            for (launch, printed, recomputed) in [(3600.0, dear, dear_again), (200.0, cheap, cheap_again)] {
                let price = per_kw_year(launched_power_price(satellite, UsdPerKilogram(launch)).unwrap());
                assert!((price - recomputed).abs() < 0.5, "{}: {price}", satellite.name);
                assert!((price / printed - 1.0).abs() < 0.015, "{}: {price} against {printed}", satellite.name);
            }
        }
        let at_300 = launched_power_price(&SATELLITES[0], UsdPerKilogram(300.0)).unwrap();
        assert!((per_kw_year(at_300) - 1_232.0).abs() < 0.5);
    }

    /// 0.06 USD/kWh at PUE 1.09 and 0.25 at 1.4: 573 and 3,066 USD per kW and year (printed as 570 to 3,000).
    #[test]
    fn the_grounds_range_is_reproduced() {
        let price = |tariff: f64, pue| per_kw_year(electricity_price(UsdPerJoule(tariff / 3.6e6), Ratio(pue)).unwrap());
        assert!((price(0.06, 1.09) - 573.0).abs() < 0.5 && (price(0.25, 1.4) - 3_066.0).abs() < 0.5);
    }

    /// 105 m2 at 22 %, 1,361 W/m2 and 90 %: 28.295 kW. Starship at 60 USD/kg and a margin of 75 %: 240, below 250 USD/kg.
    #[test]
    fn array_and_margin_are_reproduced() {
        let power = array_power(SquareMeters(105.0), Ratio(0.22), WattsPerSquareMeter(1361.0), Ratio(0.90));
        assert!((power.0 - 28_295.0).abs() < 0.5, "{power}");
        let price = price_at_margin(UsdPerKilogram(60.0), Ratio(0.75)).unwrap();
        assert!((price.0 - 240.0).abs() < 1e-9 && price.0 < 250.0);
    }

    #[test]
    fn the_launch_price_for_a_price_of_power_is_the_inverse() {
        for satellite in &SATELLITES {
            let price = launched_power_price(satellite, UsdPerKilogram(437.0)).unwrap();
            assert!((launch_price_for(satellite, price).unwrap().0 - 437.0).abs() < 1e-9);
        }
        // Power as cheap as the ground's dearest (3,066 USD per kW and year): 746 USD/kg on the lightest satellite.
        let ground = electricity_price(UsdPerJoule(0.25 / 3.6e6), Ratio(1.4)).unwrap();
        assert!((launch_price_for(&SATELLITES[0], ground).unwrap().0 - 746.5).abs() < 0.1);
        assert!(launch_price_for(&SATELLITES[0], UsdPerWattSecond(0.0)).is_err());
    }

    #[test]
    fn impossible_inputs_are_refused() {
        let dead = Satellite { life: Seconds(0.0), ..SATELLITES[0] };
        assert!(launched_power_price(&dead, UsdPerKilogram(200.0)).is_err());
        assert!(launched_power_price(&SATELLITES[0], UsdPerKilogram(0.0)).is_err());
        assert!(electricity_price(UsdPerJoule(1e-8), Ratio(0.9)).is_err());
        assert!(price_at_margin(UsdPerKilogram(60.0), Ratio(1.0)).is_err());
    }
}
