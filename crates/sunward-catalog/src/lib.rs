//! Accelerators, cells, batteries, coatings, stations, platforms and prices: the numbers Sunward does not compute.
//!
//! Every number is a [`Valued`]: it has a range, a source with a date, and a [`Kind`] that says whether it was published,
//! measured, derived or assumed; an assumption carries its reason. The data are TOML files embedded in the library.
//!
//! ```
//! use sunward_catalog::Catalog;
//! let catalog = Catalog::builtin();
//! let chip = catalog.accelerator("h100-pcie")?;
//! assert_eq!(chip.power.text, "350 W");
//! let unknown = catalog.accelerator("h100-pci").unwrap_err().to_string();
//! assert!(unknown.starts_with("no accelerator is called \"h100-pci\"; did you mean h100-pcie"));
//! # Ok::<(), sunward_catalog::CatalogError>(())
//! ```

mod catalog;
mod entry;
pub mod platform;
mod quantity;
mod value;
mod view;

pub use catalog::{Catalog, CatalogError, Source};
pub use entry::*;
pub use platform::Platform;
pub use quantity::*;
pub use value::{Chosen, Kind, Valued};
pub use view::{EntryView, FieldView};
