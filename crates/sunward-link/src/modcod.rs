//! The modulation and coding of DVB-S2, as a staircase under Shannon's curve.

use sunward_units::{Decibels, Ratio};

/// Bits of a normal forward-error-correction frame.
/// **Source**: ETSI EN 302 307-1 V1.4.1 (2014), section 5.3.
const FRAME_BITS: u32 = 64_800;
/// Symbols of one slot, and of the header that precedes a frame.
/// **Source**: ETSI EN 302 307-1 V1.4.1, section 5.5.2.
const SLOT_SYMBOLS: u32 = 90;
/// Bits of a baseband header. **Source**: ETSI EN 302 307-1 V1.4.1, section 5.1.6.
const HEADER_BITS: u32 = 80;

/// One modulation and code of DVB-S2, normal frames, no pilots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modcod {
    /// "QPSK 1/4" ...
    pub name: &'static str,
    /// Coded bits in a symbol.
    pub bits_per_symbol: u32,
    /// Uncoded bits in a frame (the BCH code's message).
    pub message_bits: u32,
    /// Energy per symbol over noise density at which frames are quasi error free.
    pub threshold: Decibels,
}

impl Modcod {
    /// Information bits per symbol, headers paid: `(message - 80) / (90 (slots + 1))`.
    ///
    /// **Source**: ETSI EN 302 307-1 V1.4.1, section 5.5.2 and table 13, which prints the same numbers.
    #[must_use]
    pub fn efficiency(&self) -> Ratio {
        let slots = FRAME_BITS / self.bits_per_symbol / SLOT_SYMBOLS;
        Ratio(f64::from(self.message_bits - HEADER_BITS) / f64::from(SLOT_SYMBOLS * (slots + 1)))
    }
}

const fn modcod(name: &'static str, bits_per_symbol: u32, message_bits: u32, threshold_db: f64) -> Modcod {
    Modcod { name, bits_per_symbol, message_bits, threshold: Decibels(threshold_db) }
}

/// The 28 combinations, in the standard's order.
///
/// **Source**: ETSI EN 302 307-1 V1.4.1 (2014): message bits table 5a; thresholds table 13 (ideal Es/N0 at a packet
/// error rate of 1e-7, 50 decoder iterations, perfect synchronisation, no phase noise, additive white Gaussian noise).
/// A real modem needs a little more: that is the link's implementation loss.
pub const DVB_S2: [Modcod; 28] = [
    modcod("QPSK 1/4", 2, 16_008, -2.35),
    modcod("QPSK 1/3", 2, 21_408, -1.24),
    modcod("QPSK 2/5", 2, 25_728, -0.30),
    modcod("QPSK 1/2", 2, 32_208, 1.00),
    modcod("QPSK 3/5", 2, 38_688, 2.23),
    modcod("QPSK 2/3", 2, 43_040, 3.10),
    modcod("QPSK 3/4", 2, 48_408, 4.03),
    modcod("QPSK 4/5", 2, 51_648, 4.68),
    modcod("QPSK 5/6", 2, 53_840, 5.18),
    modcod("QPSK 8/9", 2, 57_472, 6.20),
    modcod("QPSK 9/10", 2, 58_192, 6.42),
    modcod("8PSK 3/5", 3, 38_688, 5.50),
    modcod("8PSK 2/3", 3, 43_040, 6.62),
    modcod("8PSK 3/4", 3, 48_408, 7.91),
    modcod("8PSK 5/6", 3, 53_840, 9.35),
    modcod("8PSK 8/9", 3, 57_472, 10.69),
    modcod("8PSK 9/10", 3, 58_192, 10.98),
    modcod("16APSK 2/3", 4, 43_040, 8.97),
    modcod("16APSK 3/4", 4, 48_408, 10.21),
    modcod("16APSK 4/5", 4, 51_648, 11.03),
    modcod("16APSK 5/6", 4, 53_840, 11.61),
    modcod("16APSK 8/9", 4, 57_472, 12.89),
    modcod("16APSK 9/10", 4, 58_192, 13.13),
    modcod("32APSK 3/4", 5, 48_408, 12.73),
    modcod("32APSK 4/5", 5, 51_648, 13.64),
    modcod("32APSK 5/6", 5, 53_840, 14.28),
    modcod("32APSK 8/9", 5, 57_472, 15.69),
    modcod("32APSK 9/10", 5, 58_192, 16.05),
];

/// The combination that carries most at `symbol_to_noise` (Es/N0), or `None` below the lowest threshold.
///
/// Adaptive coding and modulation with perfect knowledge of the channel.
/// **Not modelled**: the margin and delay of a real controller.
#[must_use]
pub fn best_modcod(symbol_to_noise: Decibels) -> Option<&'static Modcod> {
    let usable = DVB_S2.iter().filter(|modcod| modcod.threshold <= symbol_to_noise);
    usable.max_by(|a, b| a.efficiency().0.total_cmp(&b.efficiency().0))
}

/// Excess bandwidth of the shaping filter. **Source**: ETSI EN 302 307-1 V1.4.1, section 5.6: 0.35, 0.25 and 0.20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollOff {
    /// 0.35.
    Percent35,
    /// 0.25.
    Percent25,
    /// 0.20.
    Percent20,
}

impl RollOff {
    /// Occupied bandwidth over symbol rate, less one.
    #[must_use]
    pub fn ratio(self) -> Ratio {
        Ratio(match self {
            Self::Percent35 => 0.35,
            Self::Percent25 => 0.25,
            Self::Percent20 => 0.20,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every efficiency that ETSI EN 302 307-1 V1.4.1 prints in table 13, in its order, against the one that follows
    /// from the frame's structure.
    #[test]
    fn efficiencies_are_those_of_table_13() {
        #[rustfmt::skip]
        let printed = [
            0.490243, 0.656448, 0.789412, 0.988858, 1.188304, 1.322253, 1.487473, 1.587196, 1.654663, 1.766451, 1.788612,
            1.779991, 1.980636, 2.228124, 2.478562, 2.646012, 2.679207,
            2.637201, 2.966728, 3.165623, 3.300184, 3.523143, 3.567342,
            3.703295, 3.951571, 4.119540, 4.397854, 4.453027,
        ];
        assert_eq!(DVB_S2.len(), printed.len());
        for (modcod, efficiency) in DVB_S2.iter().zip(printed) {
            assert!((modcod.efficiency().0 - efficiency).abs() < 6e-7, "{}: {}", modcod.name, modcod.efficiency());
        }
    }

    #[test]
    fn every_combination_stays_under_shannon_and_within_4_db_of_it() {
        for modcod in &DVB_S2 {
            let gap = modcod.threshold.linear() / (2f64.powf(modcod.efficiency().0) - 1.0);
            assert!(gap > 1.0 && gap < 10f64.powf(0.4), "{}: {gap}", modcod.name);
        }
    }

    #[test]
    fn the_choice_is_the_densest_that_closes() {
        let name = |db| best_modcod(Decibels(db)).map(|modcod| modcod.name);
        assert_eq!(name(-2.36), None);
        assert_eq!(name(-2.35), Some("QPSK 1/4"));
        assert_eq!(name(6.42), Some("QPSK 9/10"));
        // 16APSK 2/3 needs less than 8PSK 8/9 and carries nearly as much; 8PSK 9/10 is never chosen.
        assert_eq!(name(8.97), Some("16APSK 2/3"));
        assert_eq!(name(10.99), Some("16APSK 3/4"));
        assert_eq!(name(99.0), Some("32APSK 9/10"));
    }
}
