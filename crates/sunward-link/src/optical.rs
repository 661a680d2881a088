use std::f64::consts::{LN_2, PI};

use sunward_units::{BitsPerSecond, Decibels, Hertz, Meters, Radians, Ratio, SquareMeters, Watts};

use crate::LinkError;
use crate::constants::{PLANCK, SPEED_OF_LIGHT};
use crate::error::{not_negative, positive, require};

/// Gain of a round aperture: `efficiency (pi D / lambda)^2`.
///
/// **Source**: Friis (1946) with the area of a circle.
///
/// ```
/// use sunward_units::{Meters, Ratio};
/// let gain = sunward_link::aperture_gain(Meters(0.10), Meters(1.55e-6), Ratio(0.8));
/// assert!((gain.0 - 105.17).abs() < 0.01); // 106.14 dB less 0.97 dB
/// ```
#[must_use]
pub fn aperture_gain(aperture: Meters, wavelength: Meters, efficiency: Ratio) -> Decibels {
    let diameter_in_wavelengths = PI * aperture.0 / wavelength.0;
    Decibels::from_linear(efficiency.0 * diameter_in_wavelengths * diameter_in_wavelengths)
}

/// Half angle of the beam of a round aperture to its first dark ring: `1.22 lambda / D`.
///
/// **Source**: Airy (1835); the smallest divergence that diffraction allows.
#[must_use]
pub fn divergence(aperture: Meters, wavelength: Meters) -> Radians {
    Radians(1.22 * wavelength.0 / aperture.0)
}

/// Radius of the spot at `range` by divergence alone. Valid well beyond the confocal length.
#[must_use]
pub fn spot_radius(range: Meters, aperture: Meters, wavelength: Meters) -> Meters {
    range * divergence(aperture, wavelength).0
}

/// A terminal's optics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Telescope {
    /// Diameter of the round aperture.
    pub aperture: Meters,
    /// Share of the ideal gain that remains.
    pub efficiency: Ratio,
    /// Angle between the line of sight and where the telescope looks.
    pub pointing_error: Radians,
}

impl Telescope {
    /// A well-pointed telescope whose gain is stated instead of its efficiency.
    ///
    /// # Errors
    /// A gain above what the aperture allows at `wavelength`.
    pub fn with_gain(aperture: Meters, gain: Decibels, wavelength: Meters) -> Result<Self, LinkError> {
        let ideal = aperture_gain(positive("aperture", aperture)?, positive("wavelength", wavelength)?, Ratio(1.0));
        let efficiency = Ratio((gain - ideal).linear());
        require("gain", gain, efficiency.0 <= 1.0, "what the aperture allows, (pi D / lambda)^2")?;
        Ok(Self { aperture, efficiency, pointing_error: Radians(0.0) })
    }

    fn area(&self) -> SquareMeters {
        SquareMeters(PI / 4.0 * self.aperture.0 * self.aperture.0)
    }

    /// What mispointing leaves of the power: `exp(-G theta^2)`.
    ///
    /// **Source**: Chen and Gardner (1989), IEEE Trans. Commun. 37:252, for small angles.
    /// **Not modelled**: jitter about the mean error, which fades the link.
    #[must_use]
    pub fn pointing_share(&self, wavelength: Meters) -> Ratio {
        let gain = aperture_gain(self.aperture, wavelength, self.efficiency).linear();
        Ratio((-gain * self.pointing_error.0 * self.pointing_error.0).exp())
    }

    fn check(&self) -> Result<(), LinkError> {
        positive("aperture", self.aperture)?;
        let efficiency = self.efficiency;
        require("telescope efficiency", efficiency, efficiency.0 > 0.0 && efficiency.0 <= 1.0, "(0, 1]")?;
        not_negative("pointing error", self.pointing_error)?;
        Ok(())
    }
}

/// How many photons a receiver needs for a bit.
///
/// **Source**: Agüera y Arcas et al. (2025), arXiv:2511.19468, section on inter-satellite links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modulation {
    /// Polarisation-multiplexed 16-QAM, coherent: 195.6.
    PolarizationMultiplexedQam16,
    /// On-off keying: 71.
    OnOff,
    /// The limit of a coherent receiver at vanishing spectral efficiency: `2 ln 2` = 1.39.
    Shannon,
}

impl Modulation {
    /// Photons per bit.
    #[must_use]
    pub fn photons_per_bit(self) -> Ratio {
        Ratio(match self {
            Self::PolarizationMultiplexedQam16 => 195.6,
            Self::OnOff => 71.0,
            Self::Shannon => 2.0 * LN_2,
        })
    }
}

/// A comb of wavelengths: dense wavelength-division multiplexing, one transceiver a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comb {
    /// Optical band in use.
    pub band: Hertz,
    /// Spacing of the channels.
    pub grid: Hertz,
    /// Rate of one channel.
    pub channel_rate: BitsPerSecond,
    /// Power that one channel's receiver needs.
    pub sensitivity: Watts,
    /// Most beams side by side along one edge of the aperture; 1 where the terminal cannot divide it.
    pub beams_per_side_max: u32,
}

impl Comb {
    /// Channels that fit the band.
    #[must_use]
    pub fn channels(&self) -> u32 {
        (self.band.0 / self.grid.0 + 1e-9) as u32
    }

    /// Rate with every channel of one beam lit.
    #[must_use]
    pub fn rate_max(&self) -> BitsPerSecond {
        self.channel_rate * f64::from(self.channels())
    }
}

/// What an optical link is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpticalLinkParameters {
    /// Carrier wavelength.
    pub wavelength: Meters,
    /// Optical power of the terminal, all channels together.
    pub transmit_power: Watts,
    /// Sending optics.
    pub transmit: Telescope,
    /// Receiving optics.
    pub receive: Telescope,
    /// Everything else that is lost, >= 0 dB.
    pub other_losses: Decibels,
}

/// An optical link in vacuum: power budget, photons and channels against range.
///
/// Share coupled: `eta_t eta_r min(1, A_t A_r / (lambda range)^2)` (Friis, held at the optics' efficiency nearer than the
/// confocal length `sqrt(A_t A_r) / lambda`), times pointing and other losses.
///
/// The power is **split** over the channels: a comb closes on as many channels as the received power can feed.
///
/// **Source**: Friis (1946); Agüera y Arcas et al. (2025), arXiv:2511.19468, whose figures the tests reproduce.
///
/// **Not modelled**: background light, acquisition time, amplifier noise beyond the stated sensitivity, fading by jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpticalLink {
    parameters: OpticalLinkParameters,
    /// Power received inside the confocal length, W.
    near_power_w: f64,
}

impl OpticalLink {
    /// The link made of `parameters`.
    ///
    /// # Errors
    /// A wavelength, power or aperture not above zero; an efficiency outside (0, 1]; a negative loss or pointing error.
    pub fn new(parameters: OpticalLinkParameters) -> Result<Self, LinkError> {
        let wavelength = positive("wavelength", parameters.wavelength)?;
        positive("transmit power", parameters.transmit_power)?;
        parameters.transmit.check()?;
        parameters.receive.check()?;
        let losses = not_negative("other losses", parameters.other_losses)?;
        let share = |end: &Telescope| end.efficiency.0 * end.pointing_share(wavelength).0;
        let kept = share(&parameters.transmit) * share(&parameters.receive) / losses.linear();
        Ok(Self { parameters, near_power_w: parameters.transmit_power.0 * kept })
    }

    /// What it was made of.
    #[must_use]
    pub fn parameters(&self) -> &OpticalLinkParameters {
        &self.parameters
    }

    /// `sqrt(A_t A_r) / lambda`, which is `pi a^2 / lambda` for two equal round apertures of radius `a`: nearer, the
    /// beam has not spread and all of it meets the other aperture.
    #[must_use]
    pub fn confocal_length(&self) -> Meters {
        let areas = self.parameters.transmit.area().0 * self.parameters.receive.area().0;
        Meters(areas.sqrt() / self.parameters.wavelength.0)
    }

    /// Power on the detector, all channels together.
    ///
    /// # Panics
    /// A range that is negative or NaN.
    #[must_use]
    pub fn received_power(&self, range: Meters) -> Watts {
        assert!(range.0 >= 0.0, "range {range} is negative or not a number");
        let spread = self.confocal_length() / range;
        Watts(self.near_power_w * (spread * spread).min(1.0))
    }

    /// Rate that the photons arriving at `range` allow: `P lambda / (photons per bit h c)`.
    #[must_use]
    pub fn photon_limited_rate(&self, range: Meters, modulation: Modulation) -> BitsPerSecond {
        let photon_j = PLANCK * SPEED_OF_LIGHT / self.parameters.wavelength.0;
        BitsPerSecond(self.received_power(range).0 / (photon_j * modulation.photons_per_bit().0))
    }

    /// Beams that fit side by side along one edge: the greatest `k` for which an aperture divided `k x k` still reaches
    /// `range` within its confocal length; at least one.
    ///
    /// **Source**: arXiv:2511.19468: one beam of 10 cm to 5 km, 2 x 2 of 5 cm to 1.25 km, 4 x 4 of 2.5 cm to 0.32 km.
    #[must_use]
    pub fn beams_per_side(&self, range: Meters, comb: &Comb) -> u32 {
        let fitting = (self.confocal_length() / range).sqrt();
        (fitting as u32).clamp(1, comb.beams_per_side_max.max(1))
    }

    /// Channels lit at `range`, all beams together: as many as the received power feeds, as the comb and the beams allow.
    #[must_use]
    pub fn lit_channels(&self, range: Meters, comb: &Comb) -> u32 {
        let beams = self.beams_per_side(range, comb).pow(2);
        let fed = self.received_power(range).0 / comb.sensitivity.0;
        (fed as u32).min(beams * comb.channels())
    }

    /// Rate at `range`: the lit channels' together; zero where not even one closes.
    #[must_use]
    pub fn rate(&self, range: Meters, comb: &Comb) -> BitsPerSecond {
        comb.channel_rate * f64::from(self.lit_channels(range, comb))
    }

    /// [`Self::rate`] of every range, into `rate` (both `[link]`).
    ///
    /// # Panics
    /// Columns of two lengths.
    pub fn rates(&self, range: &[Meters], comb: &Comb, rate: &mut [BitsPerSecond]) {
        assert_eq!(range.len(), rate.len(), "a rate for every range");
        for (rate, &range) in rate.iter_mut().zip(range) {
            *rate = self.rate(range, comb);
        }
    }

    /// The longest range at which `channels` channels still close, or `None` where the power never suffices.
    #[must_use]
    pub fn reach(&self, channels: u32, comb: &Comb) -> Option<Meters> {
        let margin = self.near_power_w / (f64::from(channels) * comb.sensitivity.0);
        (channels > 0 && margin >= 1.0).then(|| self.confocal_length() * margin.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAVELENGTH: Meters = Meters(1.55e-6);

    /// arXiv:2511.19468: 5 W, 105.1 dB each from 10 cm, 1.55 um, 3 dB of other losses.
    fn suncatcher() -> OpticalLinkParameters {
        let telescope = Telescope::with_gain(Meters(0.10), Decibels(105.1), WAVELENGTH).unwrap();
        OpticalLinkParameters {
            wavelength: WAVELENGTH,
            transmit_power: Watts(5.0),
            transmit: telescope,
            receive: telescope,
            other_losses: Decibels(3.0),
        }
    }

    /// 24 channels of 400 Gbit/s on a grid of 100 GHz, -20 dBm each.
    fn comb() -> Comb {
        Comb {
            band: Hertz(2.4e12),
            grid: Hertz(100e9),
            channel_rate: BitsPerSecond(400e9),
            sensitivity: Watts(1e-5),
            beams_per_side_max: 4,
        }
    }

    fn link() -> OpticalLink {
        OpticalLink::new(suncatcher()).unwrap()
    }

    fn close(value: f64, expected: f64, relative: f64) {
        assert!((value / expected - 1.0).abs() < relative, "{value} is not {expected}");
    }

    /// Recomputed from the paper's inputs; it prints 1.6 uW at 5,000 km. Tolerance: the digits given.
    #[test]
    fn received_power_is_suncatchers() {
        close(link().received_power(Meters(5_000e3)).0, 1.597e-6, 4e-4);
        close(10.0 * (link().received_power(Meters(5_000e3)).0 / 1e-3).log10(), -27.97, 2e-4);
        close(link().received_power(Meters(300e3)).0, 443.6e-6, 2e-4);
        close(link().received_power(Meters(100e3)).0, 3.99e-3, 1e-3);
    }

    #[test]
    fn gain_divergence_and_spot_are_suncatchers() {
        close(aperture_gain(Meters(0.1), WAVELENGTH, Ratio(1.0)).0, 106.14, 1e-4);
        close(aperture_gain(Meters(0.1), WAVELENGTH, Ratio(0.8)).0, 105.17, 1e-4);
        close(divergence(Meters(0.1), WAVELENGTH).0, 18.91e-6, 1e-4);
        close(spot_radius(Meters(5_000e3), Meters(0.1), WAVELENGTH).0, 94.55, 1e-4);
    }

    #[test]
    fn confocal_lengths_are_suncatchers() {
        for (aperture, length) in [(0.10, 5067.0), (0.05, 1267.0), (0.025, 317.0)] {
            let end = Telescope { aperture: Meters(aperture), efficiency: Ratio(0.8), pointing_error: Radians(0.0) };
            let link = OpticalLink::new(OpticalLinkParameters { transmit: end, receive: end, ..suncatcher() }).unwrap();
            close(link.confocal_length().0, length, 1e-3);
            close(link.confocal_length().0, PI * (aperture / 2.0).powi(2) / WAVELENGTH.0, 1e-12);
        }
    }

    #[test]
    fn photon_limited_rates_are_suncatchers() {
        let at_5000_km = |modulation| link().photon_limited_rate(Meters(5_000e3), modulation).0;
        close(at_5000_km(Modulation::PolarizationMultiplexedQam16), 63.7e9, 1e-3);
        close(at_5000_km(Modulation::OnOff), 175.5e9, 1e-3);
        close(at_5000_km(Modulation::Shannon), 8990e9, 1e-3);
        let at_300_km = link().photon_limited_rate(Meters(300e3), Modulation::PolarizationMultiplexedQam16);
        close(at_300_km.0, 17.7e12, 1e-3);
    }

    #[test]
    fn comb_capacity_is_suncatchers() {
        close(comb().rate_max().0, 9.6e12, 1e-12);
        close(Comb { grid: Hertz(75e9), ..comb() }.rate_max().0, 12.8e12, 1e-12);
        close(24.0 * comb().sensitivity.0, 0.24e-3, 1e-12);
    }

    /// Power is split over the channels. (A published tool gives full power to each and carries the same at 100 m and at
    /// 1,000 km.)
    #[test]
    fn twenty_four_channels_close_to_408_km_and_one_to_1998_km() {
        let (link, comb) = (link(), comb());
        assert_eq!(link.lit_channels(Meters(300e3), &comb), 24);
        let reach = link.reach(24, &comb).unwrap();
        close(reach.0, 300e3 * (443.6f64 / 240.0).sqrt(), 2e-4);
        assert_eq!(link.lit_channels(reach * 0.9999, &comb), 24);
        assert_eq!(link.lit_channels(reach * 1.0001, &comb), 23);
        assert_eq!(link.lit_channels(Meters(1_000e3), &comb), 3);
        close(link.rate(Meters(1_000e3), &comb).0, 1.2e12, 1e-12);
        close(link.reach(1, &comb).unwrap().0, 1998.0e3, 1e-3);
        assert_eq!(link.rate(Meters(5_000e3), &comb), BitsPerSecond::ZERO);
        assert!(link.rate(Meters(100.0), &comb) > link.rate(Meters(1_000e3), &comb));
        assert_eq!(link.reach(10_000_000, &comb), None);
        assert_eq!(link.reach(0, &comb), None);
    }

    #[test]
    fn beams_divide_the_aperture_inside_its_confocal_length() {
        let (link, comb) = (link(), comb());
        for (range, beams) in [(6e3, 1), (5.06e3, 1), (1.26e3, 2), (1.27e3, 1), (0.316e3, 4), (0.318e3, 3), (10.0, 4)] {
            assert_eq!(link.beams_per_side(Meters(range), &comb), beams, "{range} m");
        }
        assert_eq!(link.lit_channels(Meters(100.0), &comb), 16 * 24);
        assert_eq!(link.lit_channels(Meters(100.0), &Comb { beams_per_side_max: 1, ..comb }), 24);
    }

    #[test]
    fn power_falls_with_the_square_of_range_far_off_and_is_held_near_by() {
        let link = link();
        for step in 0..100 {
            let range = Meters(5_100.0 * 1.1f64.powi(step));
            close(link.received_power(range).0 / link.received_power(range * 2.0).0, 4.0, 1e-12);
        }
        let near = link.received_power(link.confocal_length());
        assert_eq!(link.received_power(Meters(0.0)), near);
        assert_eq!(link.received_power(Meters(100.0)), near);
        // The optics' efficiency twice and 3 dB: never more than was sent.
        close(near.0, 5.0 * suncatcher().transmit.efficiency.0.powi(2) / 10f64.powf(0.3), 1e-12);
        assert!(near.0 < 5.0);
    }

    #[test]
    fn the_link_is_reciprocal_and_rates_never_rise_with_range() {
        let small = Telescope { aperture: Meters(0.03), efficiency: Ratio(0.7), pointing_error: Radians(2e-6) };
        let forth = OpticalLink::new(OpticalLinkParameters { receive: small, ..suncatcher() }).unwrap();
        let turned = OpticalLinkParameters { transmit: small, receive: suncatcher().transmit, ..suncatcher() };
        let back = OpticalLink::new(turned).unwrap();
        let range: Vec<_> = (0..120).map(|step| Meters(50.0 * 1.1f64.powi(step))).collect();
        let mut rate = vec![BitsPerSecond::ZERO; range.len()];
        forth.rates(&range, &comb(), &mut rate);
        assert!(rate.windows(2).all(|pair| pair[0] >= pair[1]) && rate[0] > rate[119]);
        for (&range, &rate) in range.iter().zip(&rate) {
            close(forth.received_power(range).0, back.received_power(range).0, 1e-12);
            assert_eq!(rate, forth.rate(range, &comb()));
        }
    }

    /// exp(-G theta^2) at 1 urad, the paper's pointing, and 105.1 dB: exp(-0.03236) = 0.1405 dB.
    #[test]
    fn one_microradian_costs_a_seventh_of_a_decibel() {
        let end = Telescope { pointing_error: Radians(1e-6), ..suncatcher().transmit };
        close(-Decibels::from_linear(end.pointing_share(WAVELENGTH).0).0, 0.1405, 1e-3);
        let mispointed = OpticalLink::new(OpticalLinkParameters { transmit: end, ..suncatcher() }).unwrap();
        assert!(mispointed.received_power(Meters(1e6)) < link().received_power(Meters(1e6)));
    }

    #[test]
    fn bad_parameters_are_refused() {
        let telescope = suncatcher().transmit;
        let bad_end = Telescope { efficiency: Ratio(1.2), ..telescope };
        let error = OpticalLink::new(OpticalLinkParameters { transmit: bad_end, ..suncatcher() }).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("telescope efficiency 1.2") && message.ends_with("is outside (0, 1]"), "{message}");
        let too_much = Telescope::with_gain(Meters(0.10), Decibels(107.0), WAVELENGTH).unwrap_err();
        assert!(too_much.to_string().contains("is outside what the aperture allows"), "{too_much}");
        for parameters in [
            OpticalLinkParameters { wavelength: Meters(0.0), ..suncatcher() },
            OpticalLinkParameters { transmit_power: Watts(f64::NAN), ..suncatcher() },
            OpticalLinkParameters { other_losses: Decibels(-0.1), ..suncatcher() },
            OpticalLinkParameters { receive: Telescope { aperture: Meters(0.0), ..telescope }, ..suncatcher() },
            OpticalLinkParameters { receive: Telescope { pointing_error: Radians(-1.0), ..telescope }, ..suncatcher() },
        ] {
            assert!(OpticalLink::new(parameters).is_err(), "{parameters:?}");
        }
    }
}
