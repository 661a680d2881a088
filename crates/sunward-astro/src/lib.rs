//! Where things are and when: time scales, orbital elements, propagation, and the frames between orbit and ground.
//!
//! Instants are integers (nanoseconds of TAI), positions and velocities are columns in metres and metres per second.

pub mod magnetic;
pub mod batch;
pub mod elements;
pub mod frames;
pub mod oem;
pub mod sgp4;
pub mod state;
pub mod time;
pub mod decay;
pub mod eclipse;
pub mod ephemeris;
pub mod mean;
pub mod moon;
pub mod sun;
mod intervals;
mod vector;
pub mod contact;
pub mod station;
