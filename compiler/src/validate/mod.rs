//! Numeric validation: of every pass ([`each`]), and of a finished artifact ([`artifact`]) with its [`report`].

pub mod artifact;
pub mod each;
pub mod meaning;
pub mod report;
pub mod resume;
pub mod shard;
pub mod summary;
pub mod tally;
