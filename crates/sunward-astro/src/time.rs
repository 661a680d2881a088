//! Instants and spans as integers, and the time scales UTC, TAI, TT and UT1.
//!
//! An [`Instant`] counts nanoseconds of TAI since J2000 (2000-01-01T12:00:00 TAI), a [`Span`] counts nanoseconds; both hold
//! 292 years either side, so that adding a million steps loses nothing. UTC exists only as text and as a [`Calendar`].
//!
//! **Source**: leap seconds from IERS Bulletin C (list `Leap_Second.dat`, valid as of Bulletin C 71: 37 s since 2017);
//! TT - TAI = 32.184 s from IAU 1991 recommendation IV.
//!
//! **Not modelled**: the stepped and rate-shifted UTC before 1972 (TAI - UTC is held at 10 s, up to 10 s wrong in 1958);
//! leap seconds not announced yet; UT1 - UTC, taken as zero. IERS keeps it within 0.9 s, which turns the Earth by at most
//! 13.5 arcsec: 419 m on the equator (465.1 m/s x 0.9 s). From 2021 to 2025 it stayed within 0.19 s,
//! 88 m (IERS, finals2000A).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use sunward_units::Seconds;

const NS_PER_S: i64 = 1_000_000_000;
const DAY_S: i64 = 86_400;
const DAY_NS: i64 = DAY_S * NS_PER_S;
const HALF_DAY_NS: i64 = DAY_NS / 2;
/// TT - TAI (IAU 1991, recommendation IV).
const TT_MINUS_TAI_NS: i64 = 32_184_000_000;
const JULIAN_CENTURY_S: f64 = 36_525.0 * 86_400.0;
/// Julian date of 2000-01-01T00:00.
const JULIAN_DATE_2000: f64 = 2_451_544.5;
/// The first and last year that fit an `i64` of nanoseconds whole.
const YEARS: std::ops::RangeInclusive<i64> = 1708..=2291;
/// Days of a common year before each month.
const DAYS_BEFORE_MONTH: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/// (year, month, TAI - UTC in seconds) from the first day of that month on. **Source**: IERS, `Leap_Second.dat`.
const LEAP_SECONDS: [(i64, i64, i64); 28] = [
    (1972, 1, 10),
    (1972, 7, 11),
    (1973, 1, 12),
    (1974, 1, 13),
    (1975, 1, 14),
    (1976, 1, 15),
    (1977, 1, 16),
    (1978, 1, 17),
    (1979, 1, 18),
    (1980, 1, 19),
    (1981, 7, 20),
    (1982, 7, 21),
    (1983, 7, 22),
    (1985, 7, 23),
    (1988, 1, 24),
    (1990, 1, 25),
    (1991, 1, 26),
    (1992, 7, 27),
    (1993, 7, 28),
    (1994, 7, 29),
    (1996, 1, 30),
    (1997, 7, 31),
    (1999, 1, 32),
    (2006, 1, 33),
    (2009, 1, 34),
    (2012, 7, 35),
    (2015, 7, 36),
    (2017, 1, 37),
];

/// Why a text or a calendar date is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form of a UTC time.
    #[error("time {text:?} does not read as UTC; expected for example \"2026-07-26T04:00:00Z\"")]
    NotUtc {
        /// The text that was read.
        text: String,
    },
    /// A field of the calendar outside its range.
    #[error("{field} {got} is outside {low}..={high}")]
    OutOfRange {
        /// Which field: year, month, day, day of year, hour, minute, second, nanosecond.
        field: &'static str,
        /// The value given.
        got: i64,
        /// The smallest value allowed.
        low: i64,
        /// The largest value allowed.
        high: i64,
    },
}

/// A moment: integer nanoseconds of TAI since J2000 (2000-01-01T12:00:00 TAI).
///
/// ```
/// use sunward_astro::time::{Instant, Span};
/// let start = Instant::from_utc_text("2026-07-26T04:00:00Z").unwrap();
/// assert_eq!((start + Span::MINUTE * 90).to_utc_text(), "2026-07-26T05:30:00.000Z");
/// assert_eq!(Instant::from_utc_text("2000-01-01T11:59:28Z").unwrap(), Instant(0)); // 32 s of leap seconds
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Instant(
    /// Nanoseconds of TAI since J2000.
    pub i64,
);

/// A length of time: integer nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Span(
    /// Nanoseconds.
    pub i64,
);

/// A UTC date and time of day; `second` is 60 during a leap second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Calendar {
    /// Gregorian year, 1708..=2291.
    pub year: i64,
    /// 1..=12.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
    /// 0..=23.
    pub hour: i64,
    /// 0..=59.
    pub minute: i64,
    /// 0..=59, or 60 during a leap second.
    pub second: i64,
    /// 0..=999_999_999.
    pub nanosecond: i64,
}

/// A Julian date in two parts whose sum is the date; the split keeps 1e-11 s instead of 4e-5 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JulianDate {
    /// The date at midnight: a whole number and a half.
    pub midnight_day: f64,
    /// The part of the day since, 0..1 (a leap second reaches just past 1).
    pub day_fraction: f64,
}

impl JulianDate {
    /// Days since noon of 2000-01-01 (Julian date 2451545.0), good to 1e-6 s within a century.
    #[must_use]
    pub fn days_since_2000(self) -> f64 {
        (self.midnight_day - 2_451_545.0) + self.day_fraction
    }
}

impl Span {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One millisecond.
    pub const MILLISECOND: Self = Self(1_000_000);
    /// One second.
    pub const SECOND: Self = Self(NS_PER_S);
    /// 60 s.
    pub const MINUTE: Self = Self(60 * NS_PER_S);
    /// 3,600 s.
    pub const HOUR: Self = Self(3600 * NS_PER_S);
    /// 86,400 s.
    pub const DAY: Self = Self(DAY_NS);

    /// The span nearest to `duration`, rounded to a nanosecond.
    ///
    /// # Panics
    /// When `duration` is not finite or is longer than 292 years.
    #[must_use]
    pub fn from_seconds(duration: Seconds) -> Self {
        let ns = (duration.0 * NS_PER_S as f64).round();
        assert!(ns.abs() < i64::MAX as f64, "span of {} s does not fit in +-292 years", duration.0);
        Self(ns as i64)
    }

    /// As seconds; exact to a nanosecond up to 104 days, to 2e-16 of the span beyond.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds(self.0 as f64 / NS_PER_S as f64)
    }

    /// How many whole `step`s fit (rounded down; negative for a negative span).
    ///
    /// # Panics
    /// When `step` is not positive.
    #[must_use]
    pub fn whole_steps(self, step: Self) -> i64 {
        assert!(step.0 > 0, "step of {} ns is not positive", step.0);
        self.0.div_euclid(step.0)
    }

    /// Magnitude.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Instant {
    /// 2000-01-01T12:00:00 TAI.
    pub const J2000: Self = Self(0);

    /// Reads "2026-07-26T04:00:00Z", with up to nine decimals of the second; second 60 only where a leap second was.
    ///
    /// # Errors
    /// [`TimeError`] when the text has another form or a field is out of range.
    pub fn from_utc_text(text: &str) -> Result<Self, TimeError> {
        let civil = text.trim().strip_suffix('Z').ok_or_else(|| TimeError::NotUtc { text: text.to_owned() })?;
        Self::from_civil_text(civil)
    }

    /// Reads UTC without the closing Z, as CCSDS messages write it: "2026-07-26T04:00:00.5" or "2026-207T04:00:00.5".
    ///
    /// **Source**: CCSDS 301.0-B-4, ASCII time codes A and B.
    ///
    /// # Errors
    /// [`TimeError`] when the text has another form or a field is out of range.
    pub fn from_civil_text(text: &str) -> Result<Self, TimeError> {
        let refuse = || TimeError::NotUtc { text: text.to_owned() };
        let (date, clock) = text.trim().split_once('T').ok_or_else(refuse)?;
        let date: Vec<&str> = date.split('-').collect();
        let clock: Vec<&str> = clock.split(':').collect();
        let [hour, minute, second] = clock[..] else { return Err(refuse()) };
        let (second, decimals) = second.split_once('.').unwrap_or((second, "0"));
        if decimals.len() > 9 {
            return Err(refuse());
        }
        let number = |digits: &str, width: usize| {
            let plain = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse::<i64>().map_err(|_| refuse()) } else { Err(refuse()) }
        };
        let nanosecond = number(decimals, decimals.len())? * 10i64.pow(9 - decimals.len() as u32);
        let (year, month, day) = match date[..] {
            [year, month, day] => (number(year, 4)?, number(month, 2)?, number(day, 2)?),
            [year, ordinal] => month_and_day(number(year, 4)?, number(ordinal, 3)?)?,
            _ => return Err(refuse()),
        };
        let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
        Self::from_calendar(Calendar { year, month, day, hour, minute, second, nanosecond })
    }

    /// The instant of a UTC date and time of day.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`], naming the field.
    pub fn from_calendar(utc: Calendar) -> Result<Self, TimeError> {
        check("year", utc.year, *YEARS.start(), *YEARS.end())?;
        check("month", utc.month, 1, 12)?;
        check("day", utc.day, 1, month_length(utc.year, utc.month))?;
        check("hour", utc.hour, 0, 23)?;
        check("minute", utc.minute, 0, 59)?;
        check("nanosecond", utc.nanosecond, 0, NS_PER_S - 1)?;
        let day = day_number(utc.year, utc.month, utc.day);
        let last_minute = utc.hour == 23 && utc.minute == 59;
        let leap = last_minute && tai_minus_utc_s(day + 1) > tai_minus_utc_s(day) && day >= leap_day(0);
        check("second", utc.second, 0, if leap { 60 } else { 59 })?;
        let of_day = (utc.hour * 60 + utc.minute) * 60 + utc.second;
        Ok(Self::from_utc_day(day, of_day * NS_PER_S + utc.nanosecond))
    }

    /// The instant `of_day_ns` after midnight UTC of the day `day` days after 2000-01-01.
    pub(crate) fn from_utc_day(day: i64, of_day_ns: i64) -> Self {
        Self(day * DAY_NS - HALF_DAY_NS + tai_minus_utc_s(day) * NS_PER_S + of_day_ns)
    }

    /// The instant `of_day_ns` after midnight UTC of a day of the year, from 1.
    pub(crate) fn from_year_and_day(year: i64, ordinal: i64, of_day_ns: i64) -> Result<Self, TimeError> {
        let (year, month, day) = month_and_day(year, ordinal)?;
        Ok(Self::from_utc_day(day_number(year, month, day), of_day_ns))
    }

    /// The UTC date and time of day.
    #[must_use]
    pub fn calendar(self) -> Calendar {
        let (day, of_day_ns) = self.utc_day();
        let (year, month, day) = date(day);
        let whole = (of_day_ns / NS_PER_S).min(DAY_S - 1);
        let leap = of_day_ns / NS_PER_S - whole;
        Calendar {
            year,
            month,
            day,
            hour: whole / 3600,
            minute: whole / 60 % 60,
            second: whole % 60 + leap,
            nanosecond: of_day_ns % NS_PER_S,
        }
    }

    /// As "2026-07-26T04:00:00.000Z", cut (not rounded) to a millisecond; `{:.9}` gives every nanosecond.
    #[must_use]
    pub fn to_utc_text(self) -> String {
        self.to_string()
    }

    /// Julian centuries of TT since J2000.0 TT, good to 1e-6 s within three centuries.
    #[must_use]
    pub fn julian_centuries_tt(self) -> f64 {
        let tt_ns = i128::from(self.0) + i128::from(TT_MINUS_TAI_NS);
        tt_ns as f64 / NS_PER_S as f64 / JULIAN_CENTURY_S
    }

    /// Julian date of UT1, taken as UTC (see the module's note: at most 0.9 s, 419 m on the equator).
    #[must_use]
    pub fn julian_date_ut1(self) -> JulianDate {
        let (day, of_day_ns) = self.utc_day();
        JulianDate { midnight_day: JULIAN_DATE_2000 + day as f64, day_fraction: of_day_ns as f64 / DAY_NS as f64 }
    }

    /// Whole UTC days since 2000-01-01 and the nanoseconds of the day (a leap second runs past 86,400 s).
    pub(crate) fn utc_day(self) -> (i64, i64) {
        let starts_after = |entry: &usize| self >= Self::from_utc_day(leap_day(*entry), 0);
        let entry = (0..LEAP_SECONDS.len()).rev().find(starts_after);
        let offset_s = LEAP_SECONDS[entry.unwrap_or(0)].2;
        let utc_ns = i128::from(self.0) + i128::from(HALF_DAY_NS - offset_s * NS_PER_S);
        let day = utc_ns.div_euclid(i128::from(DAY_NS)) as i64;
        let of_day_ns = utc_ns.rem_euclid(i128::from(DAY_NS)) as i64;
        let next = entry.map_or(0, |entry| entry + 1);
        if next > 0 && next < LEAP_SECONDS.len() && day >= leap_day(next) {
            return (day - 1, of_day_ns + DAY_NS);
        }
        (day, of_day_ns)
    }
}

fn check(field: &'static str, got: i64, low: i64, high: i64) -> Result<(), TimeError> {
    if (low..=high).contains(&got) { Ok(()) } else { Err(TimeError::OutOfRange { field, got, low, high }) }
}

/// TAI - UTC on the day `day` days after 2000-01-01.
fn tai_minus_utc_s(day: i64) -> i64 {
    let entry = (0..LEAP_SECONDS.len()).rev().find(|&entry| day >= leap_day(entry));
    LEAP_SECONDS[entry.unwrap_or(0)].2
}

fn leap_day(entry: usize) -> i64 {
    let (year, month, _) = LEAP_SECONDS[entry];
    day_number(year, month, 1)
}

fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    let length = DAYS_BEFORE_MONTH[month as usize] - DAYS_BEFORE_MONTH[month as usize - 1];
    length + i64::from(month == 2 && is_leap_year(year))
}

/// Days from 2000-01-01 to the first day of `year` (Gregorian).
fn year_start(year: i64) -> i64 {
    let leap_days = |before: i64| before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    (year - 2000) * 365 + leap_days(year - 1) - leap_days(1999)
}

fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let after_february = i64::from(month > 2 && is_leap_year(year));
    year_start(year) + DAYS_BEFORE_MONTH[month as usize - 1] + after_february + day - 1
}

/// The (year, month, day) of a day of the year, from 1.
fn month_and_day(year: i64, ordinal: i64) -> Result<(i64, i64, i64), TimeError> {
    check("year", year, *YEARS.start(), *YEARS.end())?;
    check("day of year", ordinal, 1, 365 + i64::from(is_leap_year(year)))?;
    Ok(date(year_start(year) + ordinal - 1))
}

/// The (year, month, day) of the day `day` days after 2000-01-01.
fn date(day: i64) -> (i64, i64, i64) {
    let guess = 2000 + day.div_euclid(if day < 0 { 365 } else { 366 });
    let year = (guess..).take_while(|&year| year_start(year) <= day).last().unwrap_or(guess);
    let month = (1..=12).rev().find(|&month| day_number(year, month, 1) <= day).unwrap_or(1);
    (year, month, day - day_number(year, month, 1) + 1)
}

impl FromStr for Instant {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::from_utc_text(text)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calendar { year, month, day, hour, minute, second, nanosecond } = self.calendar();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let digits = f.precision().unwrap_or(3).min(9);
        if digits > 0 {
            write!(f, ".{:0digits$}", nanosecond / 10i64.pow(9 - digits as u32))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, ns) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!("{sign}{}.{:09}", ns / NS_PER_S as u64, ns % NS_PER_S as u64);
        write!(f, "{} s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

macro_rules! integer_arithmetic {
    ($($a:ident $trait:ident $function:ident $b:ident = $c:ident, $op:tt;)+) => {$(
        impl $trait<$b> for $a {
            type Output = $c;
            #[inline]
            fn $function(self, other: $b) -> $c { $c(self.0 $op other.0) }
        }
    )+};
}

integer_arithmetic! {
    Instant Add add Span = Instant, +;
    Instant Sub sub Span = Instant, -;
    Instant Sub sub Instant = Span, -;
    Span Add add Span = Span, +;
    Span Sub sub Span = Span, -;
}

impl AddAssign<Span> for Instant {
    fn add_assign(&mut self, span: Span) {
        self.0 += span.0;
    }
}
impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl SubAssign for Span {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}
impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl Mul<i64> for Span {
    type Output = Self;
    #[inline]
    fn mul(self, times: i64) -> Self {
        Self(self.0 * times)
    }
}
/// Cut towards zero.
impl Div<i64> for Span {
    type Output = Self;
    #[inline]
    fn div(self, parts: i64) -> Self {
        Self(self.0 / parts)
    }
}
/// The ratio of two spans; [`Span::whole_steps`] is the integer quotient.
impl Div for Span {
    type Output = f64;
    #[inline]
    fn div(self, other: Self) -> f64 {
        self.0 as f64 / other.0 as f64
    }
}
impl Sum for Span {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.map(|span| span.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::from_utc_text(text).unwrap()
    }

    /// astropy 8.0.2: see testdata/time/reference.py.
    #[test]
    fn leap_seconds_and_julian_dates_match_astropy() {
        let table = include_str!("../../../testdata/time/reference.csv");
        let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert_eq!(rows.len(), 12);
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            let instant = at(cells[0]);
            assert_eq!(instant.0, cells[1].parse::<i64>().unwrap(), "{row}");
            let centuries: f64 = cells[2].parse().unwrap();
            assert!((instant.julian_centuries_tt() - centuries).abs() < 1e-15, "{row}");
            let utc = instant.julian_date_ut1();
            let day_error = (utc.midnight_day - cells[3].parse::<f64>().unwrap())
                + (utc.day_fraction - cells[4].parse::<f64>().unwrap());
            // astropy stretches the day that ends in a leap second, hence no such day in the table.
            assert!(day_error.abs() < 1e-15, "{row}: {day_error}");
        }
    }

    #[test]
    fn a_leap_second_is_read_and_written() {
        let (before, leap, after) =
            (at("2016-12-31T23:59:59Z"), at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z"));
        assert_eq!(leap - before, Span::SECOND);
        assert_eq!(after - leap, Span::SECOND);
        assert_eq!((leap + Span::MILLISECOND * 999).to_utc_text(), "2016-12-31T23:59:60.999Z");
        assert_eq!(format!("{:.0}", after), "2017-01-01T00:00:00Z");
    }

    #[test]
    fn every_instant_reads_back_from_its_text() {
        let step = Span(12_345_678_901_234_567);
        let mut instant = at("1708-01-01T00:00:00Z");
        for _ in 0..1480 {
            assert_eq!(Instant::from_utc_text(&format!("{instant:.9}")), Ok(instant));
            instant += step;
        }
        assert!(instant > at("2280-01-01T00:00:00Z"));
    }

    #[test]
    fn days_count_through_the_calendar() {
        let mut expected = at("1999-12-31T06:00:00Z");
        for (text, next) in [("2000-01-01", 1), ("2000-02-29", 59), ("2000-03-01", 1), ("2001-01-01", 306)] {
            expected += Span::DAY * next;
            assert_eq!(at(&format!("{text}T06:00:00Z")), expected, "{text}");
        }
        assert_eq!(Instant::from_civil_text("2026-207T04:00:00.25"), Ok(at("2026-07-26T04:00:00.25Z")));
        assert_eq!(Instant::from_civil_text("2024-366T00:00:00"), Ok(at("2024-12-31T00:00:00Z")));
    }

    #[test]
    fn spans_add_exactly() {
        let step = Span::from_seconds(Seconds(0.1));
        let mut instant = Instant::J2000;
        for _ in 0..1_000_000 {
            instant += step;
        }
        assert_eq!(instant - Instant::J2000, Span::SECOND * 100_000);
        assert_eq!(Span::from_seconds(Seconds(-1.5e-9)), Span(-2));
        assert_eq!((Span::DAY / Span::HOUR, Span::DAY / 24, (-Span::HOUR).abs()), (24.0, Span::HOUR, Span::HOUR));
        assert_eq!(
            (Span::DAY.whole_steps(Span(7)), (-Span::SECOND).whole_steps(Span::MINUTE)),
            (12_342_857_142_857, -1)
        );
        assert_eq!((Span::MINUTE + Span::MILLISECOND * 5).to_string(), "60.005 s");
        assert_eq!(Span::MINUTE.seconds(), Seconds(60.0));
    }

    #[test]
    fn wrong_times_are_refused_with_the_field() {
        let message = |text: &str| Instant::from_utc_text(text).unwrap_err().to_string();
        assert_eq!(
            message("2026-07-26 04:00"),
            "time \"2026-07-26 04:00\" does not read as UTC; expected for example \"2026-07-26T04:00:00Z\""
        );
        assert_eq!(message("2026-13-01T00:00:00Z"), "month 13 is outside 1..=12");
        assert_eq!(message("2025-02-29T00:00:00Z"), "day 29 is outside 1..=28");
        assert_eq!(message("2026-07-26T24:00:00Z"), "hour 24 is outside 0..=23");
        assert_eq!(message("2026-07-26T00:60:00Z"), "minute 60 is outside 0..=59");
        assert_eq!(message("2026-07-26T23:59:60Z"), "second 60 is outside 0..=59");
        assert_eq!(message("1971-12-31T23:59:60Z"), "second 60 is outside 0..=59");
        assert_eq!(message("3026-07-26T00:00:00Z"), "year 3026 is outside 1708..=2291");
        assert_eq!(message("2025-366T00:00:00Z"), "day of year 366 is outside 1..=365");
        for wrong in [
            "",
            "Z",
            "2026-7-26T00:00:00Z",
            "2026-07-26T+1:00:00Z",
            "2026-07-26T00:00:00.Z",
            "2026-07-26T00:00:00.0123456789Z",
            "2026-07-26T00:00Z",
        ] {
            assert!(message(wrong).contains("does not read as UTC"), "{wrong}");
        }
    }

    #[test]
    #[should_panic(expected = "span of inf s")]
    fn an_endless_span_is_refused() {
        let _ = Span::from_seconds(Seconds(f64::INFINITY));
    }
}
