//! Units after a number: of length, weight, time, data, temperature.

use super::figure::figure;
use super::{Fact, Found};
use crate::speech::tokens::Token;

/// A unit, and what it is called.
#[derive(Debug, PartialEq)]
pub(crate) struct Unit {
    /// As it is written, exactly.
    written: &'static [&'static str],
    /// Arabic singular, inflected by `ar::nouns`, and what follows it: an adjective without its ending,
    /// or "في" with what the unit is per.
    pub(crate) ar: [&'static str; 2],
    /// English, one and many, and what follows.
    pub(crate) en: [&'static str; 3],
}

const fn unit(
    written: &'static [&'static str],
    ar: [&'static str; 2],
    en: [&'static str; 3],
) -> Unit {
    Unit { written, ar, en }
}

const UNITS: &[Unit] = &[
    unit(&["x", "X"], ["ضعف", ""], ["time", "times", ""]),
    unit(&["km", "KM", "Km", "كم"], ["كيلومتر", ""], ["kilometer", "kilometers", ""]),
    unit(&["m", "م"], ["متر", ""], ["meter", "meters", ""]),
    unit(&["cm", "سم"], ["سنتيمتر", ""], ["centimeter", "centimeters", ""]),
    unit(&["mm", "ملم", "مم"], ["مليمتر", ""], ["millimeter", "millimeters", ""]),
    unit(
        &["kg", "Kg", "KG", "كجم", "كغ", "كغم", "كلغ"],
        ["كيلوغرام", ""],
        ["kilogram", "kilograms", ""],
    ),
    unit(&["g", "جم", "غم", "غ"], ["غرام", ""], ["gram", "grams", ""]),
    unit(&["mg", "ملغ", "ملجم", "مجم"], ["مليغرام", ""], ["milligram", "milligrams", ""]),
    unit(&["L", "l", "ل"], ["لتر", ""], ["liter", "liters", ""]),
    unit(&["ml", "mL", "مل"], ["مليلتر", ""], ["milliliter", "milliliters", ""]),
    unit(&["GB", "Gb", "جيجا"], ["غيغابايت", ""], ["gigabyte", "gigabytes", ""]),
    unit(&["MB", "ميجا"], ["ميغابايت", ""], ["megabyte", "megabytes", ""]),
    unit(&["TB", "تيرا"], ["تيرابايت", ""], ["terabyte", "terabytes", ""]),
    unit(&["Mbps"], ["ميغابت", "في الثانية"], ["megabit", "megabits", "per second"]),
    unit(&["Gbps"], ["غيغابت", "في الثانية"], ["gigabit", "gigabits", "per second"]),
    unit(&["ms"], ["مللي ثانية", ""], ["millisecond", "milliseconds", ""]),
    unit(&["min", "mins"], ["دقيقة", ""], ["minute", "minutes", ""]),
    unit(&["hrs", "hr"], ["ساعة", ""], ["hour", "hours", ""]),
    unit(&["kW", "KW"], ["كيلوواط", ""], ["kilowatt", "kilowatts", ""]),
    unit(&["kWh", "KWh"], ["كيلوواط", "ساعة"], ["kilowatt", "kilowatt", "hours"]),
    unit(&["°C", "°م"], ["درجة", "مئوي"], ["degree", "degrees", "Celsius"]),
    unit(&["°F"], ["درجة", "فهرنهايت"], ["degree", "degrees", "Fahrenheit"]),
    unit(&["°"], ["درجة", ""], ["degree", "degrees", ""]),
    unit(
        &["km/h", "كم/س", "كم/ساعة"],
        ["كيلومتر", "في الساعة"],
        ["kilometer", "kilometers", "per hour"],
    ),
    unit(&["m²", "م²", "م2", "m2"], ["متر", "مربع"], ["square meter", "square meters", ""]),
];

/// Longest unit, in tokens.
const TOKENS_MAX: usize = 3;

/// A number and its unit.
pub(crate) fn measure(tokens: &[Token], at: usize) -> Option<Found> {
    let (figure, start) = figure(tokens, at)?;
    // The longest first, so that "km/h" is not "km".
    (1..=TOKENS_MAX).rev().find_map(|length| {
        let run = tokens.get(start..start + length)?;
        if run[1..].iter().any(|t| t.spaced) {
            return None;
        }
        let goes_on = tokens
            .get(start + length)
            .is_some_and(|t| !t.spaced && (t.is_word() || t.is_number() || t.is('\'')));
        let written: String = run.iter().map(|t| t.text.as_str()).collect();
        let unit = UNITS.iter().find(|unit| unit.written.contains(&written.as_str()))?;
        (!goes_on).then(|| (Fact::Measure { figure: figure.clone(), unit }, start + length))
    })
}
