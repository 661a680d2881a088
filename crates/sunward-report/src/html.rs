//! One self-contained page: no script, no font, no picture from elsewhere.
//!
//! The markup is both HTML and well-formed XML, so that a strict parser can check it. Plots are SVG; the style sheet
//! repaints them on dark paper by their colours.

mod site;
pub(crate) mod tables;

use std::fmt::Write as _;

use sunward_astro::time::Span;
use sunward_sim::record::{Bound, Record, Track};
use sunward_sim::summary::Summary;
use sunward_units::{Quantity, Ratio};

use crate::palette::{CHARGE, COMPUTE, HEAT, LINK, LOAD, SERIES, SHADOW, SUN, dark_rules};
use crate::plot::panel::{Line, Panel, legend};
use crate::plot::strip::{bound_colour, bound_name, contacts, share_bar};
use crate::plot::{Timeline, map, period_s};
use crate::text::{count, energy, grouped, percent, plural, prefix, prefixed, spelled, temperature, unbroken, utc};
use crate::{Assumption, ReportError, check};

/// Sites drawn in full; the tables hold the others.
const SITES_MAX: usize = 3;
/// Jobs drawn; the tables hold the others.
const JOBS_DRAWN_MAX: usize = 8;

/// The report of a run as one HTML page, at most about 2 MB however long the run.
///
/// # Errors
/// [`ReportError`] when columns of the record differ in length or an index points past its list.
pub fn render(record: &Record, summary: &Summary, assumptions: &[Assumption]) -> Result<String, ReportError> {
    check(record)?;
    let times_s: Vec<Vec<f64>> = record.tracks.iter().map(|track| seconds(record, track)).collect();
    let timeline = timeline(record, &times_s);
    let mut page = head(&record.header.mission);
    page += &headline(record, summary, &timeline);
    page += &fleet(record, &timeline);
    for (at, (track, times_s)) in record.tracks.iter().zip(&times_s).take(SITES_MAX).enumerate() {
        page += &site::section(record, track, times_s, at == 0);
    }
    if record.tracks.len() > SITES_MAX {
        let more = record.tracks.len() - SITES_MAX;
        let _ = writeln!(page, "<p class=\"note\">{more} more tracked sites are in the table <code>track</code>.</p>");
    }
    page += &section("Contacts", &contacts(record, &timeline));
    page += &section("Jobs", &jobs(record, &timeline));
    page += &tables::money(summary);
    page += &tables::ledger(summary);
    page += &tables::incidents(record);
    page += &tables::assumptions(assumptions);
    page += &tables::not_modelled(&summary.not_modelled);
    page += &tables::provenance(&record.header);
    Ok(closed(page))
}

/// The page with its end.
pub(crate) fn closed(page: String) -> String {
    page + "</main>\n</body>\n</html>\n"
}

/// `text` with the characters that markup gives a meaning replaced, and those that no markup may hold left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(letter),
            control if control.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

pub(crate) fn head(mission: &str) -> String {
    let style = include_str!("html/page.css").replace("/*dark*/", &dark_rules());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=1240\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{} - Sunward</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n",
        escaped(mission)
    )
}

/// A titled part of the page; nothing where it has no content.
pub(crate) fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escaped(title))
}

fn seconds(record: &Record, track: &Track) -> Vec<f64> {
    track.time.iter().map(|&time| (time - record.header.start).seconds().0).collect()
}

/// The time of the whole record; the first tracked site tells the length of an orbit.
fn timeline(record: &Record, times_s: &[Vec<f64>]) -> Timeline {
    let first = record.tracks.first().zip(times_s.first());
    let period = first.and_then(|(track, times_s)| orbit_s(track, times_s));
    Timeline::new(record.header.start, run_length(record), period)
}

fn run_length(record: &Record) -> Span {
    Span(record.header.step.0.saturating_mul(i64::try_from(record.header.steps).unwrap_or(i64::MAX)))
}

fn orbit_s(track: &Track, times_s: &[f64]) -> Option<f64> {
    period_s(times_s, &track.latitude.iter().map(|latitude| latitude.0).collect::<Vec<_>>())
}

fn headline(record: &Record, summary: &Summary, timeline: &Timeline) -> String {
    let header = &summary.header;
    let sites = plural(summary.sites, "site", "sites");
    let shares: Vec<(Bound, f64)> = bound_shares(summary).collect();
    let shown = shares.iter().filter(|(_, share)| *share > 0.0);
    let names: Vec<(String, _)> = shown
        .map(|&(bound, share)| (format!("{} {:.1} %", bound_name(bound), share * 100.0), bound_colour(bound)))
        .collect();
    let closeup = timeline.closeup.as_ref().map_or(String::new(), |closeup| {
        format!(
            " Plots show the whole run on the left (line: mean, band: lowest to highest{}) and its {} on the right.",
            if timeline.period_s.is_some() { " within an orbit" } else { "" },
            closeup.title
        )
    });
    format!(
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"note\">Starts {}, {} of mission time \
         in steps of {}, {sites}, {} launched. \
         Time axes count from the start.{closeup}</p>\n</header>\n{}\
         <section>\n<h2>What bound the work</h2>\n<figure>{}{}</figure>\n</section>\n",
        escaped(&header.mission),
        escaped(&unbroken(&sentence(summary))),
        utc(record.header.start),
        spelled(summary.duration),
        header.step,
        summary.launched,
        tiles(summary),
        share_bar(&shares),
        legend(names.iter().map(|(name, colour)| (name.as_str(), *colour))),
    )
}

/// The summary's shares by the enum; a word that is none of them is a broken summary and is left out.
fn bound_shares(summary: &Summary) -> impl Iterator<Item = (Bound, f64)> {
    Bound::ALL.into_iter().filter_map(|bound| {
        let share = summary.bound.iter().find(|(word, _)| word == bound.word())?.1;
        share.0.is_finite().then_some((bound, share.0))
    })
}

/// What kept the run from doing more, most of the time: the largest share that is not the accelerator itself.
pub(crate) fn main_bound(summary: &Summary) -> Option<(Bound, Ratio)> {
    let limits = bound_shares(summary).filter(|(bound, share)| *bound != Bound::Compute && *share > 0.0);
    limits.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(bound, share)| (bound, Ratio(share)))
}

fn sentence(summary: &Summary) -> String {
    let work = &summary.work;
    let bound = match main_bound(summary) {
        Some((bound, share)) => format!("; {} held it back {} of the time", cause(bound), percent(share)),
        None => String::new(),
    };
    format!(
        "In {} the mission computed {} of useful AI work and delivered {} of it to the ground. \
         It worked {} of the time at {} of full clock on average{bound}.",
        spelled(summary.duration),
        work.computed,
        work.delivered,
        percent(work.availability),
        percent(work.clock_mean),
    )
}

/// What held the work back, as a subject.
fn cause(bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "the accelerator itself",
        Bound::Power => "lack of power",
        Bound::Heat => "heat",
        Bound::Link => "waiting for input",
        Bound::Radiation => "radiation",
        Bound::Demand => "lack of work",
        Bound::Failure => "failed hardware",
    }
}

fn tiles(summary: &Summary) -> String {
    let (work, power, heat, data, radiation) =
        (&summary.work, &summary.energy, &summary.heat, &summary.data, &summary.radiation);
    let bound = main_bound(summary);
    let per_work = power.per_work.map_or(String::new(), |each| format!(", {} per FLOP", prefixed(each.0, "J")));
    let upsets = radiation.silent_corruptions + radiation.memory_errors;
    let all = [
        ("Work delivered", work.delivered.to_string(), format!("{} computed, {} lost", work.computed, work.lost)),
        output_tile(summary),
        (
            "Mean clock",
            percent(work.clock_mean),
            format!("of full; throttled by heat {} of work", percent(heat.throttled)),
        ),
        ("Availability", percent(work.availability), "of site-time in useful work".to_owned()),
        (
            "Held back most by",
            bound.map_or("nothing".to_owned(), |(bound, _)| bound.word().to_owned()),
            bound.map_or("full clock throughout".to_owned(), |(_, share)| format!("{} of site-time", percent(share))),
        ),
        ("Energy drawn", energy(power.generated), format!("{} by accelerators{per_work}", energy(power.accelerator))),
        ("Lowest charge", percent(power.state_of_charge_min), format!("{} of time in eclipse", percent(power.eclipse))),
        ("Hottest chip", temperature(heat.chip_max), format!("radiator up to {}", temperature(heat.radiator_max))),
        (
            "Data to ground",
            data.down.to_string(),
            format!("{} of {} passes used", grouped(i64::from(data.contacts_used)), grouped(i64::from(data.contacts))),
        ),
        (
            "Dose",
            prefixed(radiation.dose.0, "Gy"),
            format!("{}, {}", plural(upsets, "upset", "upsets"), plural(radiation.interrupts, "reboot", "reboots")),
        ),
    ];
    let tiles: String = all
        .iter()
        .map(|(name, value, more)| {
            format!(
                "<div><small>{name}</small><b>{}</b><span>{}</span></div>\n",
                escaped(value),
                escaped(&unbroken(more))
            )
        })
        .collect();
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

/// What the run made: tokens, else requests, else images; the others in the small print.
fn output_tile(summary: &Summary) -> (&'static str, String, String) {
    let work = &summary.work;
    let mut made =
        [("Tokens trained", work.tokens), ("Requests served", work.requests), ("Images delivered", work.images)]
            .into_iter()
            .filter(|(_, number)| *number > 0.0);
    let jobs = format!(
        "{} of {} jobs delivered",
        work.jobs_delivered,
        work.jobs_delivered + work.jobs_computed + work.jobs_running + work.jobs_waiting
    );
    let Some((name, number)) = made.next() else { return ("Jobs delivered", work.jobs_delivered.to_string(), jobs) };
    let rest: Vec<String> = made.map(|(name, number)| format!("{} {}", count(number), name.to_lowercase())).collect();
    (name, count(number), if rest.is_empty() { jobs } else { rest.join(", ") })
}

/// Aggregates over all sites, where there is more than one.
fn fleet(record: &Record, timeline: &Timeline) -> String {
    let fleet = &record.fleet;
    if record.sites.len() < 2 {
        return String::new();
    }
    let times_s: Vec<f64> = fleet.time.iter().map(|&time| timeline.seconds(time)).collect();
    let line = |name: &str, colour, values: Vec<f64>| Line { name: name.to_owned(), colour, times_s: &times_s, values };
    let (power, power_unit) = scaled(&[&si(&fleet.array_used), &si(&fleet.load)], "W");
    let (work, work_unit) = scaled(&[&si(&fleet.work_rate)], "FLOP/s");
    let (down, down_unit) = scaled(&[&si(&fleet.downlink)], "bit/s");
    let counts = |values: &[u32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let [array, load] = two(power);
    let mut sites = Panel::new(
        "Sites",
        "sites",
        vec![
            line("at work", COMPUTE, counts(&fleet.sites_working)),
            line("in sunlight", SUN, counts(&fleet.sites_lit)),
        ],
    );
    sites.range = Some((0.0, record.sites.len() as f64));
    let mut power = Panel::new(
        "Power of all sites",
        power_unit,
        vec![line("drawn from arrays", SUN, array), line("all loads", LOAD, load)],
    );
    power.range = Some((0.0, 0.0));
    let mut charge = Panel::new(
        "Lowest charge",
        "%",
        vec![line("lowest state of charge", CHARGE, shares(&fleet.state_of_charge_min))],
    );
    charge.range = Some((0.0, 100.0));
    let chip = Panel::new("Hottest chip", "\u{b0}C", vec![line("hottest chip", HEAT, celsius(&fleet.chip_max))]);
    let mut work =
        Panel::new("Useful work", work_unit, vec![line("all sites", COMPUTE, work.into_iter().flatten().collect())]);
    work.range = Some((0.0, 0.0));
    let mut down =
        Panel::new("Data to ground", down_unit, vec![line("all sites", LINK, down.into_iter().flatten().collect())]);
    down.range = Some((0.0, 0.0));
    let map = if record.tracks.len() > 1 { fleet_map(record) } else { String::new() };
    let panels: String = [sites, power, charge, chip, work]
        .into_iter()
        .map(|panel| Panel { by_orbit: true, ..panel })
        .chain([down])
        .map(|panel| panel.draw(timeline, &[]))
        .collect();
    section(&format!("All {} sites", grouped(record.sites.len() as i64)), &(map + &panels))
}

fn fleet_map(record: &Record) -> String {
    let entries = legend([("in sunlight", SUN), ("in shadow", SHADOW), ("station", LINK)].into_iter());
    format!(
        "<figure class=\"map\"><figcaption><b>Tracked sites at the end</b>{entries}</figcaption>{}</figure>\n",
        map::fleet(record)
    )
}

/// Progress of the first jobs, every measured loss, and the table of all.
fn jobs(record: &Record, timeline: &Timeline) -> String {
    if record.jobs.is_empty() {
        return String::new();
    }
    let seconds = |instants: &mut dyn Iterator<Item = sunward_astro::time::Instant>| -> Vec<f64> {
        instants.map(|instant| timeline.seconds(instant)).collect()
    };
    let drawn: Vec<_> = record.jobs.iter().filter(|job| !job.history.is_empty()).take(JOBS_DRAWN_MAX).collect();
    let histories: Vec<Vec<f64>> =
        drawn.iter().map(|job| seconds(&mut job.history.iter().map(|point| point.0))).collect();
    let lines = drawn.iter().zip(&histories).zip(SERIES).map(|((job, times_s), colour)| Line {
        name: job.name.clone(),
        colour,
        times_s,
        values: job.history.iter().map(|point| point.1 * 100.0).collect(),
    });
    let mut progress = Panel::new("Progress", "%", lines.collect());
    progress.range = Some((0.0, 100.0));
    progress.height = 150.0;
    let mut content = progress.draw(timeline, &[]);
    for job in record.jobs.iter().filter(|job| !job.loss.is_empty()).take(JOBS_DRAWN_MAX) {
        let times_s = seconds(&mut job.loss.iter().map(|point| point.0));
        let values = job.loss.iter().map(|point| point.2).collect();
        let line = Line { name: job.name.clone(), colour: SERIES[0], times_s: &times_s, values };
        let held_back = Line {
            name: "validation".to_owned(),
            colour: SERIES[1],
            times_s: &seconds(&mut job.validation.iter().map(|point| point.0)),
            values: job.validation.iter().map(|point| point.2).collect(),
        };
        let lines = [line].into_iter().chain((!job.validation.is_empty()).then_some(held_back));
        let mut loss = Panel::new("Measured loss", "loss", lines.collect());
        loss.own_closeup_range = true;
        content += &loss.draw(timeline, &[]);
    }
    content + &tables::jobs(record, timeline)
}

/// Raw SI numbers of a column.
fn si<Q: Quantity>(column: &[Q]) -> Vec<f64> {
    column.iter().copied().map(Q::si).collect()
}

/// Shares in percent.
fn shares(column: &[Ratio]) -> Vec<f64> {
    column.iter().map(|share| share.0 * 100.0).collect()
}

fn celsius(column: &[sunward_units::Kelvin]) -> Vec<f64> {
    column.iter().map(|temperature| temperature.celsius()).collect()
}

/// Columns in the decimal prefix of `unit` that suits their largest number, and that unit's name.
fn scaled(columns: &[&[f64]], unit: &str) -> (Vec<Vec<f64>>, String) {
    let finite = columns.iter().flat_map(|column| column.iter()).filter(|value| value.is_finite());
    let (factor, letter) = prefix(finite.fold(0.0, |largest, value| largest.max(value.abs())));
    let scaled = columns.iter().map(|column| column.iter().map(|value| value / factor).collect()).collect();
    (scaled, format!("{letter}{unit}"))
}

fn two(columns: Vec<Vec<f64>>) -> [Vec<f64>; 2] {
    columns.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_escaped_and_control_characters_vanish() {
        assert_eq!(escaped("<b>\"A&B\"</b>\u{0}'"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;&#39;");
    }

    #[test]
    fn scaling_suits_the_largest_number() {
        assert_eq!(scaled(&[&[1.0, 1500.0], &[-2000.0]], "W"), (vec![vec![0.001, 1.5], vec![-2.0]], "kW".to_owned()));
    }
}
