//! One colour a quantity, on light and on dark paper.
//!
//! **Source**: the categorical hues are those of Okabe and Ito, "Color Universal Design" (2008), chosen to be told
//! apart with any kind of colour vision; indigo, teal and wine come from Tol, "Colour schemes" (2021).

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// A colour: what the SVG holds, and what the style sheet puts in its place on dark paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour {
    /// Red, green, blue on light paper; no two colours share it, since the style sheet finds a mark by it.
    light: u32,
    dark: u32,
}

const fn colour(light: u32, dark: u32) -> Colour {
    Colour { light, dark }
}

pub(crate) const INK: Colour = colour(0x1F2430, 0xE6E8EC);
pub(crate) const MUTED: Colour = colour(0x667080, 0x98A2B0);
pub(crate) const GRID: Colour = colour(0xE4E7EB, 0x2A313B);
pub(crate) const AXIS: Colour = colour(0xAEB6C1, 0x515C6A);
pub(crate) const PAPER: Colour = colour(0xFFFFFF, 0x12161C);
pub(crate) const OCEAN: Colour = colour(0xEAF1F6, 0x1A222C);
pub(crate) const LAND: Colour = colour(0xCFD6CB, 0x37424A);
pub(crate) const NIGHT: Colour = colour(0x16213D, 0x04060B);
pub(crate) const SHADOW: Colour = colour(0x2E3A66, 0x8FA2E6);
pub(crate) const PENUMBRA: Colour = colour(0x8E97B8, 0x5E6C9C);
pub(crate) const DAYLIGHT: Colour = colour(0xFBE7B8, 0x6B5620);
pub(crate) const UMBRA: Colour = colour(0x2E3A65, 0x0A0E1C);

pub(crate) const SUN: Colour = colour(0xE69F00, 0xF2B134);
pub(crate) const SUN_FAINT: Colour = colour(0xF2CF80, 0x7D6124);
pub(crate) const LOAD: Colour = colour(0x2F8FCB, 0x62B5EA);
pub(crate) const CHARGE: Colour = colour(0x5B5FC7, 0x9A9EF2);
pub(crate) const HEAT: Colour = colour(0xD55E00, 0xF47C2C);
pub(crate) const BOARD: Colour = colour(0xCC79A7, 0xE39AC4);
pub(crate) const RADIATOR: Colour = colour(0x117A8B, 0x3DB4C6);
pub(crate) const BUS: Colour = colour(0x7A828E, 0xA9B1BC);
pub(crate) const COMPUTE: Colour = colour(0x009E73, 0x2CC79A);
pub(crate) const LINK: Colour = colour(0x0072B2, 0x4AA8E0);
pub(crate) const UPLINK: Colour = colour(0xB65FA0, 0xDE8CC8);
pub(crate) const RADIATION: Colour = colour(0x882255, 0xD56A9E);
pub(crate) const IDLE: Colour = colour(0xC3C9D1, 0x4A535F);
pub(crate) const DEAD: Colour = colour(0x2B2B2B, 0xF5F5F5);

/// Colours of jobs, sites and other things without one of their own, in turn.
pub(crate) const SERIES: [Colour; 8] = [LINK, SUN, COMPUTE, HEAT, BOARD, CHARGE, RADIATION, BUS];

const ALL: [Colour; 26] = [
    INK, MUTED, GRID, AXIS, PAPER, OCEAN, LAND, NIGHT, SHADOW, PENUMBRA, DAYLIGHT, UMBRA, SUN, SUN_FAINT, LOAD, CHARGE,
    HEAT, BOARD, RADIATOR, BUS, COMPUTE, LINK, UPLINK, RADIATION, IDLE, DEAD,
];

impl Colour {
    /// For the SVG.
    pub(crate) fn rgb(self) -> RGBColor {
        RGBColor((self.light >> 16) as u8, (self.light >> 8) as u8, self.light as u8)
    }

    /// A small square of it for a legend.
    pub(crate) fn swatch(self) -> String {
        format!(
            "<svg class=\"swatch\" viewBox=\"0 0 10 10\">\
             <rect width=\"10\" height=\"10\" rx=\"2\" fill=\"#{:06X}\"/></svg>",
            self.light
        )
    }
}

/// The rules that repaint every mark for dark paper.
pub(crate) fn dark_rules() -> String {
    let mut rules = String::new();
    for Colour { light, dark } in ALL {
        for property in ["fill", "stroke"] {
            let _ = writeln!(rules, "[{property}=\"#{light:06X}\"]{{{property}:#{dark:06X}}}");
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_a_mark_has_one_on_dark_paper() {
        let rules = dark_rules();
        assert_eq!(rules.lines().count(), 2 * ALL.len());
        for (at, colour) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.light != colour.light), "{colour:?} is found by another's rule");
        }
        assert!(SERIES.iter().all(|colour| ALL.contains(colour)));
    }
}
