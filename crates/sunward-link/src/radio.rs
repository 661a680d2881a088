use std::f64::consts::{LN_2, PI};

use sunward_units::{BitsPerSecond, Decibels, Hertz, Kelvin, Meters, Ratio, Watts};

use crate::LinkError;
use crate::constants::{BOLTZMANN, SPEED_OF_LIGHT};
use crate::error::{not_negative, positive, require};
use crate::modcod::{Modcod, RollOff, best_modcod};

/// Loss between isotropic antennas `range` apart: `(4 pi range f / c)^2`, never below 0 dB.
///
/// **Source**: ITU-R P.525-4 (2019), equation 4; Friis (1946).
///
/// ```
/// use sunward_units::{Hertz, Meters};
/// let loss = sunward_link::free_space_loss(Meters(36_000e3), Hertz(12e9));
/// assert!((loss.0 - 205.16).abs() < 0.01); // 92.45 + 20 log10(12) + 20 log10(36000)
/// ```
#[must_use]
pub fn free_space_loss(range: Meters, frequency: Hertz) -> Decibels {
    let amplitude = 4.0 * PI * range.0 * frequency.0 / SPEED_OF_LIGHT;
    Decibels::from_linear((amplitude * amplitude).max(1.0))
}

/// What a radio link is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadioLinkParameters {
    /// Carrier.
    pub frequency: Hertz,
    /// Radio-frequency power at the antenna's port.
    pub transmit_power: Watts,
    /// Gain of the sending antenna, dBi.
    pub transmit_gain: Decibels,
    /// Gain of the receiving antenna, dBi.
    pub receive_gain: Decibels,
    /// Noise temperature of the receiving system, antenna included.
    pub system_temperature: Kelvin,
    /// Occupied (and noise) bandwidth.
    pub bandwidth: Hertz,
    /// What the modem can do at best.
    pub rate_max: BitsPerSecond,
    /// Everything that a real modem, cable and pointing lose, >= 0 dB.
    pub implementation_loss: Decibels,
}

/// A radio link in free space: power budget and achievable rate against range.
///
/// `snr = EIRP / L(range) x Gr / (k T B) / implementation loss`, `rate = min(rate max, B log2(1 + snr))`.
///
/// **Source**: Friis (1946); Johnson (1928) and Nyquist (1928) for `k T B`; Shannon (1949) for the rate.
/// Valid in the far field; nearer, the power received is held at the power sent.
///
/// **Not modelled**: rain, interference, multipath, Doppler, antenna patterns (gains are those along the line of sight).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadioLink {
    parameters: RadioLinkParameters,
    /// Power received at 1 m by Friis' equation, W m2.
    received_at_unit_range_w_m2: f64,
    /// Noise with the implementation loss on top, W.
    effective_noise_w: f64,
}

impl RadioLink {
    /// The link made of `parameters`.
    ///
    /// # Errors
    /// Any value that is not finite; a frequency, power, temperature, bandwidth or rate not above zero; a negative loss.
    pub fn new(parameters: RadioLinkParameters) -> Result<Self, LinkError> {
        let RadioLinkParameters { frequency, transmit_power, transmit_gain, receive_gain, .. } = parameters;
        positive("carrier frequency", frequency)?;
        positive("transmit power", transmit_power)?;
        require("transmit gain", transmit_gain, true, "the finite numbers")?;
        require("receive gain", receive_gain, true, "the finite numbers")?;
        positive("system temperature", parameters.system_temperature)?;
        positive("bandwidth", parameters.bandwidth)?;
        positive("greatest rate", parameters.rate_max)?;
        not_negative("implementation loss", parameters.implementation_loss)?;
        let wavelength_over_4_pi = SPEED_OF_LIGHT / (4.0 * PI * frequency.0);
        let gains = (transmit_gain + receive_gain).linear();
        Ok(Self {
            parameters,
            received_at_unit_range_w_m2: transmit_power.0 * gains * wavelength_over_4_pi * wavelength_over_4_pi,
            effective_noise_w: BOLTZMANN
                * parameters.system_temperature.0
                * parameters.bandwidth.0
                * parameters.implementation_loss.linear(),
        })
    }

    /// What it was made of.
    #[must_use]
    pub fn parameters(&self) -> &RadioLinkParameters {
        &self.parameters
    }

    /// The same link behind a further `loss`, for example [`crate::gaseous_loss`].
    ///
    /// # Errors
    /// A loss below 0 dB.
    pub fn attenuated(&self, loss: Decibels) -> Result<Self, LinkError> {
        let implementation_loss = self.parameters.implementation_loss + not_negative("further loss", loss)?;
        Self::new(RadioLinkParameters { implementation_loss, ..self.parameters })
    }

    /// Equivalent isotropically radiated power.
    #[must_use]
    pub fn radiated_power(&self) -> Watts {
        self.parameters.transmit_power * self.parameters.transmit_gain.linear()
    }

    /// Figure of merit of the receiver, G/T, in dB/K.
    #[must_use]
    pub fn figure_of_merit(&self) -> Decibels {
        self.parameters.receive_gain - Decibels::from_linear(self.parameters.system_temperature.0)
    }

    /// Thermal noise in the bandwidth, `k T B`.
    #[must_use]
    pub fn noise(&self) -> Watts {
        Watts(BOLTZMANN * self.parameters.system_temperature.0 * self.parameters.bandwidth.0)
    }

    /// Power at the receiving antenna's port; never more than was sent.
    ///
    /// # Panics
    /// A range that is negative or NaN.
    #[must_use]
    pub fn received_power(&self, range: Meters) -> Watts {
        assert!(range.0 >= 0.0, "range {range} is negative or not a number");
        Watts((self.received_at_unit_range_w_m2 / (range.0 * range.0)).min(self.parameters.transmit_power.0))
    }

    /// Power received over noise, implementation loss taken off.
    #[must_use]
    pub fn signal_to_noise(&self, range: Meters) -> Ratio {
        Ratio(self.received_power(range).0 / self.effective_noise_w)
    }

    /// Shannon's rate at `range`, or what the modem can do if that is less.
    #[must_use]
    pub fn rate(&self, range: Meters) -> BitsPerSecond {
        // ln(1 + snr) without forming 1 + snr, which would lose a signal far below the noise.
        let shannon = self.parameters.bandwidth.0 * self.signal_to_noise(range).0.ln_1p() / LN_2;
        BitsPerSecond(shannon).min(self.parameters.rate_max)
    }

    /// [`Self::rate`] of every range, into `rate` (both `[link]`).
    ///
    /// # Panics
    /// Columns of two lengths.
    pub fn rates(&self, range: &[Meters], rate: &mut [BitsPerSecond]) {
        assert_eq!(range.len(), rate.len(), "a rate for every range");
        for (rate, &range) in rate.iter_mut().zip(range) {
            *rate = self.rate(range);
        }
    }

    /// The DVB-S2 combination that carries most at `range`, or `None` where not even the lowest closes.
    ///
    /// `Es/N0 = snr (1 + roll-off)`: the symbol rate is the bandwidth over `1 + roll-off`.
    #[must_use]
    pub fn modcod(&self, range: Meters, roll_off: RollOff) -> Option<&'static Modcod> {
        best_modcod(Decibels::from_linear(self.signal_to_noise(range).0 * (1.0 + roll_off.ratio().0)))
    }

    /// The rate of an adaptive DVB-S2 modem at `range`: a staircase under [`Self::rate`]; zero where nothing closes.
    #[must_use]
    pub fn rate_dvb_s2(&self, range: Meters, roll_off: RollOff) -> BitsPerSecond {
        let symbols_per_second = self.parameters.bandwidth.0 / (1.0 + roll_off.ratio().0);
        let closed = self.modcod(range, roll_off).map(|modcod| symbols_per_second * modcod.efficiency().0);
        closed.map_or(BitsPerSecond::ZERO, |rate| BitsPerSecond(rate).min(self.parameters.rate_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x_band() -> RadioLinkParameters {
        RadioLinkParameters {
            frequency: Hertz(8.2e9),
            transmit_power: Watts(2.0),
            transmit_gain: Decibels(15.0),
            receive_gain: Decibels(48.0),
            system_temperature: Kelvin(150.0),
            bandwidth: Hertz(100e6),
            rate_max: BitsPerSecond(5e9),
            implementation_loss: Decibels(3.0),
        }
    }

    fn ranges() -> Vec<Meters> {
        (0..200).map(|step| Meters(300e3 * 1.02f64.powi(step))).collect()
    }

    /// ITU-R P.525-4, equation 4: L = 32.4 + 20 log f(MHz) + 20 log d(km), rounded there to 0.1 dB (32.4478 in full).
    #[test]
    fn free_space_loss_is_that_of_itu_p525() {
        for (range_km, frequency_mhz) in
            [(500.0, 437.0), (2_000.0, 8_200.0), (36_000.0, 12_000.0), (384_400.0, 26_000.0)]
        {
            let expected = 32.4 + 20.0 * f64::log10(frequency_mhz) + 20.0 * f64::log10(range_km);
            let loss = free_space_loss(Meters(range_km * 1e3), Hertz(frequency_mhz * 1e6));
            assert!((loss.0 - expected).abs() < 0.05, "{loss} at {range_km} km, expected {expected} dB");
        }
        assert_eq!(free_space_loss(Meters(1e-6), Hertz(1e9)), Decibels(0.0));
    }

    /// Noise of 1 K in 1 Hz is -228.599 dBW (10 log10 of the Boltzmann constant).
    #[test]
    fn noise_is_boltzmanns() {
        let link =
            RadioLink::new(RadioLinkParameters { system_temperature: Kelvin(1.0), bandwidth: Hertz(1.0), ..x_band() });
        assert!((10.0 * link.unwrap().noise().0.log10() + 228.599167).abs() < 1e-6);
    }

    /// Oracle: the engineer's table in decibels, line by line, against the linear product.
    #[test]
    fn linear_budget_equals_the_decibel_table() {
        let (parameters, link) = (x_band(), RadioLink::new(x_band()).unwrap());
        for range in ranges() {
            let eirp_dbw = 10.0 * 2f64.log10() + 15.0;
            let loss_db = 20.0 * (4.0 * PI * range.0 / (SPEED_OF_LIGHT / 8.2e9)).log10();
            let merit_db = 48.0 - 10.0 * 150f64.log10();
            let snr_db = eirp_dbw - loss_db + merit_db + 228.599167 - 10.0 * 100e6f64.log10() - 3.0;
            assert!((Decibels::from_linear(link.signal_to_noise(range).0).0 - snr_db).abs() < 1e-5);
            assert!((10.0 * link.radiated_power().0.log10() - eirp_dbw).abs() < 1e-9);
            assert!((link.figure_of_merit().0 - merit_db).abs() < 1e-9);
            let rate = (parameters.bandwidth.0 * (1.0 + 10f64.powf(snr_db / 10.0)).log2()).min(5e9);
            assert!((link.rate(range).0 / rate - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn received_power_falls_with_the_square_of_range_and_is_reciprocal() {
        let link = RadioLink::new(x_band()).unwrap();
        let (transmit_gain, receive_gain) = (x_band().receive_gain, x_band().transmit_gain);
        let swapped = RadioLink::new(RadioLinkParameters { transmit_gain, receive_gain, ..x_band() }).unwrap();
        for range in ranges() {
            assert!((link.received_power(range).0 / link.received_power(range * 3.0).0 - 9.0).abs() < 1e-12);
            assert_eq!(link.received_power(range), swapped.received_power(range));
        }
    }

    #[test]
    fn rate_falls_with_range_and_rises_with_everything_that_helps() {
        let link = RadioLink::new(x_band()).unwrap();
        assert!(ranges().windows(2).all(|pair| link.rate(pair[0]) > link.rate(pair[1])));
        let better = [
            RadioLinkParameters { transmit_power: Watts(4.0), ..x_band() },
            RadioLinkParameters { transmit_gain: Decibels(16.0), ..x_band() },
            RadioLinkParameters { receive_gain: Decibels(49.0), ..x_band() },
            RadioLinkParameters { system_temperature: Kelvin(100.0), ..x_band() },
            RadioLinkParameters { bandwidth: Hertz(150e6), ..x_band() },
            RadioLinkParameters { implementation_loss: Decibels(1.0), ..x_band() },
            RadioLinkParameters { frequency: Hertz(4e9), ..x_band() },
        ];
        for parameters in better {
            assert!(RadioLink::new(parameters).unwrap().rate(Meters(1e6)) > link.rate(Meters(1e6)), "{parameters:?}");
        }
        let slow_modem = RadioLink::new(RadioLinkParameters { rate_max: BitsPerSecond(1e6), ..x_band() }).unwrap();
        assert_eq!(slow_modem.rate(Meters(1e6)), BitsPerSecond(1e6));
    }

    /// Far below the noise, ln(1 + snr) = snr - snr^2 / 2 + ...
    #[test]
    fn a_signal_far_below_the_noise_still_carries_something() {
        let link = RadioLink::new(x_band()).unwrap();
        for range in [1e15, 1e16, 1e18, 1e25] {
            let snr = link.signal_to_noise(Meters(range)).0;
            assert!(snr < 1e-10, "{snr}");
            let expected = 100e6 * snr / LN_2;
            assert!((link.rate(Meters(range)).0 / expected - 1.0).abs() < 1e-9, "at {range} m");
        }
    }

    #[test]
    fn attenuation_acts_like_range() {
        let link = RadioLink::new(x_band()).unwrap();
        let behind_6_db = link.attenuated(Decibels::from_linear(4.0)).unwrap();
        assert!((behind_6_db.rate(Meters(1e6)).0 / link.rate(Meters(2e6)).0 - 1.0).abs() < 1e-12);
        assert!(link.attenuated(Decibels(-1.0)).is_err());
    }

    #[test]
    fn never_more_arrives_than_was_sent() {
        let link = RadioLink::new(x_band()).unwrap();
        assert_eq!(link.received_power(Meters(0.0)), Watts(2.0));
        assert!(link.received_power(Meters(1.0)).0 <= 2.0);
    }

    #[test]
    fn columns_equal_the_single_rates() {
        let (link, range) = (RadioLink::new(x_band()).unwrap(), ranges());
        let mut rate = vec![BitsPerSecond::ZERO; range.len()];
        link.rates(&range, &mut rate);
        assert!(range.iter().zip(&rate).all(|(&range, &rate)| link.rate(range) == rate));
    }

    #[test]
    fn the_stepped_modem_stays_under_shannon_and_stops_where_nothing_closes() {
        let link = RadioLink::new(x_band()).unwrap();
        let stepped = |range| link.rate_dvb_s2(range, RollOff::Percent20);
        for pair in ranges().windows(2) {
            assert!(stepped(pair[0]) < link.rate(pair[0]) && stepped(pair[0]) >= stepped(pair[1]));
        }
        // By hand at 2,000 km: 18.0103 - 176.7447 + 26.2391 + 228.5992 - 80 - 3 = 13.1039 dB, Es/N0 13.90 dB: 32APSK 4/5.
        assert!((Decibels::from_linear(link.signal_to_noise(Meters(2e6)).0).0 - 13.1039).abs() < 1e-3);
        assert_eq!(link.modcod(Meters(2e6), RollOff::Percent20).unwrap().name, "32APSK 4/5");
        assert!((stepped(Meters(2e6)).0 - 100e6 / 1.2 * 3.951571).abs() < 100.0);
        assert_eq!(stepped(Meters(1e9)), BitsPerSecond::ZERO);
    }

    #[test]
    fn bad_parameters_are_refused() {
        let message = |parameters| RadioLink::new(parameters).unwrap_err().to_string();
        assert_eq!(
            message(RadioLinkParameters { bandwidth: Hertz(-3.0), ..x_band() }),
            "bandwidth -3 Hz is outside (0, infinity)"
        );
        let loss = message(RadioLinkParameters { implementation_loss: Decibels(-1.0), ..x_band() });
        assert!(loss.starts_with("implementation loss -1 dB") && loss.ends_with("is outside [0, infinity)"), "{loss}");
        for parameters in [
            RadioLinkParameters { frequency: Hertz(0.0), ..x_band() },
            RadioLinkParameters { transmit_power: Watts(0.0), ..x_band() },
            RadioLinkParameters { transmit_gain: Decibels(f64::NAN), ..x_band() },
            RadioLinkParameters { receive_gain: Decibels(f64::INFINITY), ..x_band() },
            RadioLinkParameters { system_temperature: Kelvin(0.0), ..x_band() },
            RadioLinkParameters { rate_max: BitsPerSecond(0.0), ..x_band() },
        ] {
            assert!(RadioLink::new(parameters).is_err(), "{parameters:?}");
        }
    }

    #[test]
    #[should_panic(expected = "negative or not a number")]
    fn a_range_that_is_not_a_number_is_a_bug() {
        let _ = RadioLink::new(x_band()).unwrap().rate(Meters(f64::NAN));
    }
}
