//! Where things are and when: time scales, orbital elements, propagation, and the frames between orbit and ground.
//!
//! Instants are integers (nanoseconds of TAI), positions and velocities are columns in metres and metres per second.

pub mod batch;
pub mod contact;
pub mod decay;
pub mod eclipse;
pub mod elements;
pub mod ephemeris;
pub mod frames;
mod intervals;
pub mod magnetic;
pub mod mean;
pub mod moon;
pub mod oem;
pub mod sgp4;
pub mod state;
pub mod station;
pub mod sun;
pub mod time;
mod vector;
