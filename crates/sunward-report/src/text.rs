//! Numbers and names as a person reads them.

use sunward_astro::time::Instant;
use sunward_sim::record::{DefenceOutcome, EventKind, JobOutcome, JobState};
use sunward_sim::summary::Money;
use sunward_units::{Bits, Joules, Kelvin, Ratio, Seconds, significant};

/// "241.9" with "kW" for 241,900 and "W": the largest decimal prefix that leaves at least 1 before the point.
pub(crate) fn prefixed(value: f64, unit: &str) -> String {
    let (factor, prefix) = prefix(value.abs());
    format!("{} {prefix}{unit}", significant(value / factor, 4))
}

/// The factor and letter of the decimal prefix for numbers up to `largest`.
pub(crate) fn prefix(largest: f64) -> (f64, &'static str) {
    const PREFIXES: [(f64, &str); 13] = [
        (1e21, "Z"),
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "\u{b5}"),
        (1e-9, "n"),
        (1e-12, "p"),
        (1e-15, "f"),
    ];
    if largest == 0.0 || !largest.is_finite() {
        return (1.0, "");
    }
    PREFIXES.into_iter().find(|(factor, _)| largest >= *factor).unwrap_or((1e-15, "f"))
}

/// "114.5 kWh".
pub(crate) fn energy(energy: Joules) -> String {
    prefixed(energy.0 / 3600.0, "Wh")
}

/// "84.2 degC"; "-" for a temperature that was never reached (0 K or not finite).
pub(crate) fn temperature(temperature: Kelvin) -> String {
    if temperature.0 > 0.0 && temperature.0.is_finite() {
        format!("{:.1} \u{b0}C", temperature.celsius())
    } else {
        "-".to_owned()
    }
}

/// "36.2 %".
pub(crate) fn percent(ratio: Ratio) -> String {
    format!("{:.1} %", ratio.0 * 100.0)
}

/// "7 d", "3.2 h", "45 s", "6.3 ms".
pub(crate) fn duration(duration: Seconds) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    let unit = UNITS.into_iter().find(|(seconds, _)| duration.0.abs() >= *seconds);
    let (seconds, name) = unit.unwrap_or(if duration.0 == 0.0 { UNITS[3] } else { (1e-3, "ms") });
    format!("{} {name}", significant(duration.0 / seconds, 3))
}

/// "7 days", "1 hour", "3.2 minutes": for a sentence.
pub(crate) fn spelled(duration: Seconds) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second")];
    let (seconds, name) = UNITS.into_iter().find(|(seconds, _)| duration.0.abs() >= *seconds).unwrap_or(UNITS[3]);
    let number = significant(duration.0 / seconds, 3);
    format!("{number} {name}{}", if number == "1" { "" } else { "s" })
}

/// `text` with every space after a digit unbreakable, so that a number keeps its unit.
pub(crate) fn unbroken(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        joined.push(if letter == ' ' && before.is_ascii_digit() { '\u{a0}' } else { letter });
        before = letter;
    }
    joined
}

/// An instant without the letters of ISO 8601: "2026-07-27 00:00:00 UTC".
pub(crate) fn utc(instant: Instant) -> String {
    format!("{instant:.0}").replace('T', " ").replace('Z', " UTC")
}

/// "1,234" up to a million, then "12.35 million".
pub(crate) fn count(value: f64) -> String {
    const LARGE: [(f64, &str); 4] = [(1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million")];
    if let Some((factor, word)) = LARGE.into_iter().find(|(factor, _)| value >= *factor) {
        return format!("{} {word}", significant(value / factor, 4));
    }
    grouped(value.round() as i64)
}

/// "12,345".
pub(crate) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 pass", "2 passes".
pub(crate) fn plural(value: u32, one: &str, many: &str) -> String {
    format!("{} {}", grouped(i64::from(value)), if value == 1 { one } else { many })
}

/// A residual: "3.1e-13", "0" when exact.
pub(crate) fn residual(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// At most `limit` characters, the last an ellipsis when cut.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit - 1).chain(['\u{2026}']).collect()
}

/// The word for an event in tables and files.
pub(crate) fn event_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::PenumbraEntered => "penumbra-entered",
        EventKind::UmbraEntered => "umbra-entered",
        EventKind::UmbraLeft => "umbra-left",
        EventKind::PenumbraLeft => "penumbra-left",
        EventKind::ContactBegan => "contact-began",
        EventKind::ContactEnded => "contact-ended",
        EventKind::InputArrived => "input-arrived",
        EventKind::JobStarted => "job-started",
        EventKind::JobFinished => "job-finished",
        EventKind::JobDelivered => "job-delivered",
        EventKind::Checkpoint => "checkpoint",
        EventKind::LoadShed => "load-shed",
        EventKind::ThermalShutdown => "thermal-shutdown",
        EventKind::SilentCorruption => "silent-corruption",
        EventKind::MemoryError => "memory-error",
        EventKind::Interrupt => "interrupt",
        EventKind::Rollback => "rollback",
        EventKind::Alarm => "alarm",
        EventKind::PermanentFault => "permanent-fault",
        EventKind::Replaced => "replaced",
        EventKind::Sample => "sample",
    }
}

/// The word for a job's state in tables and files.
pub(crate) fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "waiting",
        JobState::Running => "running",
        JobState::Computed => "computed",
        JobState::Delivered => "delivered",
    }
}

/// Headings of [`latency_rows`].
pub(crate) const LATENCY_HEADINGS: [&str; 8] =
    ["latency of", "median", "95 %", "mean", "= light", "+ contact", "+ queue", "+ compute"];

/// Latency and its mean parts of every job that has delivered requests or images.
pub(crate) fn latency_rows(jobs: &[JobOutcome]) -> impl Iterator<Item = Vec<String>> + '_ {
    jobs.iter().filter_map(|job| {
        let all = &job.latency;
        let means = [all.total, all.light, all.contact, all.queue, all.compute].map(|spread| spread.mean);
        let values = [all.total.median, all.total.p95].into_iter().chain(means);
        let values = values.map(|value| value.map(duration)).collect::<Option<Vec<_>>>()?;
        Some(std::iter::once(job.name.clone()).chain(values).collect())
    })
}

/// What training did to the loss on the new text of a job that continues from a trained network; nothing of other jobs.
pub(crate) fn fine_tuned(job: &JobOutcome) -> Option<String> {
    let (first, last) = (job.validation.first()?, job.validation.last()?);
    let (before, after, steps) = (first.2, last.2, last.1);
    (first.1 == 0)
        .then(|| format!("validation loss on the new text {before:.4} before, {after:.4} after {steps} steps"))
}

/// What the defences of jobs did and cost, line by line; nothing where no job has any.
pub(crate) fn defence_rows(defences: &DefenceOutcome) -> Vec<(&'static str, String)> {
    let of = |number: u32| grouped(i64::from(number));
    let bytes = |size: Bits| prefixed(size.0 / 8.0, "B");
    let remedies = [
        ("computed again", defences.recomputed),
        ("rolled back", defences.rolled_back),
        ("begun anew", defences.begun_anew),
        ("accepted", defences.accepted),
    ];
    let remedies: Vec<String> = remedies
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| format!("{} {name}", of(number)))
        .collect();
    let left = defences.upsets.saturating_sub(defences.upsets_undone);
    let share = if defences.busy.0 > 0.0 { Ratio(defences.time / defences.busy) } else { Ratio::ZERO };
    vec![
        ("alarms of defences", std::iter::once(of(defences.alarms)).chain(remedies).collect::<Vec<_>>().join(", ")),
        ("upsets undone, left", format!("{} of {}, {}", of(defences.upsets_undone), of(defences.upsets), of(left))),
        ("work lost to alarms", defences.work_lost.to_string()),
        ("time of defences", format!("{}, {} of the jobs'", duration(defences.time), percent(share))),
        ("held by defences", format!("{} of memory, {} stored", bytes(defences.memory), bytes(defences.storage))),
    ]
}

/// What a mission costs, line by line; nothing where no ledger is kept.
pub(crate) fn money_rows(money: &Money) -> Vec<(&'static str, String)> {
    let each = |cost: Option<f64>| cost.map(|cost| format!("{} USD", significant(cost, 4)));
    let mut rows = vec![
        ("paid to build", money.capital.to_string()),
        ("paid to run", money.operating.to_string()),
        ("net present value", money.net_present_value.to_string()),
        ("cost of the time flown", money.levelized.to_string()),
    ];
    if money.revenue.0 > 0.0 {
        rows.insert(2, ("earned", money.revenue.to_string()));
    }
    let per = [
        ("  per MWh of the computers", each(money.usd_per_mwh)),
        ("  the same, accelerators left out", each(money.usd_per_mwh_without_accelerators)),
        ("  per PFLOP-day", each(money.usd_per_pflop_day)),
        ("  per hour of an accelerator", each(money.usd_per_gpu_hour)),
        ("  per million tokens", each(money.usd_per_mtoken)),
        ("  per image", each(money.usd_per_image)),
        ("  per request", each(money.usd_per_request)),
    ];
    rows.extend(per.into_iter().filter_map(|(name, cost)| Some((name, cost?))));
    rows.push(("carbon dioxide", money.carbon.to_string()));
    rows.push(("water", format!("{} l", count(money.water.0))));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!(prefixed(241_900.0, "W"), "241.9 kW");
        assert_eq!(prefixed(-0.0123, "Gy"), "-12.3 mGy");
        assert_eq!(prefixed(0.0, "W"), "0 W");
        assert_eq!(energy(Joules(412.2e6)), "114.5 kWh");
        assert_eq!(temperature(Kelvin(357.35)), "84.2 \u{b0}C");
        assert_eq!(temperature(Kelvin(0.0)), "-");
        assert_eq!(percent(Ratio(0.3625)), "36.2 %");
        assert_eq!(duration(Seconds(604_800.0)), "7 d");
        assert_eq!(duration(Seconds(45.0)), "45 s");
        assert_eq!(duration(Seconds(6.3e-3)), "6.3 ms");
        assert_eq!(duration(Seconds(0.0)), "0 s");
        assert_eq!(
            [604_800.0, 3600.0, 90.0, 0.0].map(|s| spelled(Seconds(s))),
            ["7 days", "1 hour", "1.5 minutes", "0 seconds"]
        );
        assert_eq!(unbroken("30 PFLOP of 9"), "30\u{a0}PFLOP of 9");
        assert_eq!(utc(Instant::from_utc_text("2026-07-27T00:00:00Z").unwrap()), "2026-07-27 00:00:00 UTC");
        assert_eq!((count(1234.0), count(12_345_678.0)), ("1,234".to_owned(), "12.35 million".to_owned()));
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        assert_eq!(
            (plural(1, "pass", "passes"), plural(2000, "pass", "passes")),
            ("1 pass".into(), "2,000 passes".into())
        );
        assert_eq!(shortened("Svalbard ground station", 9), "Svalbard\u{2026}");
    }
}
