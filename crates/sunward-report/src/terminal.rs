//! The summary as a table for a terminal.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table, TableComponent};
use sunward_sim::record::{Event, EventKind, Record};
use sunward_sim::summary::Summary;

use crate::html::main_bound;
use crate::text::{
    LATENCY_HEADINGS, count, defence_rows, duration, energy, fine_tuned, grouped, latency_rows, money_rows, percent,
    plural, prefixed, residual, state_word, temperature,
};

/// The summary as aligned text without colour, two columns wide.
#[must_use]
pub fn summary_table(summary: &Summary) -> String {
    let mut table = plain_table();
    table.set_header([
        summary.header.mission.clone(),
        format!("{} from {:.0}", duration(summary.duration), summary.header.start),
    ]);
    for (name, value) in rows(summary) {
        table.add_row([name.to_owned(), value]);
    }
    if let Some(values) = table.column_mut(1) {
        values.set_cell_alignment(CellAlignment::Right);
    }
    lines(&table).join("\n")
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    for part in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(part);
    }
    table
}

fn lines(table: &Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// One line a job, where the time of requests and images went, and the last text that came down from each.
#[must_use]
pub fn jobs_table(record: &Record) -> String {
    let mut table = plain_table();
    table.set_header(["job", "kind", "state", "done", "made", "down", "lost", "busy"]);
    for job in &record.jobs {
        table.add_row([
            job.name.clone(),
            job.kind.clone(),
            state_word(job.state).to_owned(),
            percent(job.progress),
            format!("{} {}", count(job.units), job.unit),
            count(job.units_delivered),
            job.work_lost.to_string(),
            duration(job.busy),
        ]);
    }
    let mut lines = lines(&table);
    lines.extend(latency_table(record));
    for (index, job) in record.jobs.iter().enumerate() {
        lines.extend(job.proxy.iter().map(|proxy| format!("{}: {proxy}", job.name)));
        lines.extend(fine_tuned(job).map(|told| format!("{}: {told}", job.name)));
        let texts = last_texts(record, index as u32, if job.kind == "training" { 1 } else { ANSWERS });
        lines.extend(texts.iter().map(|text| format!("{}, {text}", job.name)));
    }
    lines.join("\n")
}

/// Latency of requests and images and what it is made of; no line where nothing was delivered.
fn latency_table(record: &Record) -> Vec<String> {
    let mut table = plain_table();
    table.set_header(LATENCY_HEADINGS);
    let rows: Vec<Vec<String>> = latency_rows(&record.jobs).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines(&table)
}

/// Answers of a job that are shown; the report and the events hold all.
const ANSWERS: usize = 3;

/// The last texts of a job that reached the ground, with their delays.
fn last_texts(record: &Record, job: u32, count: usize) -> Vec<String> {
    let of_job = |event: &&Event| event.kind == EventKind::Sample && event.job == Some(job);
    let texts = record.events.iter().rev().filter(of_job);
    let texts = texts.map(|event| event.detail.clone()).filter(|detail| !detail.starts_with("(light"));
    let mut last: Vec<String> = texts.take(count).collect();
    last.reverse();
    last
}

fn rows(summary: &Summary) -> Vec<(&'static str, String)> {
    let (work, power, heat, data, radiation, balance) =
        (&summary.work, &summary.energy, &summary.heat, &summary.data, &summary.radiation, &summary.balance);
    let made = [("tokens trained", work.tokens), ("requests served", work.requests), ("images delivered", work.images)];
    let made = made.into_iter().filter(|(_, number)| *number > 0.0).map(|(name, number)| (name, count(number)));
    let upsets = radiation.silent_corruptions + radiation.memory_errors;
    let jobs = work.jobs_delivered + work.jobs_computed + work.jobs_running + work.jobs_waiting;
    let mut rows = vec![
        ("sites", grouped(i64::from(summary.sites))),
        ("mass launched", summary.launched.to_string()),
        ("work computed", work.computed.to_string()),
        ("work delivered", work.delivered.to_string()),
        ("work lost to roll-backs", work.lost.to_string()),
    ];
    rows.extend(made);
    rows.extend([
        ("jobs delivered", format!("{} of {}", work.jobs_delivered, jobs)),
        ("deadlines missed", grouped(i64::from(work.deadlines_missed))),
        ("availability", percent(work.availability)),
        ("mean clock while working", percent(work.clock_mean)),
        (
            "held back most by",
            main_bound(summary).map_or("nothing".to_owned(), |(b, share)| format!("{}, {}", b.word(), percent(share))),
        ),
        ("energy available", energy(power.available)),
        ("energy drawn", energy(power.generated)),
        ("  by accelerators", energy(power.accelerator)),
        ("  by other loads", energy(power.other_loads)),
        ("  lost in conversion", energy(power.losses)),
        ("time in eclipse", percent(power.eclipse)),
        ("lowest state of charge", percent(power.state_of_charge_min)),
        ("hottest chip", temperature(heat.chip_max)),
        ("hottest radiator", temperature(heat.radiator_max)),
        ("working time throttled", percent(heat.throttled)),
        ("passes used", format!("{} of {}", grouped(i64::from(data.contacts_used)), grouped(i64::from(data.contacts)))),
        ("data down", data.down.to_string()),
        ("data up", data.up.to_string()),
        ("dose", prefixed(radiation.dose.0, "Gy")),
        (
            "faults",
            format!("{}, {}", plural(upsets, "upset", "upsets"), plural(radiation.interrupts, "reboot", "reboots")),
        ),
    ]);
    rows.extend(summary.defences.iter().flat_map(defence_rows));
    rows.extend(summary.money.iter().flat_map(money_rows));
    rows.push(("largest balance residual", residual(balance.energy.max(balance.heat))));
    rows
}
