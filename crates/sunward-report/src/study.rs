//! A page about many runs: what was found, on what it stands, what is left out.

use sunward_mission::world::Assumption;

pub use crate::plot::bars::{Amount, Estimate, Share, Swing, Waterfall, shares, tornado, waterfalls};
pub use crate::plot::cloud::{Designs, Mark, Spread, front, histogram};
pub use crate::plot::ruler::Axis;

use crate::html::{closed, escaped, head, section, tables};
use crate::palette::Colour;
use crate::plot::bars::{ENDS, SHARES};
use crate::plot::cloud::{DESIGNS, SPREADS};
use crate::plot::panel::legend;

/// Which colours a figure uses.
#[derive(Debug, Clone, PartialEq)]
pub enum Legend {
    /// None that need telling.
    Plain,
    /// Of a tornado.
    Ends,
    /// Of shares of a variance.
    Shares,
    /// Of designs and their front.
    Designs,
    /// Of spreads, each with its name.
    Spreads(Vec<String>),
}

/// A page in the making; each call adds to its end. It is self-contained: no script, no font, no picture from elsewhere.
///
/// ```
/// use sunward_report::study::Page;
/// let mut page = Page::new("Radiator", "How large it should be.", "20 runs");
/// page.table("Result", &["what", "#value"], &[vec!["area".to_owned(), "0.9 m2".to_owned()]]);
/// assert!(page.finish("seed 1").contains("0.9 m2"));
/// ```
#[derive(Debug, Clone)]
pub struct Page(String);

impl Page {
    /// A page with its title, what it says in a sentence, and how that was found.
    #[must_use]
    pub fn new(title: &str, lead: &str, note: &str) -> Self {
        let header = format!(
            "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"note\">{}</p>\n</header>\n",
            escaped(title),
            escaped(lead),
            escaped(note)
        );
        Self(head(title) + &header)
    }

    /// A figure with what is to be seen in it.
    pub fn figure(&mut self, title: &str, caption: &str, colours: &Legend, svg: &str) {
        let named = |entries: &[(&str, Colour)]| legend(entries.iter().copied());
        let colours = match colours {
            Legend::Plain => String::new(),
            Legend::Ends => named(&ENDS),
            Legend::Shares => named(&SHARES),
            Legend::Designs => named(&DESIGNS),
            Legend::Spreads(names) => legend(names.iter().map(String::as_str).zip(SPREADS.into_iter().cycle())),
        };
        let caption = format!("<p class=\"note\">{}</p>\n", escaped(caption));
        self.0 += &section(title, &format!("{caption}<figure>{colours}{svg}</figure>\n"));
    }

    /// A table; columns whose heading starts with `#` hold numbers, those with `!` names that stay on one line.
    pub fn table(&mut self, title: &str, headings: &[&str], rows: &[Vec<String>]) {
        self.0 += &section(title, &tables::table(headings, rows));
    }

    /// A paragraph under its own heading.
    pub fn text(&mut self, title: &str, text: &str) {
        self.0 += &section(title, &format!("<p>{}</p>\n", escaped(text)));
    }

    /// What the runs of a mission stand on: every value with its range, source and reason.
    pub fn assumptions(&mut self, mission: &str, all: &[Assumption]) {
        self.0 += &tables::folded_assumptions(mission, all);
    }

    /// What the models leave out.
    pub fn not_modelled(&mut self, items: &[String]) {
        self.0 += &tables::not_modelled(items);
    }

    /// The page, with what must be equal for the same study to give the same page.
    #[must_use]
    pub fn finish(self, provenance: &str) -> String {
        closed(self.0 + &format!("<footer>{}.</footer>\n", escaped(provenance)))
    }
}
