//! Two-line element sets.
//!
//! **Source**: the column layout of Kelso, "Frequently Asked Questions: Two-Line Element Set Format" (CelesTrak, 2019);
//! alpha-5 catalog numbers, Space-Track "Alpha-5" (2020).

use std::ops::RangeInclusive;

use sunward_units::{Radians, Ratio};

use super::{CatalogNumber, DragTerm, Elements, ElementsError, MeanMotion};
use crate::time::Instant;

const LINE_LENGTH: usize = 69;
/// Alpha-5's leading letters for 10..=33: I and O are left out.
const ALPHA_5: &str = "ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Years 57..=99 are of the twentieth century, the first of a satellite being 1957.
const FIRST_YEAR: i64 = 57;

/// The elements of one set: two lines, or three with a name before them.
///
/// # Errors
/// [`ElementsError`] naming line and column.
pub fn read_tle(text: &str) -> Result<Elements, ElementsError> {
    let mut sets = read_tles(text).map_err(|mut errors| errors.swap_remove(0))?;
    match sets.len() {
        1 => Ok(sets.swap_remove(0)),
        count => Err(ElementsError::At {
            line: text.lines().count().max(1),
            column: 1,
            got: format!("{count} sets"),
            expected: "one set of elements".to_owned(),
        }),
    }
}

/// The elements of every set in `text`; blank lines and lines that start with # are skipped.
///
/// # Errors
/// One [`ElementsError`] for each faulty set, naming line and column.
pub fn read_tles(text: &str) -> Result<Vec<Elements>, Vec<ElementsError>> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, text)| Line { number: index + 1, text: text.trim_end() })
        .filter(|line| !line.text.is_empty() && !line.text.starts_with('#'))
        .peekable();
    let (mut sets, mut errors) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next() {
        let named = !(line.text.starts_with("1 ") || line.text.starts_with("2 "));
        let first = if named { lines.next_if(|next| next.text.starts_with("1 ")) } else { Some(line) };
        let second = lines.next_if(|next| next.text.starts_with("2 "));
        let name = named.then(|| line.text.strip_prefix("0 ").unwrap_or(line.text).trim().to_owned());
        let set = match (first, second) {
            (Some(first), Some(second)) => read_lines(name, first, second),
            (Some(first), None) => Err(first.error(1..=1, "a line 1 with a line 2 after it")),
            (None, _) => Err(line.error(1..=1, "a line 1, or a name with a line 1 after it")),
        };
        match set {
            Ok(set) => sets.push(set),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(sets) } else { Err(errors) }
}

fn read_lines(name: Option<String>, first: Line<'_>, second: Line<'_>) -> Result<Elements, ElementsError> {
    first.check('1', &[2, 9, 18, 33, 44, 53, 62, 64])?;
    second.check('2', &[2, 8, 17, 26, 34, 43, 52])?;
    let catalog_number = first.catalog_number()?;
    if second.catalog_number()? != catalog_number {
        return Err(second.error(3..=7, &format!("the catalog number of line 1, {:?}", first.field(3..=7))));
    }
    first.decimal(34..=43, "half the mean motion's derivative, as .00001234")?;
    first.exponential(45..=52)?;
    let eccentricity = second.digits(27..=33)?;
    let degrees = |columns: RangeInclusive<usize>, most: f64| {
        let value = second.decimal(columns.clone(), "degrees")?;
        let inside = (0.0..=most).contains(&value);
        inside
            .then(|| Radians::from_degrees(value))
            .ok_or_else(|| second.error(columns, &format!("0..={most} degrees")))
    };
    let mean_motion = second.decimal(53..=63, "revolutions per day")?;
    if mean_motion <= 0.0 {
        return Err(second.error(53..=63, "more than 0 revolutions per day"));
    }
    Elements {
        name,
        catalog_number,
        designator: first.designator()?,
        epoch: first.epoch()?,
        mean_motion: MeanMotion::from_revolutions_per_day(mean_motion),
        eccentricity: Ratio(eccentricity as f64 / 1e7),
        inclination: degrees(9..=16, 180.0)?,
        right_ascension: degrees(18..=25, 360.0)?,
        argument_of_perigee: degrees(35..=42, 360.0)?,
        mean_anomaly: degrees(44..=51, 360.0)?,
        drag_term: DragTerm(first.exponential(54..=61)?),
    }
    .checked()
}

/// A line and its number in the text, from 1.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// The text of columns counted from 1; only after [`Line::check`], which makes columns bytes.
    fn field(&self, columns: RangeInclusive<usize>) -> &'a str {
        self.text.get(columns.start() - 1..(*columns.end()).min(self.text.len())).unwrap_or(self.text)
    }

    fn error(&self, columns: RangeInclusive<usize>, expected: &str) -> ElementsError {
        let (line, column) = (self.number, *columns.start());
        ElementsError::At { line, column, got: self.field(columns).to_owned(), expected: expected.to_owned() }
    }

    /// Length, characters, line number, blanks and checksum.
    fn check(&self, number: char, blanks: &[usize]) -> Result<(), ElementsError> {
        let wrong =
            |column, got: String, expected: String| Err(ElementsError::At { line: self.number, column, got, expected });
        if let Some((at, odd)) = self.text.char_indices().find(|(_, c)| !(c.is_ascii_graphic() || *c == ' ')) {
            return wrong(at + 1, odd.to_string(), "a printable ASCII character".to_owned());
        }
        if self.text.len() != LINE_LENGTH {
            let got = format!("{} characters", self.text.len());
            return wrong(self.text.len().min(LINE_LENGTH), got, format!("{LINE_LENGTH} characters"));
        }
        if !self.text.starts_with(number) {
            return Err(self.error(1..=1, &format!("line number {number}")));
        }
        if let Some(&column) = blanks.iter().find(|&&column| self.field(column..=column) != " ") {
            return Err(self.error(column..=column, "a blank"));
        }
        let value = |c: char| c.to_digit(10).unwrap_or(u32::from(c == '-'));
        let sum = self.field(1..=68).chars().map(value).sum::<u32>() % 10;
        if self.field(69..=69) == sum.to_string() {
            Ok(())
        } else {
            Err(self.error(69..=69, &format!("checksum {sum}")))
        }
    }

    fn digits(&self, columns: RangeInclusive<usize>) -> Result<u32, ElementsError> {
        let text = self.field(columns.clone());
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { text.parse().ok() } else { None };
        number.ok_or_else(|| self.error(columns.clone(), &format!("{} digits", columns.count())))
    }

    fn decimal(&self, columns: RangeInclusive<usize>, expected: &str) -> Result<f64, ElementsError> {
        let text = self.field(columns.clone()).trim();
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+'));
        let number = if plain { text.parse().ok() } else { None };
        number.ok_or_else(|| self.error(columns, expected))
    }

    /// "-12345-6" means -0.12345e-6.
    fn exponential(&self, columns: RangeInclusive<usize>) -> Result<f64, ElementsError> {
        let text = self.field(columns.clone());
        let expected = "a sign, five digits, and an exponent of a sign and a digit, as -12345-6";
        let (mantissa, exponent) = text.split_at(6);
        let (sign, digits) = mantissa.split_at(1);
        let (exponent_sign, exponent_digit) = exponent.split_at(1);
        let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let shaped = matches!(sign, " " | "-" | "+") && matches!(exponent_sign, "-" | "+" | " ");
        if !(shaped && plain(digits) && plain(exponent_digit)) {
            return Err(self.error(columns, expected));
        }
        format!("{}.{digits}e{}{exponent_digit}", sign.trim(), exponent_sign.trim())
            .parse()
            .map_err(|_| self.error(columns, expected))
    }

    fn catalog_number(&self) -> Result<CatalogNumber, ElementsError> {
        let refuse =
            || self.error(3..=7, "a catalog number: five digits, or a letter other than I and O and four digits");
        let text = self.field(3..=7).trim_start();
        let first = text.chars().next().ok_or_else(refuse)?;
        let (thousands, rest) = match ALPHA_5.find(first) {
            Some(index) if text.len() == 5 => (10 + index as u32, &text[1..]),
            _ => (0, text),
        };
        let plain = rest.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = if plain { rest.parse().map_err(|_| refuse())? } else { return Err(refuse()) };
        Ok(CatalogNumber(thousands * 10_000 + number))
    }

    /// "98067A" in columns 10 to 17 means "1998-067A"; blank means none.
    fn designator(&self) -> Result<Option<String>, ElementsError> {
        let text = self.field(10..=17).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = || self.error(10..=17, "a designator as 98067A, or blanks");
        let (year, launch) = text.split_at_checked(2).ok_or_else(refuse)?;
        let year = year.parse().map_err(|_| refuse())?;
        Ok(Some(format!("{}-{launch}", full_year(year))))
    }

    fn epoch(&self) -> Result<Instant, ElementsError> {
        let refuse =
            || self.error(19..=32, "an epoch as 26207.12345678: two digits of the year, then the day of the year");
        let year = full_year(i64::from(self.digits(19..=20)?));
        let (day, decimals) = self.field(21..=32).trim().split_once('.').ok_or_else(refuse)?;
        let plain = decimals.len() <= 12 && decimals.bytes().chain(day.bytes()).all(|byte| byte.is_ascii_digit());
        let (day, fraction): (i64, i128) = match (day.parse(), decimals.parse()) {
            (Ok(day), Ok(fraction)) if plain => (day, fraction),
            _ => return Err(refuse()),
        };
        let parts = 10i128.pow(decimals.len() as u32);
        let of_day_ns = (fraction * 86_400_000_000_000 + parts / 2) / parts;
        let (line, column, got) = (self.number, 19, self.field(19..=32).to_owned());
        Instant::from_year_and_day(year, day, of_day_ns as i64).map_err(|source| ElementsError::Epoch {
            line,
            column,
            got,
            source,
        })
    }
}

fn full_year(two_digits: i64) -> i64 {
    two_digits + if two_digits < FIRST_YEAR { 2000 } else { 1900 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "1 25544U 98067A   20194.88612269 -.00002218  00000-0 -31515-4 0  9992";
    const SECOND: &str = "2 25544  51.6461 221.2784 0001413  89.1723 280.4612 15.49507896236008";

    fn with_checksum(line: &str) -> String {
        let sum: u32 = line[..68].chars().map(|c| c.to_digit(10).unwrap_or(u32::from(c == '-'))).sum();
        format!("{}{}", &line[..68], sum % 10)
    }

    fn message(first: &str, second: &str) -> String {
        read_tle(&format!("{first}\n{second}\n")).unwrap_err().to_string()
    }

    /// The ISS of 2020-07-12, read by hand off the columns.
    #[test]
    fn every_column_arrives() {
        let iss = read_tle(&format!("0 ISS (ZARYA)\n{FIRST}\r\n{SECOND}")).unwrap();
        assert_eq!(iss.name.as_deref(), Some("ISS (ZARYA)"));
        assert_eq!((iss.catalog_number, iss.designator.as_deref()), (CatalogNumber(25544), Some("1998-067A")));
        // Day 194 of a leap year is 12 July; 0.88612269 d = 76561.000416 s = 21:16:01.000416.
        assert_eq!(format!("{:.9}", iss.epoch), "2020-07-12T21:16:01.000416000Z");
        assert!((iss.mean_motion.revolutions_per_day() - 15.49507896).abs() < 1e-12);
        assert_eq!((iss.eccentricity, iss.drag_term), (Ratio(0.0001413), DragTerm(-0.31515e-4)));
        let degrees = [iss.inclination, iss.right_ascension, iss.argument_of_perigee, iss.mean_anomaly];
        for (angle, expected) in degrees.into_iter().zip([51.6461, 221.2784, 89.1723, 280.4612]) {
            assert!((angle.degrees() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn alpha_5_numbers_skip_i_and_o() {
        for (text, number) in [("A0000", 100_000), ("H9999", 179_999), ("J0000", 180_000), ("Z9999", 339_999)] {
            let [first, second] = [FIRST, SECOND].map(|line| with_checksum(&line.replace("25544", text)));
            assert_eq!(read_tle(&format!("{first}\n{second}")).unwrap().catalog_number, CatalogNumber(number));
        }
        let [first, second] = [FIRST, SECOND].map(|line| with_checksum(&line.replace("25544", "I0000")));
        assert!(message(&first, &second).contains("line 1, column 3: got \"I0000\", expected a catalog number"));
    }

    #[test]
    fn epoch_years_run_from_1957_to_2056() {
        for (digits, year) in [("57", 1957), ("99", 1999), ("00", 2000), ("56", 2056)] {
            let first = with_checksum(&FIRST.replace("20194", &format!("{digits}194")));
            assert_eq!(read_tle(&format!("{first}\n{SECOND}")).unwrap().epoch.calendar().year, year);
        }
    }

    /// Of 68 columns, a change by one of any digit is caught by the checksum.
    #[test]
    fn any_changed_digit_is_caught() {
        for line in [FIRST, SECOND] {
            for column in (0..69).filter(|&at| line.as_bytes()[at].is_ascii_digit()) {
                let mut bytes = line.as_bytes().to_vec();
                bytes[column] = b'0' + (bytes[column] - b'0' + 1) % 10;
                let changed = String::from_utf8(bytes).unwrap();
                let text = if line == FIRST { format!("{changed}\n{SECOND}") } else { format!("{FIRST}\n{changed}") };
                assert!(read_tle(&text).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn errors_say_line_column_got_and_expected() {
        let changed = |line: &str, from: &str, to: &str| with_checksum(&line.replacen(from, to, 1));
        let cases = [
            (format!("{}3", &FIRST[..68]), SECOND.to_owned(), "line 1, column 69: got \"3\", expected checksum 2"),
            (
                FIRST[..60].to_owned(),
                SECOND.to_owned(),
                "line 1, column 60: got \"60 characters\", expected 69 characters",
            ),
            (
                FIRST.to_owned(),
                changed(SECOND, "25544", "25545"),
                "line 2, column 3: got \"25545\", expected the catalog",
            ),
            (
                FIRST.to_owned(),
                changed(SECOND, "51.6461", "181.646"),
                "line 2, column 9: got \" 181.646\", expected 0..=180",
            ),
            (
                FIRST.to_owned(),
                changed(SECOND, "0001413", "00 1413"),
                "line 2, column 27: got \"00 1413\", expected 7 digits",
            ),
            (
                FIRST.to_owned(),
                changed(SECOND, "15.49507896", "00.00000000"),
                "line 2, column 53: got \"00.00000000\", expected more",
            ),
            (
                FIRST.to_owned(),
                changed(SECOND, "  89.1723", "X 89.1723"),
                "line 2, column 34: got \"X\", expected a blank",
            ),
            (
                changed(FIRST, "-31515-4", "-3.515-4"),
                SECOND.to_owned(),
                "line 1, column 54: got \"-3.515-4\", expected a sign",
            ),
            (changed(FIRST, "20194", "20367"), SECOND.to_owned(), "day of year 367 is outside 1..=366"),
            (
                changed(FIRST, "20194.", "20194,"),
                SECOND.to_owned(),
                "line 1, column 19: got \"20194,88612269\", expected an epoch",
            ),
            (
                FIRST.replace("98067A", "9\u{e9}067A"),
                SECOND.to_owned(),
                "line 1, column 11: got \"\u{e9}\", expected a printable",
            ),
            (
                changed(FIRST, "98067A", "XX067A"),
                SECOND.to_owned(),
                "line 1, column 10: got \"XX067A  \", expected a designator",
            ),
            (
                FIRST.to_owned(),
                FIRST.to_owned(),
                "line 1, column 1: got \"1\", expected a line 1 with a line 2 after it",
            ),
            ("ISS".to_owned(), SECOND.to_owned(), "line 1, column 1: got \"I\", expected a line 1, or a name"),
        ];
        for (first, second, expected) in cases {
            let got = message(&first, &second);
            assert!(got.contains(expected), "{got}\n{expected}");
        }
        let none = read_tle("").unwrap_err().to_string();
        assert_eq!(none, "line 1, column 1: got \"0 sets\", expected one set of elements");
    }

    #[test]
    fn a_catalog_reports_every_faulty_set() {
        let text =
            format!("{FIRST}\n{SECOND}\n\nA\n{FIRST}9\n{SECOND}\nB\n{FIRST}\n{}", SECOND.replace("51.6", "51.7"));
        let errors = read_tles(&text).unwrap_err();
        let lines: Vec<String> = errors.iter().map(|error| error.to_string()[..7].to_owned()).collect();
        assert_eq!(lines, ["line 5,", "line 9,"]);
        assert_eq!(read_tles(&format!("# two\n{FIRST}\n{SECOND}\n{FIRST}\n{SECOND}")).unwrap().len(), 2);
    }
}
