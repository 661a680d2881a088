//! Published models as sheets: every input and output by the name and in the unit its authors use, so that any of their
//! input sets can be run and checked.
//!
//! A sheet is text's edge of a model: numbers here carry the authors' units, [`crate::models`] counts in SI.
//!
//! ```
//! use sunward_cost::sheet::Sheet;
//! let mut sheet = Sheet::of("mccalip").expect("a model of that name");
//! sheet.set("launchCostPerKg", "2940")?;
//! sheet.set("satellite_power_kw", "27000 W")?;
//! let lcoe = sheet.evaluate()?.into_iter().find(|output| output.name == "orbital.lcoe").unwrap();
//! assert!((lcoe.value - 2803.8147).abs() < 5e-5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod learning;
mod mccalip;
mod starcloud;
mod suncatcher;
mod turyshev;

use std::ops::RangeInclusive;

use sunward_units::{Quantity, QuantityError, parse};

use crate::error::CostError;

/// One input of a published model.
#[derive(Debug, Clone)]
pub struct Input {
    /// As the authors call it, in snake case.
    pub name: &'static str,
    /// The authors' unit; empty for a share or a count.
    pub unit: &'static str,
    /// The value, in that unit.
    pub value: f64,
    /// What the authors' own controls or text allow; a value outside is evaluated all the same.
    pub range: RangeInclusive<f64>,
    /// What it is.
    pub meaning: &'static str,
    read: fn(&str, &str) -> Result<f64, QuantityError>,
}

impl Input {
    /// An input of dimension `Q`, whose `unit` need not be one of `Q`'s: then only bare numbers are read.
    pub(crate) fn new<Q: Quantity>(
        name: &'static str,
        unit: &'static str,
        value: f64,
        range: RangeInclusive<f64>,
        meaning: &'static str,
    ) -> Self {
        Self { name, unit, value, range, meaning, read: read::<Q> }
    }

    /// Whether the value is one the authors allow.
    #[must_use]
    pub fn in_range(&self) -> bool {
        self.range.contains(&self.value)
    }
}

/// A number in `unit`, from "2940", "2940 USD/kg" or the same amount in another unit of `Q`.
fn read<Q: Quantity>(text: &str, unit: &str) -> Result<f64, QuantityError> {
    let text = text.trim();
    let bare = text.strip_suffix(unit).map_or(text, str::trim_end);
    if let Ok(value) = bare.parse::<f64>() {
        let not_finite = QuantityError::NotFinite { dimension: Q::DIMENSION, text: text.to_owned() };
        return if value.is_finite() { Ok(value) } else { Err(not_finite) };
    }
    let quantity = parse::<Q>(text)?;
    let known = Q::UNITS.iter().find(|known| known.name == unit).unwrap_or(&Q::UNITS[0]);
    Ok((quantity.si() - known.offset) / known.factor)
}

/// One output of a published model.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Part and name, as the authors call it, in snake case: "orbital.lcoe".
    pub name: &'static str,
    /// The authors' unit; empty for a share or a count.
    pub unit: &'static str,
    /// The value, in that unit.
    pub value: f64,
    /// What it is.
    pub meaning: &'static str,
}

const fn output(name: &'static str, unit: &'static str, value: f64, meaning: &'static str) -> Output {
    Output { name, unit, value, meaning }
}

/// Inputs that the authors offer under one name.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it sets.
    pub values: &'static [(&'static str, f64)],
}

/// A published model with its inputs.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// One word.
    pub name: &'static str,
    /// What the model answers.
    pub title: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// In the authors' order.
    pub inputs: Vec<Input>,
    /// What the authors offer ready-made.
    pub presets: &'static [Preset],
    /// What it leaves out or cannot tell, a sentence each.
    pub not_modelled: &'static [&'static str],
    evaluate: fn(&Values<'_>) -> Result<Vec<Output>, CostError>,
}

/// Why a sheet does not take an input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SheetError {
    /// No such input.
    #[error("{model} has no input {name:?}")]
    UnknownInput {
        /// The model.
        model: &'static str,
        /// The name that was given.
        name: String,
    },
    /// No such preset.
    #[error("{model} has no preset {name:?}; it has {known}")]
    UnknownPreset {
        /// The model.
        model: &'static str,
        /// The name that was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A text that is no value of the input.
    #[error("{name} cannot be {text:?}")]
    Value {
        /// The input.
        name: &'static str,
        /// What was given.
        text: String,
        /// What is wrong with it.
        source: Box<QuantityError>,
    },
}

impl Sheet {
    /// Names of all sheets.
    pub const NAMES: [&'static str; 5] = ["mccalip", "starcloud", "suncatcher", "turyshev", "learning"];

    /// The sheet of that name with the authors' own inputs.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "mccalip" => Some(mccalip::sheet()),
            "starcloud" => Some(starcloud::sheet()),
            "suncatcher" => Some(suncatcher::sheet()),
            "turyshev" => Some(turyshev::sheet()),
            "learning" => Some(learning::sheet()),
            _ => None,
        }
    }

    /// Sets the input of that name, in snake case or as the authors write it, from a number in its own unit or a quantity.
    ///
    /// # Errors
    /// An unknown name, or a text that is no such quantity.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), SheetError> {
        set(self.inputs.iter_mut(), self.name, name, text).map(drop)
    }

    /// Sets all inputs of a preset.
    ///
    /// # Errors
    /// An unknown name.
    pub fn apply(&mut self, preset: &str) -> Result<(), SheetError> {
        let found = self.presets.iter().find(|known| plain(known.name) == plain(preset));
        let known = || self.presets.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
        let unknown = || SheetError::UnknownPreset { model: self.name, name: preset.to_owned(), known: known() };
        for (name, value) in found.ok_or_else(unknown)?.values {
            let input = self.inputs.iter_mut().find(|input| input.name == *name);
            input.unwrap_or_else(|| panic!("preset {preset} sets {name}, which is no input")).value = *value;
        }
        Ok(())
    }

    /// The model's outputs.
    ///
    /// # Errors
    /// An input that the model refuses.
    pub fn evaluate(&self) -> Result<Vec<Output>, CostError> {
        (self.evaluate)(&Values { inputs: &self.inputs })
    }
}

/// Sets the input of that name among those of `model`, and tells its place.
pub(crate) fn set<'a>(
    inputs: impl Iterator<Item = &'a mut Input>,
    model: &'static str,
    name: &str,
    text: &str,
) -> Result<usize, SheetError> {
    let wanted = plain(name);
    let found = inputs.enumerate().find(|(_, input)| plain(input.name) == wanted);
    let (place, input) = found.ok_or_else(|| SheetError::UnknownInput { model, name: name.to_owned() })?;
    let refused = |source| SheetError::Value { name: input.name, text: text.to_owned(), source: Box::new(source) };
    input.value = (input.read)(text, input.unit).map_err(refused)?;
    Ok(place)
}

/// A name without its hyphens, underscores and capitals: `launchCostPerKg` is `launch_cost_per_kg`.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// The inputs of a sheet, by name.
struct Values<'a> {
    inputs: &'a [Input],
}

impl Values<'_> {
    fn of(&self, name: &str) -> f64 {
        let input = self.inputs.iter().find(|input| input.name == name);
        input.unwrap_or_else(|| panic!("{name} is no input of this sheet")).value
    }

    /// A whole number from 0 to 1000: years, satellites.
    fn whole(&self, name: &'static str) -> Result<u32, CostError> {
        let value = sunward_units::Ratio(self.of(name));
        let holds = value.0.fract() == 0.0 && (0.0..=1000.0).contains(&value.0);
        Ok(crate::error::require(name, value, holds, "the whole numbers from 0 to 1000")?.0 as u32)
    }
}

/// A range that the authors leave open.
const ANY: RangeInclusive<f64> = f64::NEG_INFINITY..=f64::INFINITY;
const NOT_NEGATIVE: RangeInclusive<f64> = 0.0..=f64::INFINITY;
const SHARE: RangeInclusive<f64> = 0.0..=1.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sheet: &Sheet, name: &str) -> f64 {
        let outputs = sheet.evaluate().unwrap();
        outputs.iter().find(|output| output.name == name).unwrap_or_else(|| panic!("no output {name}")).value
    }

    fn with(model: &str, settings: &[(&str, &str)]) -> Sheet {
        let mut sheet = Sheet::of(model).unwrap();
        settings.iter().for_each(|(name, text)| sheet.set(name, text).unwrap());
        sheet
    }

    #[test]
    fn every_sheet_evaluates_and_every_input_changes_an_output() {
        for name in Sheet::NAMES {
            let sheet = Sheet::of(name).unwrap();
            assert_eq!(sheet.name, name);
            let outputs = sheet.evaluate().unwrap();
            assert!(outputs.iter().all(|output| output.value.is_finite() && !output.meaning.is_empty()), "{outputs:?}");
            for place in 0..sheet.inputs.len() {
                let mut moved = sheet.clone();
                let input = &mut moved.inputs[place];
                assert!(input.in_range() && !input.meaning.is_empty(), "{input:?}");
                input.value = if input.value == 0.0 { 0.5 } else { input.value * 2.0 };
                let unlike = match moved.evaluate() {
                    Ok(changed) => changed != outputs,
                    // Shares cannot always be doubled: a quarter of that.
                    Err(_) => {
                        moved.inputs[place].value /= 4.0;
                        moved.evaluate().unwrap() != outputs
                    }
                };
                assert!(unlike, "{name}: {} changes nothing", sheet.inputs[place].name);
            }
            for preset in sheet.presets {
                let mut set = sheet.clone();
                set.apply(preset.name).unwrap();
                assert!(set.evaluate().is_ok(), "{name} {}", preset.name);
            }
        }
        assert!(Sheet::of("banana").is_none());
    }

    #[test]
    fn inputs_are_read_in_their_own_unit_and_in_others() {
        for text in ["2940", "2940 USD/kg", " 2940USD/kg ", "2940000 USD/t"] {
            assert_eq!(
                value(&with("mccalip", &[("launch_cost_per_kg", text)]), "orbital.launch_cost"),
                86_406_761_095.89041
            );
        }
        let same = |settings: &[(&str, &str)]| value(&with("mccalip", settings), "thermal.eq_temp_c");
        assert_eq!(same(&[("maxDieTempC", "85 degC")]), same(&[]));
        assert!((same(&[("orbitalAltitudeKm", "650000 m")]) - same(&[("orbital_altitude_km", "650")])).abs() < 1e-9);
        let degraded = |text| value(&with("mccalip", &[("cell_degradation", text)]), "orbital.avg_capacity_factor");
        assert_eq!(degraded("5"), degraded("5 %"));
        assert!(degraded("5") < degraded("2.5"));
    }

    #[test]
    fn what_is_no_input_is_refused() {
        let mut sheet = Sheet::of("mccalip").unwrap();
        let told = |error: SheetError| {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            format!("{error}{cause}")
        };
        assert_eq!(told(sheet.set("banana", "1").unwrap_err()), "mccalip has no input \"banana\"");
        let wrong = told(sheet.set("launch_cost_per_kg", "500 USD/W").unwrap_err());
        assert!(wrong.starts_with("launch_cost_per_kg cannot be \"500 USD/W\"") && wrong.contains("USD/t"), "{wrong}");
        assert!(told(sheet.set("launch_cost_per_kg", "nan").unwrap_err()).contains("is not finite"));
        assert!(told(sheet.apply("v9").unwrap_err()).contains("it has v1, v2-mini"));
        sheet.set("years", "5.5").unwrap();
        assert_eq!(sheet.evaluate().unwrap_err().to_string(), "years 5.5 is outside the whole numbers from 0 to 1000");
    }
}
