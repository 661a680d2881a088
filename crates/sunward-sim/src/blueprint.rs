//! The scheduler's answer for one planning window: immutable. Execution follows it; within it, jobs share each step strictly by rank.

use sunward_astro::time::Instant;
use sunward_units::Watts;

/// What every site does between two planning instants.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// First step of the window.
    pub begin: u64,
    /// Step after its last.
    pub end: u64,
    /// One plan a site, `[site]`.
    pub sites: Vec<SitePlan>,
}

/// What one site does during a window.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePlan {
    /// Jobs that come to the site with this window, index into the world's.
    pub arriving: Vec<u32>,
    /// Power the accelerators may draw at most, so that the battery lasts over this window and the next.
    pub power_cap: Watts,
    /// Whether they work in the shadow too.
    pub work_in_shadow: bool,
    /// Stations given to the site, in order of time, not overlapping.
    pub slots: Vec<Slot>,
}

/// A station given to a site for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Station.
    pub station: u32,
    /// First instant.
    pub begin: Instant,
    /// Last instant.
    pub end: Instant,
    /// The pass it belongs to, index into the window's passes of the site.
    pub pass: u32,
}
