//! Learning curves: each doubling of what was ever made takes the same share off the price.

use sunward_units::{Kilograms, Ratio, Usd, UsdPerKilogram};

use crate::error::{CostError, positive, require};

/// Wright's law: `price / price_0 = (cumulative / cumulative_0)^-b`, `b = -log2(1 - learning rate)`.
///
/// **Source**: Wright (1936), "Factors affecting the cost of airplanes", J. Aeronaut. Sci. 3:122.
///
/// **Not modelled**: a floor (propellant, material), forgetting, or the spread of the rate, which is a study's variable.
///
/// ```
/// use sunward_cost::learning::LearningCurve;
/// use sunward_units::Ratio;
/// let curve = LearningCurve::new(Ratio(0.20))?;
/// assert!((curve.exponent() - 0.3219).abs() < 5e-5);
/// assert!((curve.price_factor(Ratio(2.0))?.0 - 0.8).abs() < 1e-15);
/// # Ok::<(), sunward_cost::CostError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningCurve {
    exponent: f64,
}

impl LearningCurve {
    /// The curve that loses `learning_rate` of its price with each doubling.
    ///
    /// # Errors
    /// A rate outside `[0, 1)`.
    pub fn new(learning_rate: Ratio) -> Result<Self, CostError> {
        require("learning rate", learning_rate, (0.0..1.0).contains(&learning_rate.0), "[0, 1)")?;
        Ok(Self { exponent: -(1.0 - learning_rate.0).log2() })
    }

    /// `b`.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// Price over the first price when `volume` times the first cumulative amount has been made.
    ///
    /// # Errors
    /// A volume that is not above zero.
    pub fn price_factor(&self, volume: Ratio) -> Result<Ratio, CostError> {
        Ok(Ratio(positive("cumulative volume", volume)?.0.powf(-self.exponent)))
    }

    /// Cumulative amount over the first one at which the price is `price` times the first price.
    ///
    /// # Errors
    /// A price that is not above zero, or a curve that does not fall.
    pub fn volume_factor(&self, price: Ratio) -> Result<Ratio, CostError> {
        positive("price ratio", price)?;
        require("learning rate", Ratio(0.0), self.exponent > 0.0, "(0, 1) where a volume is asked for a price")?;
        Ok(Ratio(price.0.powf(-1.0 / self.exponent)))
    }
}

impl LearningCurve {
    /// Mean price over the first price, of what is made while the volume goes from the first one to `volume` times it.
    ///
    /// # Errors
    /// A volume that is not above 1.
    pub fn mean_factor(&self, volume: Ratio) -> Result<Ratio, CostError> {
        require("volume", volume, volume.0 > 1.0, "(1, infinity) times the first")?;
        Ok(Ratio(self.area(1.0, volume.0) / (volume.0 - 1.0)))
    }

    /// Integral of the price factor between two volume factors.
    fn area(&self, from: f64, to: f64) -> f64 {
        let slope = 1.0 - self.exponent;
        if slope.abs() < 1e-9 { (to / from).ln() } else { (to.powf(slope) - from.powf(slope)) / slope }
    }
}

/// A launch market on its learning curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaunchMarket {
    /// Price when `launched` had been launched.
    pub price: UsdPerKilogram,
    /// Mass ever launched then.
    pub launched: Kilograms,
    /// How the price falls.
    pub curve: LearningCurve,
}

impl LaunchMarket {
    /// 1,800 USD/kg at 400 t ever launched, 20 % a doubling.
    ///
    /// **Source**: Agüera y Arcas et al. (2025), arXiv:2511.19468, section on launch costs (18 to 24 % observed; Falcon Heavy
    /// as the start).
    ///
    /// # Panics
    /// Never: the rate is inside its range.
    #[must_use]
    pub fn suncatcher() -> Self {
        let curve = LearningCurve::new(Ratio(0.20)).expect("0.20 is inside [0, 1)");
        Self { price: UsdPerKilogram(1_800.0), launched: Kilograms(400e3), curve }
    }

    /// Price when `launched` has been launched.
    ///
    /// # Errors
    /// A mass that is not above zero.
    pub fn price_at(&self, launched: Kilograms) -> Result<UsdPerKilogram, CostError> {
        Ok(self.price * self.curve.price_factor(Ratio(launched / self.launched))?.0)
    }

    /// Mass that has to be launched, all ever told, before the price is `price`.
    ///
    /// # Errors
    /// A price that is not above zero, or a market that does not learn.
    pub fn launched_at(&self, price: UsdPerKilogram) -> Result<Kilograms, CostError> {
        Ok(self.launched * self.curve.volume_factor(Ratio(price / self.price))?.0)
    }

    /// What launching costs while the mass ever launched goes from `from` to `to`: the integral of the price.
    ///
    /// # Errors
    /// Masses that are not above zero, or that go backwards.
    pub fn spend(&self, from: Kilograms, to: Kilograms) -> Result<Usd, CostError> {
        positive("mass launched before", from)?;
        require("mass launched after", to, to >= from, "what was launched before and more")?;
        let area = self.curve.area(from / self.launched, to / self.launched);
        Ok(self.price * self.launched * area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// arXiv:2511.19468 and its recomputation: 400 t x 9^(1/b) = 368,305 t (367,905 added) for 200 USD/kg, 104,525 t for 300.
    #[test]
    fn suncatchers_launch_price_is_reproduced() {
        let market = LaunchMarket::suncatcher();
        assert!((market.curve.exponent() - 0.3219).abs() < 5e-5);
        let tonnes = |price| market.launched_at(UsdPerKilogram(price)).unwrap().0 / 1e3;
        assert!((tonnes(200.0) - 368_305.0).abs() < 1.0, "{}", tonnes(200.0));
        assert!((tonnes(200.0) - 400.0 - 367_905.0).abs() < 1.0);
        assert!((tonnes(300.0) - 104_525.0).abs() < 1.0, "{}", tonnes(300.0));
        assert!((tonnes(200.0) / 200.0 - 1_841.5).abs() < 1.0, "about 1,800 launches of 200 t");
    }

    #[test]
    fn price_and_volume_are_inverse_and_each_doubling_takes_the_same_share() {
        let market = LaunchMarket::suncatcher();
        for doubling in 0..12 {
            let launched = market.launched * 2f64.powi(doubling);
            let price = market.price_at(launched).unwrap();
            assert!((price.0 / 1_800.0 / 0.8f64.powi(doubling) - 1.0).abs() < 1e-12);
            assert!((market.launched_at(price).unwrap() / launched - 1.0).abs() < 1e-10);
        }
    }

    /// Oracle: the sum over thin slices of the price.
    #[test]
    fn spend_is_the_integral_of_the_price() {
        for rate in [0.0, 0.20, 0.5, 0.7] {
            let market = LaunchMarket { curve: LearningCurve::new(Ratio(rate)).unwrap(), ..LaunchMarket::suncatcher() };
            let (from, to, slices) = (400e3, 4e6, 20_000);
            let slice = (to - from) / f64::from(slices);
            let middle = |n: i32| Kilograms(from + (f64::from(n) + 0.5) * slice);
            let sum: f64 = (0..slices).map(|n| market.price_at(middle(n)).unwrap().0 * slice).sum();
            let spend = market.spend(Kilograms(from), Kilograms(to)).unwrap();
            assert!((spend.0 / sum - 1.0).abs() < 1e-6, "{spend} against {sum} at {rate}");
        }
    }

    #[test]
    fn impossible_curves_are_refused() {
        assert!(LearningCurve::new(Ratio(1.0)).is_err() && LearningCurve::new(Ratio(-0.1)).is_err());
        let flat = LearningCurve::new(Ratio(0.0)).unwrap();
        assert_eq!(flat.price_factor(Ratio(8.0)), Ok(Ratio(1.0)));
        assert!(flat.volume_factor(Ratio(0.5)).is_err());
        let market = LaunchMarket::suncatcher();
        assert!(market.price_at(Kilograms(0.0)).is_err() && market.launched_at(UsdPerKilogram(-1.0)).is_err());
        let backwards = market.spend(Kilograms(2e6), Kilograms(1e6)).unwrap_err();
        assert!(backwards.to_string().contains("what was launched before and more"));
    }
}
