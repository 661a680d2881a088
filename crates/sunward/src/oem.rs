//! `sunward oem`: a satellite's ephemeris as a CCSDS orbit ephemeris message.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sunward::World;
use sunward_astro::contact::EarthTrack;
use sunward_astro::ephemeris::{Ephemeris, Grid};
use sunward_astro::oem::{OemFrame, OemHeader, write_oem};
use sunward_mission::world::{Orbit, Place, Site};

use crate::Failure;
use crate::input::{text, world};

#[derive(Args)]
pub(crate) struct Options {
    /// Mission file.
    mission: PathBuf,
    /// Satellite; may be left out where the mission has one.
    #[arg(long)]
    site: Option<String>,
    /// Axes of the states.
    #[arg(long, value_enum, default_value = "teme")]
    frame: Frame,
}

#[derive(Clone, Copy, ValueEnum)]
enum Frame {
    /// True equator, mean equinox of date: SGP4's own.
    Teme,
    /// Turning with the Earth, without polar motion.
    EarthFixed,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
enum OemCommandError {
    #[error("no satellite is named {name:?}; the mission has {names}")]
    UnknownSite { name: String, names: String },
    #[error("the mission has {count} satellites; name one with --site")]
    WhichSite { count: usize },
    #[error("{name:?} stands on the ground; an ephemeris message tells of a satellite")]
    OnTheGround { name: String },
}

pub(crate) fn oem(options: &Options) -> Result<(), Failure> {
    let text = text(&options.mission)?;
    let world = world(&options.mission, &text).map_err(|faults| Failure::Input(faults.into()))?;
    let site = site(&world, options.site.as_deref())?;
    let Place::Orbit(orbit) = &site.place else {
        return Err(Failure::input(OemCommandError::OnTheGround { name: site.name.clone() }));
    };
    let grid = Grid::new(world.start, world.step, world.steps as usize + 1).map_err(Failure::input)?;
    let track = orbit.propagate(grid).map_err(Failure::input)?;
    println!("{}", message(&world, site, orbit, &track, options.frame)?);
    Ok(())
}

fn site<'w>(world: &'w World, name: Option<&str>) -> Result<&'w Site, Failure> {
    match name {
        None if world.sites.len() == 1 => Ok(&world.sites[0]),
        None => Err(Failure::input(OemCommandError::WhichSite { count: world.sites.len() })),
        Some(name) => world.sites.iter().find(|site| site.name == name).ok_or_else(|| {
            let names = world.sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
            Failure::input(OemCommandError::UnknownSite { name: name.to_owned(), names })
        }),
    }
}

/// The message; its creation date is the start of the mission, so that the same mission gives the same bytes.
fn message(world: &World, site: &Site, orbit: &Orbit, track: &Ephemeris, frame: Frame) -> Result<String, Failure> {
    let designator = match orbit {
        Orbit::Sgp4(elements) => elements.designator.clone(),
        Orbit::Mean(_) => None,
    };
    let mut header = OemHeader {
        originator: "SUNWARD",
        created: world.start,
        object_name: &site.name,
        object_id: designator.as_deref().unwrap_or("UNKNOWN"),
        frame: OemFrame::Teme,
    };
    let turned;
    let states = match frame {
        Frame::Teme => track.states(),
        Frame::EarthFixed => {
            header.frame = OemFrame::EarthFixed;
            turned = EarthTrack::new(track);
            turned.earth_fixed().states()
        }
    };
    write_oem(&header, world.start, world.step, states).map_err(Failure::run)
}
