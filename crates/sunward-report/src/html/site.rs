//! One site in full: where it was, what shone on it, and how every state followed.

use sunward_sim::record::{Event, EventKind, Record, SiteInfo, Track};

use super::{celsius, orbit_s, run_length, scaled, shares, si};
use crate::html::escaped;
use crate::palette::{
    BOARD, BUS, CHARGE, COMPUTE, Colour, DEAD, HEAT, LINK, LOAD, RADIATION, RADIATOR, SHADOW, SUN, SUN_FAINT, UPLINK,
};
use crate::plot::panel::{Line, Mark, Panel, Rule, legend};
use crate::plot::strip::{bounds_over_time, dark_windows, eclipse_days};
use crate::plot::{Timeline, Window, map};
use crate::text::{grouped, utc};

/// Map, eclipses and panels of one tracked site, folded away unless `open`.
pub(super) fn section(record: &Record, track: &Track, times_s: &[f64], open: bool) -> String {
    if times_s.is_empty() {
        return String::new();
    }
    let site = &record.sites[track.site as usize];
    let timeline = Timeline::new(record.header.start, run_length(record), orbit_s(track, times_s));
    let dark = dark_windows(track, times_s, timeline.whole);
    let view = View { record, track, site, times_s, timeline: &timeline };
    let panels = [view.power(), view.charge(), view.nodes(), view.array(), view.clock()];
    let panels: String =
        panels.into_iter().map(|panel| Panel { by_orbit: true, ..panel }.draw(&timeline, &dark)).collect();
    let recent = [view.rates(), view.dose()];
    let recent: String = recent.iter().map(|panel| panel.draw(&timeline, &dark)).collect();
    format!(
        "<section class=\"{}\">\n<details{}>\n\
         <summary><h2>{}</h2><span>{}</span></summary>\n{}{}{panels}{}{recent}</details>\n</section>\n",
        if open { "site" } else { "fold" },
        if open { " open=\"open\"" } else { "" },
        escaped(&site.name),
        escaped(&site.accelerator),
        view.map(),
        eclipse_days(track, times_s, &timeline),
        bounds_over_time(track, times_s, &timeline),
    )
}

/// A track with what its plots need.
struct View<'a> {
    record: &'a Record,
    track: &'a Track,
    site: &'a SiteInfo,
    times_s: &'a [f64],
    timeline: &'a Timeline,
}

impl<'a> View<'a> {
    fn line(&self, name: &str, colour: Colour, values: Vec<f64>) -> Line<'a> {
        Line { name: name.to_owned(), colour, times_s: self.times_s, values }
    }

    fn map(&self) -> String {
        let window = self.track_window();
        let title = match &self.timeline.closeup {
            Some(closeup) => format!("Ground track, {}", closeup.title),
            None => "Ground track".to_owned(),
        };
        let end = self.track.time.last().map_or(String::new(), |&end| utc(end));
        let night = format!("day and night at {end}");
        let entries = [("in sunlight", SUN), ("in shadow", SHADOW), ("site at the end", HEAT), ("station", LINK)];
        let entries = legend(entries.into_iter().chain([(night.as_str(), crate::palette::NIGHT)]));
        let svg = map::ground_track(self.record, self.track, self.times_s, window);
        format!("<figure class=\"map\"><figcaption><b>{}</b>{entries}</figcaption>{svg}</figure>\n", escaped(&title))
    }

    /// A track that goes round is drawn for its last orbits, any other whole.
    fn track_window(&self) -> Window {
        if self.timeline.period_s.is_some() { self.timeline.recent() } else { self.timeline.whole }
    }

    fn power(&self) -> Panel<'a> {
        let t = self.track;
        let columns = [si(&t.array_available), si(&t.array_used), si(&t.load), si(&t.accelerator)];
        let (columns, unit) = scaled(&columns.each_ref().map(Vec::as_slice), "W");
        let names =
            [("array, available", SUN_FAINT), ("array, drawn", SUN), ("all loads", LOAD), ("accelerators", HEAT)];
        let lines = names.into_iter().zip(columns).map(|((name, colour), values)| self.line(name, colour, values));
        Panel { range: Some((0.0, 0.0)), height: 150.0, ..Panel::new("Power", unit, lines.collect()) }
    }

    fn charge(&self) -> Panel<'a> {
        let line = self.line("state of charge", CHARGE, shares(&self.track.state_of_charge));
        let floor =
            Rule { name: "floor kept by the scheduler".to_owned(), value: self.site.state_of_charge_floor.0 * 100.0 };
        Panel { range: Some((0.0, 100.0)), rules: vec![floor], ..Panel::new("Battery", "%", vec![line]) }
    }

    fn nodes(&self) -> Panel<'a> {
        let t = self.track;
        let lines = vec![
            self.line("chip", HEAT, celsius(&t.chip)),
            self.line("board", BOARD, celsius(&t.board)),
            self.line("radiator", RADIATOR, celsius(&t.radiator)),
            self.line("bus", BUS, celsius(&t.bus)),
        ];
        let throttle = Rule { name: "chip throttles".to_owned(), value: self.site.throttle_temperature.celsius() };
        Panel { rules: vec![throttle], height: 176.0, ..Panel::new("Temperature", "\u{b0}C", lines) }
    }

    fn array(&self) -> Panel<'a> {
        let line = self.line("solar array", SUN, celsius(&self.track.array));
        Panel { height: 84.0, ..Panel::new("Array temperature", "\u{b0}C", vec![line]) }
    }

    fn clock(&self) -> Panel<'a> {
        let line = self.line("clock over full clock", COMPUTE, shares(&self.track.clock));
        Panel { range: Some((0.0, 100.0)), height: 110.0, ..Panel::new("Clock", "%", vec![line]) }
    }

    fn rates(&self) -> Panel<'a> {
        let (columns, unit) = scaled(&[&si(&self.track.downlink), &si(&self.track.uplink)], "bit/s");
        let names = [("to the ground", LINK), ("from the ground", UPLINK)];
        let lines = names.into_iter().zip(columns).map(|((name, colour), values)| self.line(name, colour, values));
        Panel { range: Some((0.0, 0.0)), height: 84.0, ..Panel::new("Data rate", unit, lines.collect()) }
    }

    /// The dose absorbed so far, with the faults that struck on its curve.
    fn dose(&self) -> Panel<'a> {
        let (columns, unit) = scaled(&[&self.dose_so_far()], "Gy");
        let line = self.line("absorbed dose", RADIATION, columns.into_iter().flatten().collect());
        let mut panel = Panel::new("Dose and faults", unit, vec![line]);
        (panel.range, panel.own_closeup_range, panel.height) = (Some((0.0, 0.0)), true, 150.0);
        for (kind, name, colour) in FAULTS {
            let struck = |event: &&Event| event.kind == kind && event.site == self.track.site;
            let marks: Vec<Mark> =
                self.record.events.iter().filter(struck).map(|event| self.mark(event, colour)).collect();
            if !marks.is_empty() {
                panel.mark_names.push((format!("{name}: {}", grouped(marks.len() as i64)), colour));
                panel.marks.extend(marks);
            }
        }
        panel
    }

    fn mark(&self, event: &Event, colour: Colour) -> Mark {
        Mark { time_s: self.timeline.seconds(event.time), colour }
    }

    /// Rates times the length of their rows, summed; in gray.
    fn dose_so_far(&self) -> Vec<f64> {
        let mut before_s = 0.0;
        let mut dose_gy = 0.0;
        let rows = self.times_s.iter().zip(&self.track.dose);
        rows.map(|(&time_s, rate)| {
            dose_gy += rate.0 * (time_s - before_s);
            before_s = time_s;
            dose_gy
        })
        .collect()
    }
}

/// Faults by radiation, from the mildest.
const FAULTS: [(EventKind, &str, Colour); 4] = [
    (EventKind::SilentCorruption, "silent corruption", SUN),
    (EventKind::MemoryError, "memory error", LOAD),
    (EventKind::Interrupt, "interrupt, reboot", HEAT),
    (EventKind::PermanentFault, "permanent fault", DEAD),
];

#[cfg(test)]
mod tests {
    use sunward_units::{Grays, Ratio};

    use super::*;

    #[test]
    fn dose_adds_up_over_rows_of_any_length() {
        let track = Track { dose: vec![Grays(1e-6), Grays(3e-6), Grays(0.0)], ..Track::default() };
        let times_s = [10.0, 30.0, 60.0];
        let site = SiteInfo {
            name: String::new(),
            accelerator: String::new(),
            throttle_temperature: sunward_units::Kelvin(360.0),
            state_of_charge_floor: Ratio(0.3),
            stands_for: 1,
            battery: sunward_units::Joules(1.0),
        };
        let record = crate::tests_record();
        let timeline = Timeline::new(record.header.start, sunward_astro::time::Span::MINUTE, None);
        let view = View { record: &record, track: &track, site: &site, times_s: &times_s, timeline: &timeline };
        let dose = view.dose_so_far();
        for (got, expected) in dose.iter().zip([10e-6, 70e-6, 70e-6]) {
            assert!((got - expected).abs() < 1e-15, "{dose:?}");
        }
    }
}
