//! Progress bars on a terminal, silence in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neurocuda_compiler::session::Progress;
use std::sync::{Arc, Mutex, PoisonError};

/// A bar for `length` steps of `what`.
pub fn bar(what: &str, length: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg:>20} {bar:30} {pos}/{len} {elapsed} (eta {eta})") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// A bar for whatever is reported, one after the other.
pub fn any() -> Progress {
    let current = Mutex::new((String::new(), ProgressBar::hidden()));
    Arc::new(move |what, done, all| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != what {
            current.1.finish_and_clear();
            *current = (what.to_owned(), bar(what, all));
        }
        current.1.set_position(done as u64);
        if done >= all {
            current.1.finish_and_clear();
        }
    })
}
