//! Numeric validation: of every pass ([`each`], and [`bisect`] to find one), and of a finished artifact ([`artifact`]) with its [`report`], for machines and, as a
//! page ([`html`]), for people.

pub mod artifact;
pub mod bisect;
pub mod bits;
pub mod curve;
pub mod each;
pub mod exit;
pub mod html;
pub mod layers;
pub mod meaning;
pub mod raster;
pub mod reference;
pub mod report;
pub mod resume;
pub mod shard;
pub mod statistics;
pub mod summary;
pub mod tally;
mod values;
