//! An upset campaign as one page: bars of outcomes, and tables.

use std::fmt::Write as _;

use crate::html::{escaped, head, section};
use crate::palette::{COMPUTE, Colour, GRID, IDLE, INK, MUTED, RADIATION, SUN};
use crate::plot::panel::legend;
use crate::plot::{Anchor, GUTTER, PAGE_WIDTH, Scale, figure, multiples};
use crate::text::grouped;

/// Outcomes of a flip in the order of a bar's counts.
pub const OUTCOMES: [&str; 4] = ["harmless", "detected", "recovered", "silent"];

const COLOURS: [Colour; 4] = [IDLE, SUN, COMPUTE, RADIATION];

/// Flips that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What.
    pub name: String,
    /// How many came to each outcome, in the order of [`OUTCOMES`].
    pub counts: [u64; 4],
}

/// A table: title, header, rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Title.
    pub title: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells, as many a row as the header has.
    pub rows: Vec<Vec<String>>,
}

/// What a campaign's page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignPage {
    /// Its name.
    pub title: String,
    /// What it found, in a sentence.
    pub lead: String,
    /// What was done, in sentences.
    pub notes: Vec<String>,
    /// Titles and bars.
    pub figures: Vec<(String, Vec<Bar>)>,
    /// Tables.
    pub sheets: Vec<Sheet>,
}

/// The page, self-contained.
#[must_use]
pub fn campaign_page(page: &CampaignPage) -> String {
    let mut html = head(&page.title);
    let _ =
        write!(html, "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", escaped(&page.title), escaped(&page.lead));
    for note in &page.notes {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escaped(note));
    }
    html += "</header>\n";
    for (title, bars) in &page.figures {
        let names = legend(OUTCOMES.into_iter().zip(COLOURS));
        html += &section(title, &format!("<figure>{}{names}</figure>\n", drawn(title, bars)));
    }
    for sheet in &page.sheets {
        html += &section(&sheet.title, &table(sheet));
    }
    html + "</main>\n</body>\n</html>\n"
}

const ROW: f64 = 22.0;
const TOP: f64 = 20.0;
/// Room for the numbers right of the bars.
const NUMBERS: f64 = 250.0;
/// Least width of an outcome that came at all, so that one flip in ten thousand is seen.
const SEEN: f64 = 3.0;

/// Each bar as shares of its flips, with the counts beside it.
fn drawn(title: &str, bars: &[Bar]) -> String {
    let height = TOP + ROW * bars.len() as f64 + 8.0;
    let scale = Scale { low: 0.0, high: 1.0, from: GUTTER + 40.0, to: PAGE_WIDTH - NUMBERS };
    figure(
        PAGE_WIDTH,
        height,
        &format!("{title}: shares of harmless, detected, recovered and silent flips"),
        |canvas| {
            for tick in multiples(0.0, 1.0, 0.25) {
                let x = scale.at(tick);
                canvas.line((x, TOP - 4.0), (x, height - 6.0), GRID, 1.0);
                canvas.text(&format!("{:.0} %", 100.0 * tick), (x, TOP - 11.0), 10.5, MUTED, Anchor::Middle);
            }
            for (row, bar) in bars.iter().enumerate() {
                let y = TOP + ROW * (row as f64 + 0.5);
                canvas.text(&bar.name, (scale.from - 8.0, y), 11.5, INK, Anchor::End);
                let total: u64 = bar.counts.iter().sum();
                let mut left = scale.from;
                let shown = bar.counts.iter().zip(COLOURS).filter(|(count, _)| **count > 0);
                for (count, colour) in shown {
                    let width = (*count as f64 / total as f64 * (scale.to - scale.from)).max(SEEN);
                    let right = (left + width).min(scale.to);
                    canvas.block((right.min(left).min(scale.to - SEEN), y - 7.0), (right, y + 7.0), colour, 1.0);
                    left = right;
                }
                let counts: Vec<String> = bar.counts.iter().map(|count| grouped(*count as i64)).collect();
                canvas.text(&counts.join(" / "), (scale.to + 12.0, y), 11.5, INK, Anchor::Start);
            }
        },
    )
}

fn table(sheet: &Sheet) -> String {
    let cells = |tag: &str, row: &[String]| -> String {
        let cell = |(at, text): (usize, &String)| {
            let class = if at == 0 { "" } else { " class=\"n\"" };
            format!("<{tag}{class}>{}</{tag}>", escaped(text))
        };
        row.iter().enumerate().map(cell).collect()
    };
    let rows: String = sheet.rows.iter().map(|row| format!("<tr>{}</tr>\n", cells("td", row))).collect();
    format!("<table>\n<tr>{}</tr>\n{rows}</table>\n", cells("th", &sheet.header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> CampaignPage {
        CampaignPage {
            title: "a < b".to_owned(),
            lead: "No silent flip.".to_owned(),
            notes: vec!["12 flips".to_owned()],
            figures: vec![(
                "by place".to_owned(),
                vec![
                    Bar { name: "weights".to_owned(), counts: [9_990, 0, 9, 1] },
                    Bar { name: "none".to_owned(), counts: [0; 4] },
                ],
            )],
            sheets: vec![Sheet {
                title: "cost".to_owned(),
                header: vec!["a".to_owned()],
                rows: vec![vec!["1".to_owned()]],
            }],
        }
    }

    #[test]
    fn a_page_is_well_formed_and_names_what_it_shows() {
        let html = campaign_page(&page());
        roxmltree::Document::parse_with_options(
            &html,
            roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() },
        )
        .unwrap();
        for text in ["a &lt; b", "9,990 / 0 / 9 / 1", "weights", "<th>a</th>", "recovered"] {
            assert!(html.contains(text), "{text}");
        }
    }

    /// One silent flip in ten thousand has a mark of its own colour.
    #[test]
    fn the_rarest_outcome_is_seen() {
        let silent = format!("#{:06X}", 0x882255);
        let with = campaign_page(&page()).matches(&silent).count();
        let mut without = page();
        without.figures[0].1[0].counts[3] = 0;
        assert_eq!(with, campaign_page(&without).matches(&silent).count() + 1);
    }
}
