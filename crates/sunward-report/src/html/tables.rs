//! The tables of the page.

use std::fmt::Write as _;

use sunward_sim::record::{EventKind, Header, JobOutcome, Record};
use sunward_sim::summary::Summary;
use sunward_units::{Joules, Ratio, Usd, significant};

use super::{escaped, section};
use crate::Assumption;
use crate::plot::Timeline;
use crate::text::{
    LATENCY_HEADINGS, count, defence_rows, duration, energy, event_word, fine_tuned, grouped, latency_rows, money_rows,
    percent, residual, shortened, state_word, temperature,
};

/// Rows of a table on the page; the Parquet tables hold all.
const ROWS_MAX: usize = 60;
/// Characters of a name in a table of many columns.
const NAME_MAX: usize = 20;

/// A table; columns whose heading starts with `#` hold numbers and align right, those with `!` names that stay on one
/// line. A cell's text is escaped here.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let class = |at: usize| match headings[at].as_bytes() {
        [b'#', ..] => " class=\"n\"",
        [b'!', ..] => " class=\"k\"",
        _ => "",
    };
    let cells = |tag: &str, row: &mut dyn Iterator<Item = &str>| -> String {
        row.enumerate().map(|(at, text)| format!("<{tag}{}>{}</{tag}>", class(at), escaped(text))).collect()
    };
    let head = cells("th", &mut headings.iter().map(|heading| heading.trim_start_matches(['#', '!'])));
    let mut html = format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in rows {
        let _ = writeln!(html, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
    }
    html + "</tbody>\n</table>\n"
}

/// A table of names and values under its own small heading.
fn pairs(title: &str, rows: &[(&str, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><td>{name}</td><td class=\"n\">{}</td></tr>\n", escaped(value)))
        .collect();
    format!("<div><h3>{title}</h3>\n<table>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n")
}

/// Every job with how far it came.
pub(super) fn jobs(record: &Record, timeline: &Timeline) -> String {
    let headings = [
        "!job",
        "kind",
        "!site",
        "!state",
        "#done",
        "#made",
        "#down",
        "#work",
        "#lost",
        "#busy",
        "#started",
        "#delivered",
        "#latency (95 %)",
    ];
    let when = |instant: Option<sunward_astro::time::Instant>| {
        instant.map_or("\u{2013}".to_owned(), |instant| format!("{:.2} d", timeline.seconds(instant) / 86_400.0))
    };
    let row = |job: &JobOutcome| {
        let late = job.deadline.is_some_and(|deadline| job.delivered.is_none_or(|delivered| delivered > deadline));
        vec![
            shortened(&job.name, NAME_MAX),
            job.kind.clone(),
            job.site.map_or("\u{2013}".to_owned(), |site| shortened(&record.sites[site as usize].name, NAME_MAX)),
            format!("{}{}", state_word(job.state), if late { ", late" } else { "" }),
            percent(job.progress),
            format!("{} {}", count(job.units), job.unit),
            count(job.units_delivered),
            job.work.to_string(),
            job.work_lost.to_string(),
            duration(job.busy),
            when(job.started),
            when(job.delivered),
            match (job.latency.total.median, job.latency.total.p95) {
                (Some(median), Some(p95)) => format!("{} ({})", duration(median), duration(p95)),
                _ => "\u{2013}".to_owned(),
            },
        ]
    };
    let rows: Vec<Vec<String>> = record.jobs.iter().take(ROWS_MAX).map(row).collect();
    let proxies = record.jobs.iter().filter_map(|job| Some((&job.name, job.proxy.as_ref()?))).take(ROWS_MAX);
    let notes: String = proxies
        .map(|(name, proxy)| format!("<p class=\"note\">Proxy, {}: {}</p>\n", escaped(name), escaped(proxy)))
        .collect();
    let tuned = record.jobs.iter().filter_map(|job| Some((&job.name, fine_tuned(job)?))).take(ROWS_MAX);
    let tuned: String =
        tuned.map(|(name, told)| format!("<p class=\"note\">{}: {told}</p>\n", escaped(name))).collect();
    table(&headings, &rows) + &more(record.jobs.len(), "jobs") + &latencies(record) + &notes + &tuned
}

fn more(len: usize, name: &str) -> String {
    if len <= ROWS_MAX {
        return String::new();
    }
    format!("<p class=\"note\">{} more are in the table <code>{name}</code>.</p>\n", grouped((len - ROWS_MAX) as i64))
}

/// Where the time of delivered requests and images went.
fn latencies(record: &Record) -> String {
    let rows: Vec<Vec<String>> = latency_rows(&record.jobs).take(ROWS_MAX).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut headings = LATENCY_HEADINGS.map(|heading| format!("#{heading}"));
    headings[0] = format!("!{}", LATENCY_HEADINGS[0]);
    table(&headings.each_ref().map(String::as_str), &rows)
}

/// Where energy, heat and data went, what radiation did, and how well the balances close.
pub(super) fn ledger(summary: &Summary) -> String {
    let (power, heat, data, radiation, work, balance) =
        (&summary.energy, &summary.heat, &summary.data, &summary.radiation, &summary.work, &summary.balance);
    let of_available = |part: Joules| {
        let share = part / power.available;
        if share.is_finite() { format!("{} ({})", energy(part), percent(Ratio(share))) } else { energy(part) }
    };
    let defended = summary.defences.iter().map(|defences| pairs("Defences against upsets", &defence_rows(defences)));
    let tables = [
        pairs(
            "Energy (share of available)",
            &[
                ("arrays, available", energy(power.available)),
                ("arrays, drawn", of_available(power.generated)),
                ("accelerators", of_available(power.accelerator)),
                ("other loads", of_available(power.other_loads)),
                ("lost in conversion and batteries", of_available(power.losses)),
                ("change of stored energy", energy(power.stored)),
                ("battery cycles", significant(power.cycles, 4)),
                ("battery capacity left", percent(power.battery_health)),
            ],
        ),
        pairs(
            "Heat",
            &[
                ("hottest chip", temperature(heat.chip_max)),
                ("hottest board", temperature(heat.board_max)),
                ("hottest radiator", temperature(heat.radiator_max)),
                ("coldest bus", temperature(heat.bus_min)),
                ("radiated to space", energy(heat.radiated)),
                ("absorbed from Sun and Earth", energy(heat.absorbed)),
                ("working time throttled by heat", percent(heat.throttled)),
            ],
        ),
        pairs(
            "Data",
            &[
                (
                    "passes used",
                    format!("{} of {}", grouped(i64::from(data.contacts_used)), grouped(i64::from(data.contacts))),
                ),
                ("time in view", duration(data.contact_time)),
                ("carried up", data.up.to_string()),
                ("carried down", data.down.to_string()),
                ("waiting at the end", data.waiting.to_string()),
                ("refused, store full", data.dropped.to_string()),
            ],
        ),
        pairs(
            "Losses to radiation",
            &[
                ("mean dose of a site", crate::text::prefixed(radiation.dose.0, "Gy")),
                ("silent corruptions", grouped(i64::from(radiation.silent_corruptions))),
                ("memory errors", grouped(i64::from(radiation.memory_errors))),
                ("interrupts", grouped(i64::from(radiation.interrupts))),
                ("permanent faults", grouped(i64::from(radiation.permanent_faults))),
                ("roll-backs", grouped(i64::from(radiation.rollbacks))),
                ("work thrown away", work.lost.to_string()),
                ("time in reboots", duration(radiation.reboot_time)),
            ],
        ),
        pairs(
            "Balances (largest relative residual)",
            &[
                ("energy on the bus", residual(balance.energy)),
                ("heat of the nodes", residual(balance.heat)),
                ("data, counted in whole bits", "0".to_owned()),
            ],
        ),
        pairs(
            "Jobs",
            &[
                ("delivered", grouped(i64::from(work.jobs_delivered))),
                ("computed, not delivered", grouped(i64::from(work.jobs_computed))),
                ("running", grouped(i64::from(work.jobs_running))),
                ("waiting", grouped(i64::from(work.jobs_waiting))),
                ("deadlines missed", grouped(i64::from(work.deadlines_missed))),
            ],
        ),
    ];
    let tables: String = tables.into_iter().chain(defended).collect();
    section("Balances and losses", &format!("<div class=\"grid\">\n{tables}</div>\n"))
}

/// What was paid, what the time flown costs, and what for; nothing where no ledger is kept.
pub(super) fn money(summary: &Summary) -> String {
    let Some(money) = &summary.money else { return String::new() };
    let of = |amounts: &[(String, Usd)]| -> Vec<(String, Usd)> {
        amounts.iter().filter(|(_, amount)| amount.0 != 0.0).cloned().collect()
    };
    let named = |amounts: &[(String, Usd)]| -> Vec<(String, String)> {
        of(amounts).into_iter().map(|(name, amount)| (name, amount.to_string())).collect()
    };
    let table = |title: &str, rows: &[(String, String)]| {
        let rows: Vec<(&str, String)> = rows.iter().map(|(name, amount)| (name.as_str(), amount.clone())).collect();
        pairs(title, &rows)
    };
    let title = format!("Money of {}, discounted at {} a year", money.price_year, percent(money.discount_rate));
    let tables = [
        pairs(&title, &money_rows(money)),
        table("Cost of the time flown: lasting parts spread over their lives", &named(&money.of_time_flown)),
        table("Paid and earned", &named(&money.paid)),
    ];
    section("Money", &format!("<div class=\"grid\">\n{}</div>\n", tables.concat()))
}

/// What went wrong, and what came down as text.
pub(super) fn incidents(record: &Record) -> String {
    use EventKind::{
        Alarm, Interrupt, LoadShed, MemoryError, PermanentFault, Rollback, Sample, SilentCorruption, ThermalShutdown,
    };
    let faults = [Alarm, Interrupt, LoadShed, MemoryError, PermanentFault, Rollback, SilentCorruption, ThermalShutdown];
    let list = |title: &str, kinds: &[EventKind]| {
        let found: Vec<_> = record.events.iter().filter(|event| kinds.contains(&event.kind)).collect();
        if found.is_empty() {
            return String::new();
        }
        let rows: Vec<Vec<String>> = found
            .iter()
            .take(ROWS_MAX)
            .map(|event| {
                let job = event.job.map_or(String::new(), |job| record.jobs[job as usize].name.clone());
                let site = record.sites[event.site as usize].name.clone();
                vec![format!("{:.0}", event.time), site, event_word(event.kind).to_owned(), job, event.detail.clone()]
            })
            .collect();
        let body = table(&["time", "site", "what", "job", "detail"], &rows) + &more(found.len(), "events");
        let number = grouped(found.len() as i64);
        format!(
            "<section class=\"fold\">\n<details>\n\
             <summary><h2>{title}</h2><span>{number}</span></summary>\n{body}</details>\n</section>\n"
        )
    };
    list("Results that came down", &[Sample]) + &list("Incidents", &faults)
}

/// Where an assumption comes from, and why it is what it is.
fn origin(assumption: &Assumption) -> String {
    let Assumption { source, reason, .. } = assumption;
    if reason.is_empty() { source.clone() } else { format!("{source}: {reason}") }
}

/// What the run stands on.
pub(super) fn assumptions(assumptions: &[Assumption]) -> String {
    if assumptions.is_empty() {
        return String::new();
    }
    section("Assumptions", &assumption_table(assumptions))
}

/// As [`assumptions`], folded away under the mission's name.
pub(crate) fn folded_assumptions(mission: &str, assumptions: &[Assumption]) -> String {
    format!(
        "<section class=\"fold\">\n<details>\n<summary><h2>Assumptions of {}</h2><span>{}</span></summary>\n{}</details>\n</section>\n",
        escaped(mission),
        grouped(assumptions.len() as i64),
        assumption_table(assumptions)
    )
}

fn assumption_table(assumptions: &[Assumption]) -> String {
    let range = |low: &Option<String>, high: &Option<String>| match (low, high) {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(low), None) => format!("at least {low}"),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "\u{2013}".to_owned(),
    };
    let row = |a: &Assumption| vec![a.key.clone(), a.value.clone(), range(&a.low, &a.high), a.kind.clone(), origin(a)];
    let rows: Vec<Vec<String>> = assumptions.iter().map(row).collect();
    table(&["what", "#value", "#range", "kind", "source"], &rows)
}

/// What the models leave out.
pub(crate) fn not_modelled(items: &[String]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
    section("Not modelled", &if items.is_empty() { items } else { format!("<ul class=\"plain\">\n{items}</ul>\n") })
}

/// What must be equal for two runs to give the same bytes.
pub(super) fn provenance(header: &Header) -> String {
    let item = |name: &str, value: &str| format!("{name} <code>{}</code>", escaped(value));
    let items = [
        item("Sunward", &header.version),
        item("mission", &header.mission_hash),
        item("catalog", &header.catalog_hash),
        item("seed", &header.seed.to_string()),
    ];
    format!("<footer>{}. World outline: Natural Earth, public domain.</footer>\n", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_escaped_and_numbers_align_right() {
        let html = table(&["a", "#b"], &[vec!["<x>".to_owned(), "1".to_owned()]]);
        assert!(html.contains("<td>&lt;x&gt;</td><td class=\"n\">1</td>"), "{html}");
    }
}
