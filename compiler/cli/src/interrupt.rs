//! Ctrl-C as a flag: the first asks for an orderly end, the second ends at once.

use crate::failure::Failure;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A flag that Ctrl-C sets.
pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        crate::messages::note("\nstopping after this chunk; Ctrl-C again stops at once");
    })
    .map_err(Failure::input)?;
    Ok(flag)
}
