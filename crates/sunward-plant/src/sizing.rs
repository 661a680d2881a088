//! How large a radiator must be.

use sunward_units::{Kelvin, Ratio, SquareMeters, Watts, WattsPerSquareMeter};

use crate::heat::STEFAN_BOLTZMANN;

/// What a radiator's faces do.
#[derive(Debug, Clone, Copy)]
pub struct RadiatorSurface {
    /// Infrared emissivity.
    pub emissivity: Ratio,
    /// Radiated over ideal: fin efficiency and blockage.
    pub effectiveness: Ratio,
    /// Radiating faces, 1 or 2.
    pub faces: u8,
}

/// Why no radiator is large enough.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// The environment heats the radiator more than it can emit at that temperature.
    #[error(
        "a radiator at {temperature:.1} emits {emitted:.1} and absorbs {absorbed:.1}: no area rejects heat; run it hotter or shade it"
    )]
    AbsorbsMoreThanItEmits {
        /// Radiator temperature.
        temperature: Kelvin,
        /// Emitted over all faces, per plan area.
        emitted: WattsPerSquareMeter,
        /// Absorbed over all faces, per plan area.
        absorbed: WattsPerSquareMeter,
    },
}

impl RadiatorSurface {
    /// Emission over all faces per plan area: `faces * effectiveness * emissivity * sigma * T^4`.
    #[must_use]
    pub fn emission(&self, temperature: Kelvin) -> WattsPerSquareMeter {
        let square = temperature.0 * temperature.0;
        let black = STEFAN_BOLTZMANN * square * square;
        WattsPerSquareMeter(f64::from(self.faces) * self.effectiveness.0 * self.emissivity.0 * black)
    }

    /// Plan area that rejects `heat` at `temperature` while all faces together absorb `absorbed` per plan area.
    ///
    /// # Errors
    /// If it absorbs at least as much as it emits.
    pub fn area(
        &self,
        heat: Watts,
        temperature: Kelvin,
        absorbed: WattsPerSquareMeter,
    ) -> Result<SquareMeters, SizingError> {
        let emitted = self.emission(temperature);
        let net = emitted - absorbed;
        if net.0 <= 0.0 {
            return Err(SizingError::AbsorbsMoreThanItEmits { temperature, emitted, absorbed });
        }
        Ok(SquareMeters(heat.0 / net.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(emissivity: f64, effectiveness: f64, faces: u8) -> RadiatorSurface {
        RadiatorSurface { emissivity: Ratio(emissivity), effectiveness: Ratio(effectiveness), faces }
    }

    /// facts 2.1: Starcloud's white paper (sigma 5.67e-8 there, hence 1e-4): 770.48 W/m2 emitted, 633.08 net, 189.55 m2 for 120 kW.
    #[test]
    fn starcloud_white_paper() {
        let radiator = surface(0.92, 1.0, 2);
        let temperature = Kelvin(293.15);
        assert!((radiator.emission(temperature).0 / 770.48 - 1.0).abs() < 1e-4);
        let absorbed = WattsPerSquareMeter(122.94 + 14.46);
        let area = radiator.area(Watts(120e3), temperature, absorbed).unwrap();
        assert!((area.0 / 189.55 - 1.0).abs() < 1e-4, "{area}");
        let five_gigawatt = radiator.area(Watts(5e9), temperature, absorbed).unwrap();
        assert!((five_gigawatt.0 / 7.90e6 - 1.0).abs() < 1e-3, "{five_gigawatt}");
    }

    /// facts 9: Turyshev 2026, 1 MW with an overhead of 1.25 at 350 K needs 2495.3 m2.
    #[test]
    fn turyshev_one_megawatt() {
        let area = surface(0.90, 0.85, 1).area(Watts(1.25e6), Kelvin(350.0), WattsPerSquareMeter(150.0)).unwrap();
        assert!((area.0 - 2495.3).abs() < 0.5, "{area}");
    }

    /// facts 6.6: one-face emission at an emissivity of 0.9.
    #[test]
    fn one_face_emission_table() {
        let table = [(273.15, 284.1), (293.15, 376.9), (300.0, 413.4), (320.0, 535.1), (350.0, 765.8), (400.0, 1306.5)];
        for (kelvin, watts) in table {
            let emitted = surface(0.9, 1.0, 1).emission(Kelvin(kelvin)).0;
            assert!((emitted - watts).abs() < 0.06, "{kelvin} K: {emitted}");
        }
    }

    /// Others have said that area grows with the fourth root of power; at a fixed temperature it is linear.
    #[test]
    fn area_is_linear_in_power() {
        let area = |watts| surface(0.9, 1.0, 2).area(Watts(watts), Kelvin(320.0), WattsPerSquareMeter(80.0)).unwrap().0;
        assert!((area(2e5) / area(1e5) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_radiator_in_full_sun_that_cannot_reject_says_so() {
        let refused = surface(0.9, 1.0, 1).area(Watts(1.0), Kelvin(250.0), WattsPerSquareMeter(900.0)).unwrap_err();
        assert!(refused.to_string().contains("no area rejects heat"), "{refused}");
    }
}
