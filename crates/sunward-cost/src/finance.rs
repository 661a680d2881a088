//! Money at different times: discounting, annuities, levelised cost, price years.

use sunward_units::{JULIAN_YEAR_S, Quantity, Ratio, Seconds, Usd};

use crate::error::{CostError, positive, require};

/// An amount and when it falls due, counted from the moment to which it is discounted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dated<Q> {
    /// When.
    pub at: Seconds,
    /// How much.
    pub amount: Q,
}

/// A real (price-year) discount rate a year, compounded yearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscountRate(f64);

impl DiscountRate {
    /// `rate` a year.
    ///
    /// # Errors
    /// A rate of -100 % or less, or not finite.
    pub fn new(rate: Ratio) -> Result<Self, CostError> {
        Ok(Self(require("discount rate", rate, rate.0 > -1.0, "(-1, infinity) a year")?.0))
    }

    /// What 1 USD at `at` is worth at time zero: `(1 + r)^-t`, `t` in Julian years.
    #[must_use]
    pub fn factor(self, at: Seconds) -> Ratio {
        Ratio((1.0 + self.0).powf(-at.0 / JULIAN_YEAR_S))
    }

    /// Sum of `flows`, each discounted to time zero.
    #[must_use]
    pub fn present_value<Q: Quantity>(self, flows: &[Dated<Q>]) -> Q {
        Q::from_si(flows.iter().map(|flow| flow.amount.si() * self.factor(flow.at).0).sum())
    }

    /// Share of a price that each year-end pays when it is spread over `life`: `r / (1 - (1 + r)^-n)`, `1/n` at no interest.
    ///
    /// **Source**: the capital recovery factor (Grant, 1930); for example 0.12950 at 5 % over 10 years.
    ///
    /// # Errors
    /// A life that is not above zero.
    pub fn capital_recovery_factor(self, life: Seconds) -> Result<Ratio, CostError> {
        let years = positive("life", life)?.0 / JULIAN_YEAR_S;
        // expm1 and ln_1p keep the digits at low rates.
        let repaid = -(-years * self.0.ln_1p()).exp_m1();
        Ok(Ratio(if self.0 == 0.0 { 1.0 / years } else { self.0 / repaid }))
    }

    /// Yearly cost of parts of unlike lives, each replaced like for like for ever: the sum of price times capital recovery.
    ///
    /// # Errors
    /// A life that is not above zero.
    pub fn equivalent_annual_cost(self, parts: &[Part]) -> Result<Usd, CostError> {
        parts.iter().map(|part| Ok(part.price * self.capital_recovery_factor(part.life)?.0)).sum()
    }

    /// Levelised cost in USD per SI unit of `output`: discounted costs over discounted output.
    ///
    /// **Source**: the definition of IEA/NEA (2020), "Projected Costs of Generating Electricity", chapter 2. Output that
    /// decays, decays here too: give each year what it yields ([`decaying_output`]).
    ///
    /// # Errors
    /// Output that sums to nothing.
    pub fn levelized_cost<Q: Quantity>(self, costs: &[Dated<Usd>], output: &[Dated<Q>]) -> Result<f64, CostError> {
        let (cost, delivered) = (self.present_value(costs), self.present_value(output).si());
        if delivered > 0.0 {
            Ok(cost.0 / delivered)
        } else {
            Err(CostError::NothingDelivered { what: Q::DIMENSION, cost })
        }
    }
}

/// A part with a price and a life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Paid when it is new.
    pub price: Usd,
    /// Until it is replaced.
    pub life: Seconds,
}

/// Year-end output of a fleet that yields `first_year` at first and loses `decay` of its yield each year.
///
/// # Errors
/// A decay outside 0..=1.
pub fn decaying_output<Q: Quantity>(first_year: Q, decay: Ratio, years: u32) -> Result<Vec<Dated<Q>>, CostError> {
    crate::error::share("yearly decay", decay)?;
    let year = |y: u32| Dated {
        at: Seconds(f64::from(y + 1) * JULIAN_YEAR_S),
        amount: Q::from_si(first_year.si() * (1.0 - decay.0).powi(y as i32)),
    };
    Ok((0..years).map(year).collect())
}

/// A price index: what the same basket cost in each year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceIndex {
    /// Its name and source.
    pub name: &'static str,
    /// Year of the first value; the others follow yearly.
    pub first_year: i32,
    /// `[year]`.
    pub values: &'static [f64],
}

/// Consumer prices in the United States, all urban consumers, all items, yearly average, 1982-84 = 100.
///
/// **Source**: U.S. Bureau of Labor Statistics, series CUUR0000SA0. A general index: launch prices and accelerators follow
/// curves of their own ([`crate::learning`]).
pub const CPI_U: PriceIndex = PriceIndex {
    name: "CPI-U (BLS CUUR0000SA0)",
    first_year: 2016,
    values: &[240.007, 245.120, 251.107, 255.657, 258.811, 270.970, 292.655, 304.702, 313.689],
};

impl PriceIndex {
    /// `amount` of `from`'s money in `to`'s.
    ///
    /// # Errors
    /// A year that the index does not cover; nothing is extrapolated.
    pub fn convert(&self, amount: Usd, from: i32, to: i32) -> Result<Usd, CostError> {
        Ok(amount * (self.value(to)? / self.value(from)?))
    }

    fn value(&self, year: i32) -> Result<f64, CostError> {
        let last = self.first_year + self.values.len() as i32 - 1;
        let missing = CostError::NoIndex { index: self.name, year, first: self.first_year, last };
        let place = usize::try_from(year - self.first_year).map_err(|_| missing.clone())?;
        self.values.get(place).copied().ok_or(missing)
    }
}

#[cfg(test)]
mod tests {
    use sunward_units::Joules;

    use super::*;

    fn years(n: f64) -> Seconds {
        Seconds(n * JULIAN_YEAR_S)
    }

    fn rate(r: f64) -> DiscountRate {
        DiscountRate::new(Ratio(r)).unwrap()
    }

    /// Compound-interest tables (for example Newnan, "Engineering Economic Analysis"): A/P at 5 %, 10 a; 7 %, 20 a; 10 %, 30 a.
    #[test]
    fn capital_recovery_is_that_of_the_tables() {
        for (r, n, factor) in [(0.05, 10.0, 0.12950), (0.07, 20.0, 0.09439), (0.10, 30.0, 0.10608), (0.0, 8.0, 0.125)] {
            let got = rate(r).capital_recovery_factor(years(n)).unwrap().0;
            assert!((got - factor).abs() < 5e-6, "{got} at {r} over {n}");
        }
        let (tiny, none) =
            (rate(1e-13).capital_recovery_factor(years(8.0)), rate(0.0).capital_recovery_factor(years(8.0)));
        assert!((tiny.unwrap().0 - none.unwrap().0).abs() < 1e-12, "no digits are lost at low rates");
    }

    /// Oracle: a price spread by its capital recovery factor has itself as present value.
    #[test]
    fn an_annuity_is_worth_its_price() {
        for r in [0.0, 0.03, 0.12] {
            let payment = Usd(1e6) * rate(r).capital_recovery_factor(years(15.0)).unwrap().0;
            let payments: Vec<_> = (1..=15).map(|y| Dated { at: years(f64::from(y)), amount: payment }).collect();
            assert!((rate(r).present_value(&payments).0 - 1e6).abs() < 1e-6);
        }
    }

    /// Oracle for unlike lives: 5 and 10 years against the chain bought and bought again over 10 years.
    #[test]
    fn unlike_lives_equal_the_chain_of_replacements() {
        let (r, parts) = (rate(0.08), [(600.0, 5.0), (1_000.0, 10.0)]);
        let parts = parts.map(|(price, life)| Part { price: Usd(price), life: years(life) });
        let annual = r.equivalent_annual_cost(&parts).unwrap();
        let bought =
            [(0.0, 600.0), (5.0, 600.0), (0.0, 1_000.0)].map(|(at, price)| Dated { at: years(at), amount: Usd(price) });
        let chain = r.present_value(&bought) * r.capital_recovery_factor(years(10.0)).unwrap().0;
        assert!((annual.0 - chain.0).abs() < 1e-9, "{annual} against {chain}");
    }

    /// Oracle: without decay the levelised cost is (price x capital recovery + running cost) / yearly output.
    #[test]
    fn levelized_cost_equals_the_annuity_formula() {
        let r = rate(0.07);
        let output = decaying_output(Joules(3.6e15), Ratio(0.0), 20).unwrap();
        let mut costs = vec![Dated { at: Seconds(0.0), amount: Usd(1.5e9) }];
        costs.extend(output.iter().map(|year| Dated { at: year.at, amount: Usd(2e7) }));
        let expected = (1.5e9 * r.capital_recovery_factor(years(20.0)).unwrap().0 + 2e7) / 3.6e15;
        assert!((r.levelized_cost(&costs, &output).unwrap() / expected - 1.0).abs() < 1e-12);
    }

    /// A published tool's fleet does not decay in the levelised sum. Here it does: at 2.5 % a year over five years the
    /// undiscounted mean yield is 0.951234453125, and the cost rises by its inverse.
    #[test]
    fn a_decaying_fleet_costs_more_per_unit() {
        let costs = [Dated { at: Seconds(0.0), amount: Usd(1e9) }];
        let at = |decay, r| {
            let output = decaying_output(Joules(1e15), Ratio(decay), 5).unwrap();
            rate(r).levelized_cost(&costs, &output).unwrap()
        };
        assert!((at(0.025, 0.0) / at(0.0, 0.0) * 0.951234453125 - 1.0).abs() < 1e-12);
        assert!(at(0.025, 0.1) > at(0.0, 0.1));
        let discounting_softens_decay = at(0.10, 0.3) / at(0.0, 0.3) < at(0.10, 0.0) / at(0.0, 0.0);
        assert!(discounting_softens_decay);
    }

    #[test]
    fn later_money_is_worth_less_and_a_year_is_a_year() {
        assert!((rate(0.10).factor(years(1.0)).0 - 1.0 / 1.1).abs() < 1e-15);
        assert!((rate(0.10).factor(years(-1.0)).0 - 1.1).abs() < 1e-15);
        assert!((0..30).all(|y| rate(0.05).factor(years(f64::from(y))) > rate(0.05).factor(years(f64::from(y + 1)))));
    }

    /// U.S. Bureau of Labor Statistics: prices rose 8.0 % from 2021 to 2022 on yearly average.
    #[test]
    fn price_years_follow_the_index_and_nothing_is_extrapolated() {
        let risen = CPI_U.convert(Usd(100.0), 2021, 2022).unwrap();
        assert!((risen.0 - 108.0).abs() < 0.05, "{risen}");
        let there_and_back = CPI_U.convert(CPI_U.convert(Usd(100.0), 2016, 2024).unwrap(), 2024, 2016).unwrap();
        assert!((there_and_back.0 - 100.0).abs() < 1e-12);
        let error = CPI_U.convert(Usd(100.0), 2021, 2035).unwrap_err();
        assert_eq!(error.to_string(), "CPI-U (BLS CUUR0000SA0) has no value for 2035; it covers 2016..=2024");
        assert!(CPI_U.convert(Usd(100.0), 2015, 2020).is_err());
    }

    #[test]
    fn nothing_delivered_has_no_price() {
        let costs = [Dated { at: Seconds(0.0), amount: Usd(1e6) }];
        let error = rate(0.05).levelized_cost::<Joules>(&costs, &[]).unwrap_err();
        assert_eq!(error.to_string(), "no energy was delivered for 1 MUSD: a price per unit does not exist");
        assert!(DiscountRate::new(Ratio(-1.0)).is_err() && DiscountRate::new(Ratio(f64::NAN)).is_err());
        assert!(rate(0.05).capital_recovery_factor(Seconds(0.0)).is_err());
        assert!(decaying_output(Joules(1.0), Ratio(1.5), 3).is_err());
    }
}
