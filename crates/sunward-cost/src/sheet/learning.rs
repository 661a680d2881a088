//! A learning curve for anything: launch, satellites, modules.

use sunward_units::Ratio;

use super::{Input, NOT_NEGATIVE, Output, Preset, Sheet, Values, output};
use crate::error::{CostError, positive};
use crate::learning::LearningCurve;

const PRESETS: &[Preset] = &[
    // Agüera y Arcas et al. (2025): USD/kg over tonnes ever launched, from Falcon Heavy on.
    Preset {
        name: "launch",
        values: &[
            ("first_price", 1800.0),
            ("first_volume", 400.0),
            ("learning_rate", 20.0),
            ("price", 200.0),
            ("volume", 104_525.0),
        ],
    },
    // McCalip's satellite price per watt; the rate of series of more than fifty spacecraft (Wertz and Larson 1999).
    Preset {
        name: "satellites",
        values: &[
            ("first_price", 22.0),
            ("first_volume", 50.0),
            ("learning_rate", 15.0),
            ("price", 11.0),
            ("volume", 10_000.0),
        ],
    },
];

const NOT_MODELLED: &[&str] = &[
    "No floor (material, propellant), no forgetting; the rate of the past holds for ever.",
    "The satellites' curve starts at the fiftieth unit, since the rate holds for series longer than that.",
];

pub(super) fn sheet() -> Sheet {
    Sheet {
        name: "learning",
        title: "price on a learning curve: at a cumulative volume, and the volume for a price",
        source: "Wright (1936), J. Aeronaut. Sci. 3:122; launch after arXiv:2511.19468v2; satellites after Wertz and Larson (1999), Space Mission Analysis and Design, chapter 20",
        inputs: vec![
            Input::new::<Ratio>("first_price", "", 1800.0, NOT_NEGATIVE, "price of a unit at the first volume"),
            Input::new::<Ratio>("first_volume", "", 400.0, NOT_NEGATIVE, "units ever made then, for launch tonnes"),
            Input::new::<Ratio>("learning_rate", "%", 20.0, 0.0..=99.0, "price lost with each doubling"),
            Input::new::<Ratio>("price", "", 200.0, NOT_NEGATIVE, "price for which the volume is asked"),
            Input::new::<Ratio>("volume", "", 104_525.0, NOT_NEGATIVE, "volume for which the price is asked"),
        ],
        presets: PRESETS,
        not_modelled: NOT_MODELLED,
        evaluate,
    }
}

fn evaluate(values: &Values<'_>) -> Result<Vec<Output>, CostError> {
    let curve = LearningCurve::new(Ratio(values.of("learning_rate") / 100.0))?;
    let price = positive("first price", Ratio(values.of("first_price")))?.0;
    let volume = positive("first volume", Ratio(values.of("first_volume")))?.0;
    let needed = volume * curve.volume_factor(Ratio(values.of("price") / price))?.0;
    let at = price * curve.price_factor(Ratio(values.of("volume") / volume))?.0;
    Ok(vec![
        output("exponent", "", curve.exponent(), "b in price ~ volume^-b"),
        output("price_at_volume", "", at, "price at the volume asked for"),
        output("volume_at_price", "", needed, "volume at which the price is the one asked for"),
        output("volume_added", "", needed - volume, "of that, still to be made"),
        output("doublings", "", (needed / volume).log2(), "doublings until then"),
        output(
            "mean_price",
            "",
            price * curve.mean_factor(Ratio(needed / volume))?.0,
            "mean price of what is made until then",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;

    #[test]
    fn launch_and_satellites_learn() {
        let value = |preset: &str, name: &str| {
            let mut sheet = Sheet::of("learning").unwrap();
            sheet.apply(preset).unwrap();
            sheet.evaluate().unwrap().iter().find(|output| output.name == name).unwrap().value
        };
        assert!((value("launch", "exponent") - 0.3219).abs() < 5e-5);
        assert!((value("launch", "volume_at_price") - 368_305.0).abs() < 1.0);
        assert!((value("launch", "price_at_volume") - 300.0).abs() < 1e-3);
        // Half the price at 15 % a doubling: ln 2 / -ln 0.85 = 4.265 doublings.
        assert!((value("satellites", "doublings") - 4.265).abs() < 5e-4);
        let mean = value("launch", "mean_price");
        assert!(mean > 200.0 && mean < 320.0, "{mean}: most is launched near the end");
    }
}
